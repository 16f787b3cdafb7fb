#include "labctl/dataplane/inner_packet.h"

#include <cstring>

#include <netinet/in.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kIpv4HeaderMin = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr int kExtensionsMax = 8;

std::uint16_t half_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

/// RFC 8200, section 4: behind the headers between IPv6 and what it carries. False in a fragment
/// that is not the first.
bool skip_extensions(std::span<const std::uint8_t> bytes, InnerPacket& packet) {
    for (int i = 0; i < kExtensionsMax && packet.transport + 8 <= bytes.size(); ++i) {
        const auto at = packet.transport;
        if (packet.protocol == IPPROTO_FRAGMENT) {
            packet.protocol = bytes[at];
            packet.transport += 8;
            if (half_at(bytes, at + 2) >> 3U != 0) {
                return false;
            }
        } else if (
            packet.protocol == IPPROTO_HOPOPTS || packet.protocol == IPPROTO_ROUTING ||
            packet.protocol == IPPROTO_DSTOPTS) {
            packet.protocol = bytes[at];
            packet.transport += 8 + bytes[at + 1] * std::size_t{8};
        } else {
            break;
        }
    }
    return true;
}

void read_transport(std::span<const std::uint8_t> bytes, InnerPacket& packet) {
    constexpr std::uint8_t kSyn = 0x02;
    constexpr std::uint8_t kAck = 0x10;
    constexpr std::uint8_t kInit = 1;
    constexpr std::uint8_t kEchoRequest = 8;
    constexpr std::uint8_t kEchoRequest6 = 128;
    const auto at = packet.transport;
    const auto has = [&](std::size_t size) { return at + size <= bytes.size(); };
    const bool ports = packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP ||
                       packet.protocol == IPPROTO_SCTP;
    if (ports && has(4)) {
        packet.source_port = half_at(bytes, at);
        packet.destination_port = half_at(bytes, at + 2);
    }
    switch (packet.protocol) {
    case IPPROTO_TCP:
        packet.begins = has(14) && (bytes[at + 13] & (kSyn | kAck)) == kSyn;
        break;
    case IPPROTO_SCTP:
        packet.begins = has(13) && bytes[at + 12] == kInit;
        break;
    case IPPROTO_ICMP:
        packet.begins = has(1) && bytes[at] == kEchoRequest;
        break;
    case IPPROTO_ICMPV6:
        packet.begins = has(1) && bytes[at] == kEchoRequest6;
        break;
    default:
        packet.begins = true;
        packet.is_stateless = true;
    }
}

} // namespace

std::optional<InnerPacket> read_inner(std::span<const std::uint8_t> packet) {
    InnerPacket read;
    if (packet.empty()) {
        return std::nullopt;
    }
    bool first = true;
    if (packet[0] >> 4U == 4) {
        read.transport = (packet[0] & 0xfU) * std::size_t{4};
        if (read.transport < kIpv4HeaderMin || packet.size() < read.transport) {
            return std::nullopt;
        }
        read.protocol = packet[9];
        read.source = netemu::IpAddress::from_bytes(netemu::Family::V4, packet.data() + 12);
        read.destination = netemu::IpAddress::from_bytes(netemu::Family::V4, packet.data() + 16);
        first = (half_at(packet, 6) & 0x1fffU) == 0;
    } else if (packet[0] >> 4U == 6 && packet.size() >= kIpv6Header) {
        read.transport = kIpv6Header;
        read.protocol = packet[6];
        read.source = netemu::IpAddress::from_bytes(netemu::Family::V6, packet.data() + 8);
        read.destination = netemu::IpAddress::from_bytes(netemu::Family::V6, packet.data() + 24);
        first = skip_extensions(packet, read);
    } else {
        return std::nullopt;
    }
    if (first) { // the rest of a packet that was let in is let in
        read_transport(packet, read);
    }
    return read;
}

std::size_t ip_size(std::span<const std::uint8_t> packet) {
    if (packet.size() < kIpv4HeaderMin) {
        return 0;
    }
    return packet[0] >> 4U == 4 ? half_at(packet, 2) : kIpv6Header + half_at(packet, 4);
}

std::optional<InnerPacket> read_whole(std::span<const std::uint8_t> bytes) {
    auto inner = read_inner(bytes);
    const auto size = inner ? ip_size(bytes) : 0;
    return inner && size >= inner->transport && size <= bytes.size() ? inner : std::nullopt;
}

bool same_flow(const InnerPacket& one, const InnerPacket& other) {
    return one.source_port == other.source_port && one.destination_port == other.destination_port &&
           one.protocol == other.protocol && one.source == other.source &&
           one.destination == other.destination;
}

bool is_plain_udp_of(const InnerPacket& known, std::span<const std::uint8_t> packet) {
    constexpr std::size_t kUdpHeader = 8;
    const bool v4 = known.source.is_v4();
    const auto header = v4 ? kIpv4HeaderMin : kIpv6Header;
    if (known.protocol != IPPROTO_UDP || !known.begins || known.transport != header ||
        packet.size() < header + kUdpHeader) {
        return false;
    }
    const auto* bytes = packet.data();
    const auto size = known.source.size();
    const auto addresses = header - 2 * size;
    const bool plain =
        v4 ? bytes[0] == 0x45 && (bytes[6] & 0x3fU) == 0 && bytes[7] == 0 && bytes[9] == IPPROTO_UDP
           : bytes[0] >> 4U == 6 && bytes[6] == IPPROTO_UDP;
    return plain && std::memcmp(bytes + addresses, known.source.bytes(), size) == 0 &&
           std::memcmp(bytes + addresses + size, known.destination.bytes(), size) == 0 &&
           half_at(packet, header) == known.source_port &&
           half_at(packet, header + 2) == known.destination_port;
}

std::uint32_t flow_hash(const InnerPacket& packet) {
    constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15U; // 2^64 divided by the golden ratio
    std::uint64_t hash = std::uint64_t{packet.protocol} << 32U |
                         std::uint64_t{packet.source_port} << 16U | packet.destination_port;
    for (const auto* address : {&packet.source, &packet.destination}) {
        std::uint64_t words[2];
        std::memcpy(words, address->bytes(), sizeof words); // of IPv4 the rest is zero
        for (const auto word : words) {
            hash = (hash ^ word) * kSpread;
            hash ^= hash >> 32U;
        }
    }
    return static_cast<std::uint32_t>(hash);
}

} // namespace labctl::dataplane
