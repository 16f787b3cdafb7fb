#include <cstring>

#include <netinet/in.h>

#include "netemu/kernel/packet_log.h"

namespace netemu {

namespace {

using HeaderBytes = std::span<const std::uint8_t>;

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr int kExtensionsMax = 8; // a chain of them must not hold us up

std::uint16_t be16_at(HeaderBytes bytes, std::size_t at) {
    return bytes.size() < at + 2 ? std::uint16_t{0}
                                 : static_cast<std::uint16_t>((bytes[at] << 8U) | bytes[at + 1]);
}

/// What follows the network header, and which protocol it is.
struct Transport {
    std::uint8_t protocol = 0;
    HeaderBytes bytes; // empty in a later fragment
};

HeaderBytes behind(HeaderBytes bytes, std::size_t count) {
    return count < bytes.size() ? bytes.subspan(count) : HeaderBytes();
}

Transport transport_v4(HeaderBytes packet) {
    constexpr std::uint16_t kFragmentOffset = 0x1fff; // RFC 791 section 3.1
    const auto header = static_cast<std::size_t>(packet[0] & 0xfU) * 4;
    const bool first = (be16_at(packet, 6) & kFragmentOffset) == 0;
    return {packet[9], first ? behind(packet, header) : HeaderBytes()};
}

Transport transport_v6(HeaderBytes packet) {
    constexpr std::uint16_t kFragmentOffset = 0xfff8; // RFC 8200 section 4.5
    Transport transport{packet[6], behind(packet, kIpv6HeaderBytes)};
    for (int i = 0; i < kExtensionsMax && transport.bytes.size() >= 8; ++i) {
        const auto& bytes = transport.bytes;
        const auto next = bytes[0];
        if (transport.protocol == IPPROTO_FRAGMENT) {
            const bool first = (be16_at(bytes, 2) & kFragmentOffset) == 0;
            transport = {next, first ? behind(bytes, 8) : HeaderBytes()};
        } else if (
            transport.protocol == IPPROTO_HOPOPTS || transport.protocol == IPPROTO_ROUTING ||
            transport.protocol == IPPROTO_DSTOPTS) {
            transport = {next, behind(bytes, (static_cast<std::size_t>(bytes[1]) + 1) * 8)};
        } else {
            break;
        }
    }
    return transport;
}

void read_transport(const Transport& transport, LoggedPacket& packet) {
    constexpr std::size_t kTcpFlags = 13; // RFC 9293 section 3.1
    constexpr std::uint8_t kEchoRequest6 = 128;
    constexpr std::uint8_t kEchoReply6 = 129;
    const auto& bytes = transport.bytes;
    packet.protocol = transport.protocol;
    switch (transport.protocol) {
    case IPPROTO_TCP:
        packet.tcp_flags = bytes.size() > kTcpFlags ? bytes[kTcpFlags] : std::uint8_t{0};
        [[fallthrough]];
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        packet.source.port = be16_at(bytes, 0);
        packet.destination.port = be16_at(bytes, 2);
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        const std::uint8_t type = bytes.empty() ? std::uint8_t{0} : bytes[0];
        const bool echo = transport.protocol == IPPROTO_ICMP
                              ? type == 0 || type == 8 // RFC 792
                              : type == kEchoRequest6 || type == kEchoReply6;
        packet.icmp_type = type;
        packet.echo_id = echo ? be16_at(bytes, 4) : std::uint16_t{0};
        packet.echo_sequence = echo ? be16_at(bytes, 6) : std::uint16_t{0};
        break;
    }
    default:
        break;
    }
}

} // namespace

std::optional<LoggedPacket> read_headers(HeaderBytes bytes) {
    const auto version = bytes.empty() ? 0U : bytes[0] >> 4U;
    const bool v4 = version == 4;
    if ((!v4 && version != 6) || bytes.size() < (v4 ? kIpv4HeaderBytes : kIpv6HeaderBytes)) {
        return std::nullopt;
    }
    const auto family = v4 ? Family::V4 : Family::V6;
    LoggedPacket packet;
    packet.source.address = IpAddress::from_bytes(family, bytes.data() + (v4 ? 12 : 8));
    packet.destination.address = IpAddress::from_bytes(family, bytes.data() + (v4 ? 16 : 24));
    read_transport(v4 ? transport_v4(bytes) : transport_v6(bytes), packet);
    return packet;
}

} // namespace netemu
