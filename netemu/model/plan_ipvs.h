#pragma once

#include <vector>

#include "netemu/model/plan.h"
#include "netemu/model/plan_links.h"

/// Virtual and real servers of one namespace (internal to this room).
namespace netemu {

/// In order, with their real servers in order.
std::vector<VirtualServer> sorted_servers(const std::vector<VirtualServer>& servers);

/// Virtual servers that are not wanted (any more).
void plan_ipvs_removals(const NamespaceDiff& ns, std::vector<Operation>& out);
/// Those that are missing, and what differs in the real servers of the others.
void plan_ipvs(const NamespaceDiff& ns, std::vector<Operation>& out);

} // namespace netemu
