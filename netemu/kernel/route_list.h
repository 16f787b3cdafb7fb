#pragma once

#include <cstdint>
#include <vector>

#include "netemu/kernel/namespace_table.h"
#include "netemu/model/network.h"

namespace netemu {

/// The routes of the main table of that protocol, both families, sorted. Throws SysError.
std::vector<RouteSpec> list_routes(NamespaceTable& table, LiveNamespace& ns, std::uint8_t protocol);

/// Has a NETLINK_ROUTE socket told of every change of a route (RTMGRP_* of rtnetlink(7)). Throws
/// SysError.
void join_route_groups(int socket);

} // namespace netemu
