#pragma once

#include <vector>

#include "netemu/model/plan.h"
#include "netemu/model/plan_links.h"

/// What links of one namespace let through (internal to this room): the networks of a bridge's
/// ports, and the peers of WireGuard devices.
namespace netemu {

/// The networks that ports are to join, leave, or be in in another way.
void plan_port_vlans(const NamespaceDiff& ns, std::vector<Operation>& out);
/// Keys and ports of devices, and their peers: first those that go.
void plan_wireguard(const NamespaceDiff& ns, std::vector<Operation>& out);

} // namespace netemu
