#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "services/proxy_input.h"

/// Which endpoints a connection may reach. Source: kube-proxy pkg/proxy/topology.go and
/// endpointslicecache.go; reference 2.11, 2.13, 2.14.
namespace services {

/// The endpoints of one service port, of all slices of its family: slice ports with the same name
/// and protocol, those without a number or with 0 left out, each address and port once, ordered by
/// address. If two slices disagree about an endpoint, the first one counts, unless it names no node
/// and the other one does: kube-proxy prefers the entry that is local.
[[nodiscard]] std::vector<ProxyEndpoint> merge_endpoints(
    std::span<const EndpointSlice* const> slices, const ServicePort& port, Family family);

/// Which hints narrowed the cluster set.
enum class TopologyMode { None, SameNode, SameZone };

/// What a service port can use on one node. The pointers are into the endpoints handed in.
struct EndpointSets {
    std::vector<const ProxyEndpoint*> cluster; // for the policy Cluster, hints applied
    std::vector<const ProxyEndpoint*> local;   // for the policy Local
    TopologyMode mode = TopologyMode::None;
    bool cluster_terminating = false; // only terminating endpoints were left for `cluster`
    bool local_terminating = false;
    /// Something could be used under some policy: decides between reject and drop (3.3).
    bool has_any = false;

    /// `cluster` and `local` together, each endpoint once, in their common order.
    [[nodiscard]] std::vector<const ProxyEndpoint*> reachable() const;
};

[[nodiscard]] EndpointSets
categorize_endpoints(const ServicePortInput& input, std::string_view node, std::string_view zone);

/// Whether `categorize_endpoints` can give different answers on different nodes.
[[nodiscard]] bool depends_on_node(const ServicePortInput& input);

} // namespace services
