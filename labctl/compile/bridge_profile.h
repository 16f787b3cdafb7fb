#pragma once

#include "netemu/model/network.h"

/// CNI profile "bridge": what the reference plugins `bridge`, `host-local` and flannel's VXLAN
/// backend make of a node. Per node a bridge cni0 with the gateway address, one veth per pod as its
/// port, and a VXLAN device vxlan1 that carries what goes to the ranges of other nodes, directed by
/// static entries only. https://www.cni.dev/plugins/current/main/bridge/,
/// https://github.com/flannel-io/flannel
namespace labctl::compile {

struct ClusterView;
struct NodeView;

/// Adds the profile's part to the namespace of the node at `position`, which has its eth0 already,
/// and the namespaces of that node's pods to `state`.
void add_bridge_profile(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state);

} // namespace labctl::compile
