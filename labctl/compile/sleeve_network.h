#pragma once

#include "labctl/compile/network_view.h"
#include "services/identity_network.h"

namespace labctl::compile {

/// What Sleeve calls a node: the MAC address of its bridge (weave, net/bridge.go: bridge and peer
/// are given the same one). An IPv6 range ends in zeros, so there it is made of the node's own
/// address.
[[nodiscard]] netemu::MacAddress sleeve_peer_name(const NodeView& node);

/// The nodes of a lab whose overlay is Sleeve, in order of their names, as their tunnels see them.
[[nodiscard]] services::IdentityNetwork
sleeve_network(const store::Store& store, const ClusterConfig& config);

} // namespace labctl::compile
