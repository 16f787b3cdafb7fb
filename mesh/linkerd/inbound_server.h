#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/linkerd/policies.h"

/// What a pod's proxy goes by on one of its ports: what Linkerd's policy controller makes of all
/// policies. Source: linkerd/linkerd2 policy-controller/k8s/index/src/inbound/index.rs. Pure.
namespace mesh::linkerd {

/// Who may come in: clients of the networks that show what is wanted.
struct Authorization {
    enum class Client : std::uint8_t {
        Anybody,
        Tls,        // of the mesh, whoever it is
        Identities, // one that matches one of `identities`
    };
    std::string name; // "authorizationpolicy/NS/NAME", "serverauthorization/NS/NAME",
                      // "default/all-authenticated"
    Client client = Client::Anybody;
    std::vector<std::string> identities; // patterns
    std::vector<Network> networks;
    bool audit = false; // what it lets in is told of
    bool operator==(const Authorization&) const = default;
};

/// An HTTPRoute of the Server, with what it allows besides.
struct InboundRoute {
    RouteTable table;
    std::vector<Authorization> authorizations;
    bool operator==(const InboundRoute&) const = default;
};

struct InboundServer {
    std::string server; // "NS/NAME"; "": none governs the port, its default policy does
    DefaultPolicy policy = DefaultPolicy::AllUnauthenticated; // or its accessPolicy
    ProxyProtocol protocol = ProxyProtocol::Unknown;
    std::vector<Authorization> authorizations;
    std::vector<InboundRoute> routes;
    std::vector<std::string> probe_paths; // of the kubelet, which anybody may GET without routes
    bool operator==(const InboundServer&) const = default;

    /// "server/NS/NAME" or "default/all-unauthenticated".
    [[nodiscard]] std::string reference() const;
};

/// The same with what people want to know of it.
struct Governing {
    InboundServer inbound;
    /// Policies that are meant for it and ignored: "AuthorizationPolicy shop/x: there is no
    /// MeshTLSAuthentication shop/y".
    std::vector<std::string> ignored;
    std::vector<std::string> others; // "NS/NAME" of Servers that select the port too
};

/// Of the Servers of the pod's namespace that select pod and port, the oldest governs, of two of
/// an age the first by name; of none, the pod's default policy. `port` is the container's.
[[nodiscard]] Governing
govern(const Policies& policies, const Workload& pod, std::uint16_t port, std::string_view domain);

/// The same of a Server, whichever pods it selects.
[[nodiscard]] Governing
govern_by(const Policies& policies, const Server& server, std::string_view domain);

/// The ports of a pod that a Server selects; none: not the pod.
[[nodiscard]] std::vector<std::uint16_t> ports_of(const Server& server, const Workload& pod);

/// Why the authentications that the policy requires make none; "" if they do.
[[nodiscard]] std::string authentication_problem(
    const Policies& policies, const AuthorizationPolicy& policy, std::string_view domain);
[[nodiscard]] std::string authentication_problem(const ServerAuthorization& policy);

/// Whether the policy is one for that Server itself, or its namespace.
[[nodiscard]] bool targets_server(const AuthorizationPolicy& policy, const Server& server);
[[nodiscard]] bool targets_route(const AuthorizationPolicy& policy, const HttpRoute& route);
[[nodiscard]] bool is_route_of(const HttpRoute& route, const Server& server);
[[nodiscard]] bool selects(const ServerAuthorization& policy, const Server& server);

} // namespace mesh::linkerd
