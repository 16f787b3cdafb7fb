#pragma once

#include "labctl/compile/network_view.h"
#include "netemu/model/network.h"

/// How the pods' packets get from node to node: a VXLAN device, a device for Geneve, or nothing but
/// routes.
namespace labctl::compile {

/// The node's tunnel has the first address of its range of pods: flannel gives it so, and Calico
/// takes it from the same block.
[[nodiscard]] netemu::IpAddress tunnel_address(const netemu::IpPrefix& range);

/// With an overlay: the profile's VXLAN device, which does not learn, and for every other node its
/// ranges by its tunnel's address, that address's MAC and that MAC's node, all permanent. This is
/// what flannel's and Calico's VXLAN backends make (flannel, Documentation/backends.md; Calico,
/// felix's VXLAN manager). With Geneve: a TUN device with the same address, and the other nodes'
/// ranges behind it; see identity_network.h for the rest. Without: the ranges of the other nodes by
/// their addresses on the segment, as flannel's host-gw backend has them; nothing where BGP brings
/// them.
void add_overlay(const ClusterView& cluster, const NodeView& node, netemu::NamespaceSpec& spec);

} // namespace labctl::compile
