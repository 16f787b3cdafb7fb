#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mesh/linkerd/default_policy.h"
#include "mesh/linkerd/network.h"
#include "mesh/linkerd/route.h"
#include "mesh/linkerd/selector.h"

/// The kinds of policy.linkerd.io as values, and what they are asked about. Source:
/// linkerd/linkerd2 charts/linkerd-crds/templates/policy.
namespace mesh::linkerd {

inline constexpr const char* kPolicyGroup = "policy.linkerd.io";
inline constexpr const char* kGatewayGroup = "gateway.networking.k8s.io";

/// An object that another one names. An absent namespace is that of the other.
struct Reference {
    std::string group;
    std::string kind;
    std::string ns;
    std::string name;
    bool operator==(const Reference&) const = default;
    /// Group and kind, in any case of the letters.
    [[nodiscard]] bool is(std::string_view of_group, std::string_view of_kind) const;
};

/// What a port speaks, as a Server says (proxyProtocol).
enum class ProxyProtocol : std::uint8_t { Unknown, Http1, Http2, Grpc, Opaque, Tls };

/// "unknown", "HTTP/1", ...
[[nodiscard]] std::string_view proxy_protocol_name(ProxyProtocol protocol);
[[nodiscard]] std::optional<ProxyProtocol> parse_proxy_protocol(std::string_view name);

struct Server {
    std::string ns;
    std::string name;
    std::string created;  // RFC 3339 in UTC
    Labels labels;        // of the Server
    bool for_pods = true; // false: for ExternalWorkloads
    LabelSelector pods;
    std::uint16_t port = 0; // 0: by name
    std::string port_name;
    ProxyProtocol protocol = ProxyProtocol::Unknown;
    DefaultPolicy access_policy = DefaultPolicy::Deny;
    bool operator==(const Server&) const = default;
};

struct ServerAuthorization {
    std::string ns;
    std::string name;
    std::string server; // by name; "": by labels
    LabelSelector servers;
    std::vector<Network> networks; // empty: those of the cluster
    bool unauthenticated = false;
    bool unauthenticated_tls = false;
    std::vector<std::string> identities; // patterns
    std::vector<Reference> accounts;
    bool operator==(const ServerAuthorization&) const = default;
};

struct AuthorizationPolicy {
    std::string ns;
    std::string name;
    Reference target;
    std::vector<Reference> required; // empty: anybody
    bool operator==(const AuthorizationPolicy&) const = default;
};

struct MeshTlsAuthentication {
    std::string ns;
    std::string name;
    std::vector<std::string> identities; // patterns
    std::vector<Reference> references;   // to ServiceAccounts and Namespaces
    bool operator==(const MeshTlsAuthentication&) const = default;
};

struct NetworkAuthentication {
    std::string ns;
    std::string name;
    std::vector<Network> networks;
    bool operator==(const NetworkAuthentication&) const = default;
};

struct HttpRoute {
    std::string group; // kPolicyGroup or kGatewayGroup
    std::string ns;
    std::string name;
    std::vector<Reference> parents; // Servers are in the route's namespace
    RouteTable table;
    bool operator==(const HttpRoute&) const = default;
};

/// All there are, in the order of namespace and name.
struct Policies {
    std::vector<Server> servers;
    std::vector<ServerAuthorization> server_authorizations;
    std::vector<AuthorizationPolicy> authorization_policies;
    std::vector<MeshTlsAuthentication> mesh_tls;
    std::vector<NetworkAuthentication> networks;
    std::vector<HttpRoute> routes;
    bool operator==(const Policies&) const = default;
};

/// A pod as policies see it.
struct Workload {
    struct Port {
        std::string name;
        std::uint16_t port = 0;
    };
    std::string ns;
    Labels labels;
    std::vector<Port> named_ports; // of TCP
    DefaultPolicy default_policy = DefaultPolicy::AllUnauthenticated;
    std::set<std::uint16_t> opaque_ports;
    std::set<std::uint16_t> identity_ports; // whose default policy wants an identity
    /// What its kubelet asks for on a port: (port, path of a GET).
    std::set<std::pair<std::uint16_t, std::string>> probes;
};

} // namespace mesh::linkerd
