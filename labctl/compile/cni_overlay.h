#pragma once

#include <cstdint>

#include "labctl/compile/network_view.h"
#include "netemu/model/network.h"

/// How the pods' packets get from node to node: a tunnel device of one kind or another, or nothing
/// but routes.
namespace labctl::compile {

inline constexpr std::uint16_t kGenevePort = 6081; // RFC 8926, section 3.3
inline constexpr std::uint16_t kSleevePort = 6783; // mesh, router.go: the port of all of it

/// The node's tunnel has the first address of its range of pods: flannel gives it so, and Calico
/// takes it from the same block.
[[nodiscard]] netemu::IpAddress tunnel_address(const netemu::IpPrefix& range);

/// With an overlay: the profile's VXLAN device, which does not learn, and for every other node its
/// ranges by its tunnel's address, that address's MAC and that MAC's node, all permanent. This is
/// what flannel's and Calico's VXLAN backends make (flannel, Documentation/backends.md; Calico,
/// felix's VXLAN manager). Where the profile has a VNI for each pair of nodes, and with Geneve in
/// the kernel: a device in external mode, as Open vSwitch and Cilium have it, and routes that say
/// the rest. IP in IP: a device without peers, and the
/// nodes' addresses as gateways (Calico, felix' IPIP manager). In userspace: a TUN device with the
/// same address, and the other nodes' ranges behind it; see identity_network.h for the rest. With
/// WireGuard: its device, and the other nodes' ranges behind it, see wireguard.h. `node` is one of
/// cluster.nodes. Without: the ranges of the other nodes by their addresses on the
/// segment, as flannel's host-gw backend has them; so it is between nodes of one segment with
/// `crossSubnet` (Calico's modes CrossSubnet, flannel's DirectRouting). No routes at all where BGP
/// brings them.
/// A carrier in datagrams has the table cni-overlay as well, which leaves those untracked: their
/// two ways have different source ports, so each of them would be new to `ct state` for ever, and
/// the connections inside are tracked anyway. (Calico, felix/rules/static.go, and Cilium's chains
/// CILIUM_PRE_raw and CILIUM_OUTPUT_raw do it, flannel does not.)
void add_overlay(const ClusterView& cluster, const NodeView& node, netemu::NamespaceSpec& spec);

} // namespace labctl::compile
