#include "labctl/dataplane/tun_packet.h"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kTcpHeaderMin = 20;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kTcpSequence = 4;
constexpr std::size_t kTcpFlags = 13;
constexpr std::size_t kTcpChecksum = 16;
constexpr std::size_t kUdpLength = 4;
constexpr std::size_t kUdpChecksum = 6;
constexpr std::uint8_t kFinAndPush = 0x09;
constexpr std::uint8_t kCwr = 0x80; // congestion window reduced: of the first piece (RFC 3168)

/// struct virtio_net_hdr; its own header is not C++.
struct RawVnet {
    std::uint8_t flags;
    std::uint8_t cut;
    std::uint16_t header_size;
    std::uint16_t piece_size;
    std::uint16_t checksum_start;
    std::uint16_t checksum_offset;
};
constexpr std::uint8_t kNeedsChecksum = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
constexpr std::uint8_t kCutNone = 0;       // VIRTIO_NET_HDR_GSO_NONE and so on
constexpr std::uint8_t kCutTcp4 = 1;
constexpr std::uint8_t kCutTcp6 = 4;
constexpr std::uint8_t kCutUdp = 5; // since Linux 6.2
constexpr std::uint8_t kCutEcn = 0x80;

std::uint16_t load16(const std::uint8_t* from) {
    return static_cast<std::uint16_t>(from[0] << 8U | from[1]);
}

void store16(std::uint8_t* to, std::size_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 8U);
    to[1] = static_cast<std::uint8_t>(value);
}

std::uint32_t load32(const std::uint8_t* from) {
    return std::uint32_t{load16(from)} << 16U | load16(from + 2);
}

void store32(std::uint8_t* to, std::uint32_t value) {
    store16(to, value >> 16U);
    store16(to + 2, value & 0xffffU);
}

VnetHeader::Cut cut_of(std::uint8_t type) {
    switch (type & ~kCutEcn) {
    case kCutNone:
        return VnetHeader::Cut::No;
    case kCutTcp4:
        return VnetHeader::Cut::Tcp4;
    case kCutTcp6:
        return VnetHeader::Cut::Tcp6;
    case kCutUdp:
        return VnetHeader::Cut::Udp;
    default:
        return VnetHeader::Cut::Unknown;
    }
}

std::uint8_t type_of(VnetHeader::Cut cut) {
    switch (cut) {
    case VnetHeader::Cut::Tcp4:
        return kCutTcp4;
    case VnetHeader::Cut::Tcp6:
        return kCutTcp6;
    case VnetHeader::Cut::Udp:
        return kCutUdp;
    default:
        return kCutNone;
    }
}

} // namespace

VnetHeader read_vnet(std::span<const std::uint8_t> bytes) {
    RawVnet raw{};
    static_assert(sizeof raw == kVnetHeader);
    std::memcpy(&raw, bytes.data(), sizeof raw);
    VnetHeader header;
    header.needs_checksum = (raw.flags & kNeedsChecksum) != 0;
    header.cut = cut_of(raw.cut);
    header.header_size = raw.header_size;
    header.piece_size = raw.piece_size;
    header.checksum_start = raw.checksum_start;
    header.checksum_offset = raw.checksum_offset;
    return header;
}

void write_vnet(const VnetHeader& header, std::uint8_t* to) {
    RawVnet raw{};
    raw.flags = header.needs_checksum ? kNeedsChecksum : std::uint8_t{0};
    raw.cut = type_of(header.cut);
    raw.header_size = header.header_size;
    raw.piece_size = header.piece_size;
    raw.checksum_start = header.checksum_start;
    raw.checksum_offset = header.checksum_offset;
    std::memcpy(to, &raw, sizeof raw);
}

/// By words of the machine: the order of bytes does not matter to such a sum until it is stored
/// (RFC 1071, section 2).
std::uint64_t checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum) {
    constexpr std::size_t kWord = 4;
    std::uint64_t total = 0;
    std::size_t at = 0;
    for (; at + kWord <= bytes.size(); at += kWord) {
        std::uint32_t word = 0;
        std::memcpy(&word, bytes.data() + at, kWord);
        total += word;
    }
    std::uint32_t rest = 0;
    std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
    return sum + total + rest;
}

