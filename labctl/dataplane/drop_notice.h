#pragma once

#include <compare>
#include <cstdint>

#include "netemu/base/address.h"

namespace labctl::dataplane {

/// By what a dropped packet is known to be a probe's. The destination is not in it, since a rule
/// sees the packet behind DNAT; it only tells apart sockets to different destinations, which may
/// share a port.
struct ProbeMark {
    std::uint8_t protocol = 0;  // IPPROTO_*
    netemu::Endpoint source;    // of ICMP the id of the echo request stands for the port
    std::uint16_t sequence = 0; // of ICMP, else 0
    auto operator<=>(const ProbeMark&) const = default;
};

/// A packet that a rule dropped, as the packet log of a node told it. Of TCP only SYNs are told:
/// what is dropped later belongs to a connection that was open.
struct DropNotice {
    std::uint32_t id = 0; // not 0; DataPlane::Options::describe_drop knows it
    ProbeMark mark;
    netemu::Endpoint destination; // of the packet: the probe's remote end, unless that was DNATed
};

} // namespace labctl::dataplane
