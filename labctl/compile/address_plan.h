#pragma once

#include <string>
#include <vector>

#include "netemu/base/address.h"

namespace labctl::compile {

struct ClusterConfig;

/// Where a node is on the underlay and which pod addresses are its own. Both lists are in the order
/// of the configuration's ranges: one entry per family.
struct NodePlan {
    std::string name;
    std::vector<netemu::IpPrefix> pod_cidrs; // 10.244.1.0/24
    std::vector<netemu::IpPrefix> underlay;  // 172.18.0.2/16: address with the segment's length
    [[nodiscard]] std::vector<netemu::IpAddress>
    gateways() const; // first address of each pod range
};

/// The plan of every node, in the order of the configuration: node i (from 1) has underlay address
/// 1 + i and pod range number i, or number i - 1 when the range is too small to leave the first one
/// unused. Throws netemu::UsageError when a range has no room for the nodes.
std::vector<NodePlan> plan_nodes(const ClusterConfig& config);

/// The addresses of the namespace "external": the first of each underlay range.
std::vector<netemu::IpPrefix> external_addresses(const ClusterConfig& config);

/// Subnet number `index` of length `length` in `range`. The caller makes sure that it is inside.
netemu::IpPrefix subnet(const netemu::IpPrefix& range, unsigned length, std::uint64_t index);

} // namespace labctl::compile
