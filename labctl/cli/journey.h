#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "labctl/cli/packet_lines.h"
#include "netemu/model/packet.h"

/// The way of one packet, put together from what taps saw of it at many places. No kernel.
namespace labctl::cli {

/// Which packet: the first of a new connection to `to` (TCP SYN, UDP datagram, ICMP echo request;
/// the port of `to` is nothing for ICMP), from `from` if that is known.
struct JourneyQuestion {
    std::uint8_t protocol = 0; // IPPROTO_*
    netemu::Endpoint to;
    std::optional<netemu::IpAddress> from;
};

/// {"there": [...], "back": [...]}: the packet, and the answer that it got (TCP SYN,ACK or RST, the
/// first datagram back, echo reply, or an ICMP error), in the order of time. Each entry has
/// `place`, `direction`, `micros` since the packet was first seen, `summary`, and `notes`: what was
/// done to it since the entry before (translated, wrapped, unwrapped, routed). Address translation
/// does not hide it: it is known by what translation leaves alone, the sequence numbers of TCP and
/// the payload of others. `packets` must be in the order of time. Both lists are empty when nobody
/// saw it.
nlohmann::json find_journey(
    const std::vector<netemu::CapturedPacket>& packets,
    const std::vector<netemu::CapturePlace>& places,
    const JourneyQuestion& question,
    const AddressNames& names);

} // namespace labctl::cli