std::uint16_t checksum_fold(std::uint64_t sum) {
    while (sum >> 16U != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(sum);
}

std::uint64_t pseudo_sum(const InnerPacket& packet, std::size_t transport_size) {
    std::uint8_t tail[8] = {};
    store32(tail, static_cast<std::uint32_t>(transport_size));
    tail[7] = packet.protocol;
    auto sum = checksum_add({packet.source.bytes(), packet.source.size()});
    sum = checksum_add({packet.destination.bytes(), packet.destination.size()}, sum);
    return checksum_add(tail, sum);
}

namespace {

/// Stores a sum in the machine's order of bytes, as it was made; `negate` for a finished one.
void store_sum(std::uint8_t* to, std::uint64_t sum, bool negate) {
    auto folded = checksum_fold(sum);
    if (negate) {
        folded = static_cast<std::uint16_t>(~folded);
    }
    std::memcpy(to, &folded, sizeof folded);
}

} // namespace

bool finish_checksum(std::span<std::uint8_t> packet, std::size_t start, std::size_t offset) {
    if (start + offset + 2 > packet.size()) {
        return false;
    }
    // The sum of the pseudo header stands where the checksum goes.
    store_sum(packet.data() + start + offset, checksum_add(packet.subspan(start)), true);
    if (packet[start + offset] == 0 && packet[start + offset + 1] == 0) {
        store16(packet.data() + start + offset, 0xffffU); // 0 says that there is none (RFC 768)
    }
    return true;
}

std::optional<PacketCutter> PacketCutter::make(
    const VnetHeader& vnet, const InnerPacket& inner, std::span<const std::uint8_t> packet) {
    PacketCutter cutter;
    cutter.packet_ = packet;
    cutter.inner_ = &inner;
    cutter.tcp_ = vnet.cut == VnetHeader::Cut::Tcp4 || vnet.cut == VnetHeader::Cut::Tcp6;
    const auto least = inner.transport + (cutter.tcp_ ? kTcpHeaderMin : kUdpHeader);
    const auto wanted = cutter.tcp_ ? IPPROTO_TCP : IPPROTO_UDP;
    if (vnet.cut == VnetHeader::Cut::Unknown || packet.size() < least || inner.protocol != wanted ||
        vnet.piece_size == 0) {
        return std::nullopt;
    }
    cutter.header_ = cutter.tcp_
                         ? inner.transport + (packet[inner.transport + 12] >> 4U) * std::size_t{4}
                         : least;
    if (cutter.header_ < least || cutter.header_ >= packet.size()) {
        return std::nullopt;
    }
    cutter.piece_ = vnet.piece_size;
    cutter.pieces_ = (packet.size() - cutter.header_ + cutter.piece_ - 1) / cutter.piece_;
    return cutter;
}

std::size_t PacketCutter::size_of(std::size_t piece) const {
    return header_ + std::min(piece_, packet_.size() - header_ - piece * piece_);
}

/// Where the checksum goes, which is zero then.
std::uint8_t* PacketCutter::write_all_but_checksum(std::size_t piece, std::uint8_t* to) const {
    const auto size = size_of(piece);
    std::copy_n(packet_.begin(), header_, to);
    std::copy_n(
        packet_.begin() + static_cast<std::ptrdiff_t>(header_ + piece * piece_),
        size - header_,
        to + header_);
    fix_ip(piece, size, to);
    auto* transport = to + inner_->transport;
    if (tcp_) {
        fix_tcp(piece, transport);
    } else {
        store16(transport + kUdpLength, size - inner_->transport);
    }
    auto* checksum = transport + (tcp_ ? kTcpChecksum : kUdpChecksum);
    store16(checksum, 0);
    return checksum;
}

void PacketCutter::write(std::size_t piece, std::uint8_t* to) const {
    auto* checksum = write_all_but_checksum(piece, to);
    const auto size = size_of(piece) - inner_->transport;
    store_sum(
        checksum, checksum_add({to + inner_->transport, size}, pseudo_sum(*inner_, size)), true);
    if (checksum[0] == 0 && checksum[1] == 0) {
        store16(checksum, 0xffffU);
    }
}

void PacketCutter::write_without_checksum(std::size_t piece, std::uint8_t* to) const {
    auto* checksum = write_all_but_checksum(piece, to);
    store_sum(checksum, pseudo_sum(*inner_, size_of(piece) - inner_->transport), false);
}

VnetHeader PacketCutter::checksum_left(std::size_t link) const {
    VnetHeader vnet;
    vnet.needs_checksum = true;
    vnet.checksum_start = static_cast<std::uint16_t>(link + inner_->transport);
    vnet.checksum_offset = static_cast<std::uint16_t>(tcp_ ? kTcpChecksum : kUdpChecksum);
    return vnet;
}

void PacketCutter::fix_ip(std::size_t piece, std::size_t size, std::uint8_t* to) const {
    constexpr std::size_t kIpv6Fixed = 40;
    if (inner_->source.is_v6()) {
        store16(to + 4, size - kIpv6Fixed);
        return;
    }
    store16(to + 2, size);
    store16(to + 4, load16(to + 4) + piece); // each packet has an identification of its own
    store16(to + 10, 0);
    store_sum(to + 10, checksum_add({to, (to[0] & 0xfU) * std::size_t{4}}), true);
}

void PacketCutter::fix_tcp(std::size_t piece, std::uint8_t* to) const {
    store32(
        to + kTcpSequence, load32(to + kTcpSequence) + static_cast<std::uint32_t>(piece * piece_));
    if (piece + 1 != pieces_) {
        to[kTcpFlags] &= static_cast<std::uint8_t>(~kFinAndPush);
    }
    if (piece != 0) {
        to[kTcpFlags] &= static_cast<std::uint8_t>(~kCwr);
    }
}

} // namespace labctl::dataplane
