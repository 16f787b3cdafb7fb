#pragma once

#include <string>

#include "labctl/compile/topology.h"
#include "netemu/model/network.h"

/// Topology -> namespaces: the part of compile_network that a lab with a topology has instead of
/// the one segment.
namespace labctl::compile {

struct ClusterConfig;
struct ClusterView;

/// Adds "switch/NAME", "router/NAME", "host/NAME" and "external", and of every node of `cluster`
/// lo, its interfaces on the underlay and its routes there. Nobody has permanent neighbours on the
/// underlay: its segments speak ARP and ND, for a learner to see. Routers also know the way to the
/// pods: to those of each node where nodes exchange their packets as they are, and otherwise by the
/// first node, like the addresses of Services (as `external` has it on the default segment).
void add_topology(
    const ClusterView& cluster, const ClusterConfig& config, netemu::DesiredState& state);

/// A node announces an address: everybody's way to it is that to the node.
void add_announced_address(
    const Topology& topology,
    const netemu::IpAddress& address,
    const std::string& node,
    netemu::DesiredState& state);

/// The route from a device to `range` behind `via`, an address of another device; nothing where
/// nothing leads there.
std::optional<netemu::RouteSpec> route_behind(
    const Topology& topology,
    const TopologyDevice& device,
    const netemu::IpPrefix& range,
    const netemu::IpAddress& via);

} // namespace labctl::compile
