#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netemu/kernel/batch.h"
#include "netemu/model/vlan.h"

struct nlmsghdr;

/// The networks that ports of a filtering bridge are in (bridge(8), "vlan"; linux/if_bridge.h).
namespace netemu {

/// Takes the port of that index out of the networks `gone`.
void encode_leave_vlans(Batch& batch, std::uint32_t index, const std::vector<std::uint16_t>& gone);
/// Puts it into `added`, or changes how it is in them.
void encode_join_vlans(Batch& batch, std::uint32_t index, const std::vector<PortVlan>& added);

/// A request for the networks of all ports of all bridges.
void encode_dump_port_vlans(Batch& batch);
struct LinkVlans {
    std::uint32_t link_index = 0;
    std::vector<PortVlan> vlans; // in order of their ids
};
/// Reads an answer to it; ranges come apart. None for what is not of a bridge.
std::optional<LinkVlans> decode_port_vlans(const nlmsghdr* message);

} // namespace netemu
