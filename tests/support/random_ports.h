#pragma once

#include <random>

#include "netemu/model/network.h"

namespace netemu::test {

/// Adds to a random network what lets packets through: WireGuard devices with peers on nodes, and
/// networks on the underlay's bridge and on links of nodes (IEEE 802.1Q).
void add_random_ports(std::mt19937& random, DesiredState& state);

} // namespace netemu::test
