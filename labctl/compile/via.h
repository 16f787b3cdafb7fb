#pragma once

#include <cstdint>
#include <string>

#include "labctl/compile/cluster_config.h"

/// How the external host can be told through which node a packet shall enter the cluster: its sockets carry a
/// mark (SO_MARK of socket(7)), and a routing rule per node (ip-rule(8)) sends each mark to a table whose default
/// route is that node.
namespace labctl::compile {

/// The mark, which is also the number of the table, for node number `index` (from 0).
std::uint32_t via_mark(std::size_t index);

/// By name; throws netemu::UsageError when the lab has no such node.
std::uint32_t via_mark(const ClusterConfig& config, const std::string& node);

} // namespace labctl::compile
