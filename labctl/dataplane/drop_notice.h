#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "netemu/base/address.h"

namespace labctl::dataplane {

/// Who sent a packet. A probe's is known by that and by where it goes, since sockets to different
/// destinations may share a port; see DropNotice.
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
    netemu::Endpoint destination; // of the packet, as the rule saw it: perhaps behind DNAT
    /// Where it may have been sent to then; without an address (unspecified) that port of any.
    std::vector<netemu::Endpoint> fronts;

    /// Whether it can be what was sent to `remote`.
    [[nodiscard]] bool was_sent_to(const netemu::Endpoint& remote) const;
};

} // namespace labctl::dataplane
