#include "labctl/compile/bgp_speakers.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/topology_network.h"

/// How a node with a tunnel reaches the next hops that it learns. Calico's BIRD has a filter of its
/// own for that (krt_tunnel), which BIRD 2 has not: here next hops are resolved recursively, by a
/// table in which each node is behind the tunnel (bird.network.cz, user's guide 2.0, "igp table").
namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::RouteSpec;

RouteSpec
way_past_tunnel(const ClusterConfig& config, const NodeView& node, const IpAddress& address) {
    const auto host = IpPrefix::host(address);
    if (config.topology) {
        const auto* device = config.topology->find(DeviceKind::Node, node.name);
        if (auto route = route_behind(*config.topology, *device, host, address)) {
            return *route;
        }
    }
    return {host, address, kEth0, false};
}

} // namespace

std::vector<RouteSpec> ways_to_nodes(
    const ClusterConfig& config, const std::vector<NodeView>& nodes, const NodeView& node) {
    std::vector<RouteSpec> ways;
    const auto* tunnel = tunnel_device(config);
    if (tunnel == nullptr) {
        return ways;
    }
    for (const auto& peer : nodes) {
        if (&peer == &node) {
            continue;
        }
        const bool near = config.cross_subnet && share_segment(config.topology.get(), node, peer);
        for (const auto& prefix : peer.underlay) {
            const auto& address = prefix.address;
            if (config.wireguard) {
                ways.push_back({IpPrefix::host(address), {}, tunnel, false});
            } else if (address.is_v4() && !near) {
                ways.push_back({IpPrefix::host(address), address, tunnel, true});
            } else {
                ways.push_back(way_past_tunnel(config, node, address));
            }
        }
    }
    return ways;
}

} // namespace labctl::compile
