#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/istio/authorization.h"
#include "mesh/istio/destination.h"
#include "mesh/istio/peer_authentication.h"
#include "mesh/istio/request_authentication.h"
#include "mesh/istio/traffic.h"
#include "mesh/linkerd/inbound_server.h"
#include "netemu/base/address.h"

/// What the sidecars of a mesh go by, as values: Istio's configuration for Envoy, or Linkerd's for
/// its proxies, without what no sidecar here acts on.
namespace mesh {

/// Whose sidecars they are. It decides what they do, but not how.
enum class SidecarMesh : std::uint8_t { Istio, Linkerd };

/// Where a sidecar takes the connections of its pod's netfilter rules (istio.io
/// ops/deployment/application-requirements), and the mark of the packets that it sends itself, by
/// which those rules let them pass (istio/istio:cni, in-pod mode: 0x539 is 1337, the user ID of a
/// sidecar that is a process).
inline constexpr std::uint16_t kSidecarOutboundPort = 15001;
inline constexpr std::uint16_t kSidecarInboundPort = 15006;
inline constexpr std::uint32_t kSidecarMark = 0x539;

/// The same of Linkerd's (linkerd/website reference/iptables.md): 2102 is its user ID.
inline constexpr std::uint16_t kLinkerdOutboundPort = 4140;
inline constexpr std::uint16_t kLinkerdInboundPort = 4143;
inline constexpr std::uint32_t kLinkerdMark = 2102;

/// Where a sidecar tells of itself: its counters, whether it is ready. They pass the redirection
/// by.
inline constexpr std::uint16_t kSidecarMetricsPort = 15090;
inline constexpr std::uint16_t kSidecarStatusPort = 15020;
inline constexpr std::uint16_t kLinkerdAdminPort = 4191;

[[nodiscard]] inline std::vector<std::uint16_t> sidecar_admin_ports(SidecarMesh mesh) {
    return mesh == SidecarMesh::Istio
               ? std::vector<std::uint16_t>{kSidecarMetricsPort, kSidecarStatusPort}
               : std::vector<std::uint16_t>{kLinkerdAdminPort};
}

struct SidecarPorts {
    std::uint16_t outbound;
    std::uint16_t inbound;
};
[[nodiscard]] constexpr SidecarPorts sidecar_ports(SidecarMesh mesh) {
    return mesh == SidecarMesh::Istio ? SidecarPorts{kSidecarOutboundPort, kSidecarInboundPort}
                                      : SidecarPorts{kLinkerdOutboundPort, kLinkerdInboundPort};
}
[[nodiscard]] constexpr std::uint32_t sidecar_mark(SidecarMesh mesh) {
    return mesh == SidecarMesh::Istio ? kSidecarMark : kLinkerdMark;
}

/// What is spoken on a port (istio.io ops/configuration/traffic-management/protocol-selection).
enum class SidecarProtocol : std::uint8_t {
    Detect, // the first bytes say
    Tcp,
    Http,
};

struct SidecarEndpoint {
    netemu::Endpoint address;
    std::string pod;   // "NAMESPACE/NAME", for the log; "": none
    bool mtls = false; // its sidecar takes mutual TLS there
    /// Of Linkerd: the identity that the server must show, which is its SNI as well.
    std::string server_name{};
    bool operator==(const SidecarEndpoint&) const = default;
};

/// Some of the endpoints of a SidecarService: a cluster of its own.
struct SidecarSubset {
    std::string name;
    std::vector<std::uint32_t> endpoints; // of the SidecarService
    istio::PolicyFields policy{};         // in force there
    bool operator==(const SidecarSubset&) const = default;
};

/// A DestinationRule (or several of one namespace) as it concerns one port of a Service.
struct SidecarDestinationRule {
    std::string ns, name;
    std::vector<std::string> export_to{};
    istio::PolicyFields policy{}; // in force without a subset
    std::vector<SidecarSubset> subsets{};
    bool operator==(const SidecarDestinationRule&) const = default;
};

/// A port of a Service as its clients' sidecars know it: a cluster of Envoy.
struct SidecarService {
    std::string name; // "outbound|80||web.shop.svc.cluster.local"
    std::string sni;  // "outbound_.80_._.web.shop.svc.cluster.local"
    SidecarProtocol protocol = SidecarProtocol::Detect;
    bool http2 = false; // of Http: declared to be HTTP/2, which gRPC is as well
    std::vector<netemu::Endpoint> addresses; // that clients connect to
    std::vector<SidecarEndpoint> endpoints;
    /// Secure naming: the SPIFFE IDs of which a server has to show one.
    std::vector<std::string> server_ids;
    /// Of Istio: what may say more about its requests, of SidecarTable::virtual_services, and about
    /// its endpoints. Of each, the first that a client sees counts.
    std::vector<std::uint32_t> virtual_services{};
    std::vector<SidecarDestinationRule> rules{};
    bool operator==(const SidecarService&) const = default;
};

struct SidecarPort {
    std::uint16_t port = 0;
    SidecarProtocol protocol = SidecarProtocol::Detect;
    istio::MtlsMode mode = istio::MtlsMode::Permissive;
    bool operator==(const SidecarPort&) const = default;
};

/// Of Linkerd: what governs the ports of a pod, as indices of SidecarTable::servers.
struct SidecarServers {
    std::map<std::uint16_t, std::uint32_t> ports;
    std::uint32_t others = 0;
    bool operator==(const SidecarServers&) const = default;
};

/// One pod's sidecar.
struct SidecarWorkload {
    std::string account; // key of its identity
    /// That a Service leads to, or that a policy names; for all others `other_ports` counts.
    std::vector<SidecarPort> ports;
    istio::MtlsMode other_ports = istio::MtlsMode::Permissive;
    std::vector<std::uint32_t> policies{}; // that apply to it, of SidecarTable::policies
    /// Linkerd's, in place of modes and policies; `ports` is empty then.
    std::optional<SidecarServers> servers{};
    istio::Labels labels{}; // of the pod, where a VirtualService asks for them
    std::vector<std::uint32_t> authentications{}; // of SidecarTable::request_authentications
    bool operator==(const SidecarWorkload&) const = default;
};

/// Of Linkerd: a pod that its peers know by its address, whatever the port.
struct SidecarPeer {
    std::string pod;                                              // "NAMESPACE/NAME"
    std::string server_name;                                      // its identity
    std::vector<std::pair<std::uint16_t, std::uint16_t>> skipped; // ports that pass its proxy by
    bool operator==(const SidecarPeer&) const = default;
};

/// What is told of a pod where requests are counted. "": it has none of that.
struct SidecarPodLabels {
    std::string workload; // the controller's name: of a Deployment, not of its ReplicaSet
    std::string kind;     // of that, in lower case: "deployment", "pod"
    std::string app;
    std::string version;
    std::string service; // Istio's canonical name
    std::string revision;
    std::vector<netemu::IpAddress> addresses{}; // of pods with a sidecar
    bool operator==(const SidecarPodLabels&) const = default;
};

/// A certificate for one ServiceAccount, as PEM.
struct SidecarIdentity {
    std::string chain_pem;
    std::string key_pem;
    bool operator==(const SidecarIdentity&) const = default;
};

struct SidecarTable {
    std::string trust_domain = "cluster.local";
    std::map<std::string, std::string> bundles;        // PEM of authorities, by trust domain
    std::map<std::string, SidecarIdentity> identities; // by "NAMESPACE/ACCOUNT"
    std::vector<SidecarService> services;
    std::vector<istio::AuthorizationPolicy> policies;
    std::map<std::string, SidecarWorkload> workloads; // by "NAMESPACE/POD"
    std::vector<istio::VirtualService> virtual_services;
    std::vector<istio::RequestAuthentication> request_authentications{};
    std::map<std::string, SidecarPodLabels> pods{}; // by "NAMESPACE/POD": members and endpoints
    SidecarMesh mesh = SidecarMesh::Istio;
    std::vector<linkerd::InboundServer> servers; // the rest is Linkerd's
    std::map<netemu::IpAddress, SidecarPeer> peers;
    bool operator==(const SidecarTable&) const = default;
};

/// "cart.shop.svc.cluster.local" of a cluster's name, and "shop" of that.
[[nodiscard]] std::string_view service_host(std::string_view cluster);
[[nodiscard]] std::string_view host_namespace(std::string_view host);
[[nodiscard]] std::uint16_t service_port(std::string_view cluster);
/// "outbound|80|v1|cart.shop.svc.cluster.local".
[[nodiscard]] std::string
cluster_name(std::string_view host, std::uint16_t port, std::string_view subset);

/// The VirtualService that routes a client's requests to a Service; null: none does.
[[nodiscard]] const istio::VirtualService* virtual_service_for(
    const SidecarTable& table, const SidecarService& service, std::string_view client_ns);
/// The DestinationRule that a client goes by: one of its own namespace, else of the Service's, else
/// of the root namespace (istio/istio pilot/pkg/model/push_context.go).
[[nodiscard]] const SidecarDestinationRule*
destination_rule_for(const SidecarService& service, std::string_view client_ns);

/// Of a port that the workload does not list, those of all others.
[[nodiscard]] inline SidecarPort sidecar_port(const SidecarWorkload& workload, std::uint16_t port) {
    for (const auto& known : workload.ports) {
        if (known.port == port) {
            return known;
        }
    }
    return {port, SidecarProtocol::Detect, workload.other_ports};
}

/// Of Linkerd.
[[nodiscard]] inline const linkerd::InboundServer&
inbound_server(const SidecarTable& table, const SidecarWorkload& workload, std::uint16_t port) {
    const auto& servers = *workload.servers;
    const auto found = servers.ports.find(port);
    return table.servers.at(found == servers.ports.end() ? servers.others : found->second);
}

/// What says of tokens in requests to the workload, in the order of the table.
[[nodiscard]] std::vector<istio::RequestAuthentication>
request_authentications(const SidecarTable& table, const SidecarWorkload& workload);

/// Whether nobody looks into what is spoken there.
[[nodiscard]] inline bool is_opaque(const linkerd::InboundServer& server) {
    return server.protocol == linkerd::ProxyProtocol::Opaque ||
           server.protocol == linkerd::ProxyProtocol::Tls;
}

/// Of Linkerd: a pod by its address, as its peers know it (endpoint profiles of the destination
/// controller); nullopt: nobody of the mesh is there.
[[nodiscard]] inline std::optional<SidecarService>
service_of_peer(const SidecarTable& table, const netemu::Endpoint& target) {
    const auto peer = table.peers.find(target.address);
    if (peer == table.peers.end()) {
        return std::nullopt;
    }
    bool meshed = true;
    for (const auto& [from, to] : peer->second.skipped) {
        meshed = meshed && (target.port < from || target.port > to);
    }
    SidecarService service;
    service.name = target.to_string();
    const auto workload = table.workloads.find(peer->second.pod);
    if (workload != table.workloads.end() &&
        is_opaque(inbound_server(table, workload->second, target.port))) {
        service.protocol = SidecarProtocol::Tcp;
    }
    service.endpoints = {{target, peer->second.pod, meshed, peer->second.server_name}};
    return service;
}

} // namespace mesh
