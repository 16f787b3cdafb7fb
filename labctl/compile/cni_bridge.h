#pragma once

#include <cstddef>

#include "labctl/compile/network_view.h"
#include "netemu/model/network.h"

namespace labctl::compile {

/// The bridge's address of a node's range of pods, which is the pods' gateway.
[[nodiscard]] netemu::IpAddress bridge_address(const netemu::IpPrefix& range);

/// The table cni-to-node: where the kernel has no br_netfilter, what a pod sends to its neighbour
/// is handed to the node all the same, as if it had been sent to the bridge: the node's rules see
/// it and route it back out.
[[nodiscard]] netemu::NftTable make_bridge_to_node(const netemu::MacAddress& bridge);

/// What the CNI bridge plugin makes of a node: a bridge with the gateway's address, one veth per
/// pod as its port, and masquerading of what leaves the pod network. Neighbours are permanent both
/// ways: the first packet is never lost to ARP. https://www.cni.dev/plugins/current/main/bridge/
void add_bridge_wiring(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state);

} // namespace labctl::compile
