#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "services/service.h"

/// What a proxy knows: its node, the cluster's ranges, and one value per service port and family.
/// A value is shared by all nodes; what differs between them is decided when rules are made.
namespace services {

/// One usable address and port of a service port, merged from slices.
struct ProxyEndpoint {
    Endpoint endpoint;
    std::uint16_t port = 0;
    bool operator==(const ProxyEndpoint&) const = default;

    /// "10.244.1.7:8080", "[fd00::7]:8080".
    [[nodiscard]] std::string to_string() const;
};

/// The node whose rules are made.
struct ProxyNode {
    std::string name;
    std::string zone;                 // topology.kubernetes.io/zone; empty: none
    std::vector<IpAddress> addresses; // of every family, the primary of each family first
    bool operator==(const ProxyNode&) const = default;

    /// The node's first address of the family, or null.
    [[nodiscard]] const IpAddress* primary(Family family) const;
};

/// What all nodes of a cluster have in common. The local detector is the cluster CIDR (3.1): a
/// source inside it is a pod. With no CIDR of a family there is no detector, and nobody is a pod.
struct ProxyConfig {
    std::vector<IpPrefix> cluster_cidrs; // of pods; the first of a family counts
    std::vector<IpPrefix> service_cidrs;
    bool masquerade_all = false;
    bool operator==(const ProxyConfig&) const = default;

    [[nodiscard]] const IpPrefix* cluster_cidr(Family family) const;
};

/// One service port in one family: everything that its rules depend on, apart from the node.
struct ServicePortInput {
    ServicePortName name;
    Family family = Family::V4;
    std::uint16_t port = 0;
    std::uint16_t node_port = 0;              // 0: none
    std::uint16_t health_check_node_port = 0; // 0: none
    IpAddress cluster_ip;
    std::vector<IpAddress> external_ips; // without those that are cluster IP or VIP, too
    std::vector<IpAddress> vips;         // load balancer addresses with ipMode VIP
    std::vector<IpPrefix> source_ranges; // network form; empty: everybody may use the VIPs
    TrafficPolicy external_policy = TrafficPolicy::Cluster;
    TrafficPolicy internal_policy = TrafficPolicy::Cluster;
    std::uint32_t affinity_seconds = 0; // 0: no affinity
    bool owns_cluster_ip = false;       // the first port of its Service: it lists the address
    std::vector<ProxyEndpoint> endpoints;
    bool operator==(const ServicePortInput&) const = default;

    /// Has an address or port that clients outside the cluster may use.
    [[nodiscard]] bool externally_accessible() const {
        return node_port != 0 || !external_ips.empty() || !vips.empty();
    }
    /// kube-proxy serviceport.go, UsesClusterEndpoints: with the external policy Local the
    /// cluster's endpoints still serve the short-circuit of pods and the node (3.5).
    [[nodiscard]] bool uses_cluster_endpoints() const {
        return internal_policy == TrafficPolicy::Cluster || externally_accessible();
    }
    [[nodiscard]] bool uses_local_endpoints() const {
        return internal_policy == TrafficPolicy::Local ||
               (external_policy == TrafficPolicy::Local && externally_accessible());
    }
};

using ServicePortInputPtr = std::shared_ptr<const ServicePortInput>;

/// One service port as it is now; null: it is gone. `before` is null for one that is new, and in
/// ServiceMap::all.
struct ServicePortUpdate {
    ServicePortName name;
    ServicePortInputPtr now;
    ServicePortInputPtr before{};
};

/// The service ports of one Service in one family, in the order of `spec.ports`; none for a Service
/// that proxies skip or that has no cluster address of the family. `slices` are those labelled with
/// the Service, of any family. Addresses of the other family, VIPs with ipMode Proxy, source ranges
/// of the other family are left out. A source range that covers everything lifts the restriction.
[[nodiscard]] std::vector<ServicePortInputPtr> service_port_inputs(
    const Service& service, std::span<const EndpointSlice* const> slices, Family family);

} // namespace services
