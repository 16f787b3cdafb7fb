#pragma once

#include <random>

#include "netemu/model/network.h"

namespace netemu::test {

/// A valid network of up to three nodes and six pods, every attribute of which is drawn from few
/// values, so that two of them share much and differ in anything: pods move between nodes, links
/// change their index, MAC address, MTU, master, flags and addresses, tables change or go.
DesiredState random_network(std::mt19937& random);

/// Puts virtual servers and a dummy device with their addresses on every node of it, drawn from few
/// values too. Needs what a full kernel has.
void add_random_servers(std::mt19937& random, DesiredState& state);

} // namespace netemu::test
