#pragma once

#include <string>
#include <vector>

#include "labctl/api/fault.h"
#include "netemu/model/network.h"

/// What is broken on purpose, as a part of what is wanted: so that neither `plan` nor a repair nor
/// the next change of an object takes a fault for drift and heals it.
namespace labctl::compile {

/// A fault whose target is known to exist.
struct NetworkFault {
    std::string id;        // "f1"
    std::string ns;        // network namespace of the target
    api::Fault fault;      // a Flap or Bgp has no effect here; a Link has it by add_impairments
    std::string peer_ns{}; // of a Link: the network namespace of its other end
};

/// The table of faults in a target's namespace.
inline constexpr const char* kFaultTable = "labctl-fault";

/// The interface that a Cut or Drop of this fault acts on: what the fault says, or eth0.
std::string fault_interface(const api::Fault& fault);

/// Changes the network to one with these faults. A cut takes the other end of the cable down, so
/// that the target sees what a pulled plug looks like: its interface is up and has no carrier, its
/// addresses and routes stay. An interface without such an end (a bridge, a tunnel) goes down
/// itself, with the routes and neighbours that it carries. A stop cuts the node from the underlay
/// and all pods from the node. A drop is a table in the target's namespace, whose rules count what
/// they drop. Faults of namespaces or interfaces that are not wanted have no effect.
void add_faults(const std::vector<NetworkFault>& faults, netemu::DesiredState& desired);

} // namespace labctl::compile
