#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netemu/base/address.h"

namespace labctl::dataplane {

/// What a tunnel has to know of a packet that it carries.
struct InnerPacket {
    netemu::IpAddress source;
    netemu::IpAddress destination;
    std::uint8_t protocol = 0;          // IPPROTO_*, behind the extension headers of IPv6
    std::uint16_t source_port = 0;      // 0 where there is none, or in a later fragment
    std::uint16_t destination_port = 0; // likewise
    std::size_t transport = 0;          // where the header of `protocol` begins
    /// Whether it can begin a connection: a SYN, an INIT of SCTP, an echo request. Of what is
    /// neither TCP, SCTP nor ICMP every packet can; see `is_stateless`.
    bool begins = false;
    /// Only what has been seen before tells a question from its answer: UDP, and whatever is not
    /// known here.
    bool is_stateless = false;
};

/// Reads the headers of an IPv4 (RFC 791) or IPv6 (RFC 8200) packet; nullopt where they are not
/// whole. The bytes may be anything.
[[nodiscard]] std::optional<InnerPacket> read_inner(std::span<const std::uint8_t> packet);

/// What an IP header says of the packet's size; 0 if there is none.
[[nodiscard]] std::size_t ip_size(std::span<const std::uint8_t> packet);

/// As read_inner; nullopt also where the packet is longer than `bytes`, or shorter than its own
/// headers. Behind the first ip_size(bytes) bytes is padding.
[[nodiscard]] std::optional<InnerPacket> read_whole(std::span<const std::uint8_t> bytes);

/// Whether both are of one flow and one direction.
[[nodiscard]] bool same_flow(const InnerPacket& one, const InnerPacket& other);

/// Whether a packet is of the flow and direction of `known`, and a datagram of UDP without anything
/// unusual: options, extension headers, fragments. Then all that is known of the one is true of
/// the other; and to find that out costs less than to read it. The bytes may be anything.
[[nodiscard]] bool is_plain_udp_of(const InnerPacket& known, std::span<const std::uint8_t> packet);

/// The same for all packets of a flow: a port of the outer header (RFC 8926, section 3.3).
[[nodiscard]] std::uint32_t flow_hash(const InnerPacket& packet);

} // namespace labctl::dataplane
