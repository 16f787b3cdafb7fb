#include "labctl/compile/sleeve_network.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"

namespace labctl::compile {

netemu::MacAddress sleeve_peer_name(const NodeView& node) {
    const auto& range = node.pod_cidrs.front();
    return netemu::MacAddress::for_ip(
        range.address.is_v4() ? bridge_address(range) : node.underlay.front().address);
}

services::IdentityNetwork sleeve_network(const store::Store& store, const ClusterConfig& config) {
    const auto& profile = cni_profile(config);
    services::IdentityNetwork network;
    network.format = services::TunnelFormat::Sleeve;
    for (const auto& node : view_nodes(store, config)) {
        network.nodes.push_back(
            {node.name,
             node_namespace(node.name),
             profile.sleeve,
             node.underlay.front().address,
             node.pod_cidrs,
             node_addresses(node, profile),
             sleeve_peer_name(node)});
    }
    std::sort(network.nodes.begin(), network.nodes.end(), [](const auto& a, const auto& b) {
        return a.name < b.name;
    });
    return network;
}

} // namespace labctl::compile
