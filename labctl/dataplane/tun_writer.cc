#include "labctl/dataplane/tun_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <unistd.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kIpv4Plain = 20; // without options
constexpr std::size_t kIpv6Plain = 40; // without extension headers
constexpr std::uint8_t kPush = 0x08;
constexpr std::uint8_t kPlainAck = 0x10;
constexpr std::size_t kFlagsAt = 13;
constexpr std::size_t kChecksumAt = 16;
constexpr std::size_t kUdpLengthAt = 4;
constexpr std::size_t kUdpChecksumAt = 6;
constexpr std::size_t kLeadMax = kVnetHeader + 22; // Ethernet with two VLAN tags
constexpr std::size_t kDatagramsTogether = 64;     // UDP_MAX_SEGMENTS of older kernels

std::uint32_t read32(const std::uint8_t* from) {
    return std::uint32_t{from[0]} << 24U | std::uint32_t{from[1]} << 16U |
           std::uint32_t{from[2]} << 8U | from[3];
}

void put_size(std::uint8_t* to, std::size_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 8U);
    to[1] = static_cast<std::uint8_t>(value);
}

bool same_bytes(
    std::span<const std::uint8_t> left,
    std::span<const std::uint8_t> right,
    std::size_t from,
    std::size_t to) {
    return std::equal(
        left.begin() + static_cast<std::ptrdiff_t>(from),
        left.begin() + static_cast<std::ptrdiff_t>(to),
        right.begin() + static_cast<std::ptrdiff_t>(from));
}

} // namespace

TunWriter::TunWriter() : bytes_(kLeadMax + kTunPacketMax) {
}

namespace {

/// Where the payload begins of TCP without anything unusual, which carries something; 0: elsewhere.
std::size_t tcp_payload_at(std::size_t at, std::span<const std::uint8_t> packet) {
    constexpr std::size_t kTcpMin = 20;
    if (packet.size() <= at + kTcpMin) {
        return 0;
    }
    const auto payload = at + (packet[at + 12] >> 4U) * std::size_t{4};
    const bool usual = (packet[at + kFlagsAt] & ~kPush) == kPlainAck;
    return usual && payload >= at + kTcpMin && payload < packet.size() ? payload : 0;
}

/// The same of UDP. One without a checksum is to stay so.
std::size_t udp_payload_at(std::size_t at, std::span<const std::uint8_t> packet) {
    constexpr std::size_t kUdpHead = 8;
    const bool whole = packet.size() > at + kUdpHead;
    return whole && (packet[at + 6] != 0 || packet[at + 7] != 0) ? at + kUdpHead : 0;
}

} // namespace

/// Where the payload begins of what can be put together; 0 for all others.
std::size_t TunWriter::payload_at(const InnerPacket& inner, std::span<const std::uint8_t> packet) {
    const auto plain = inner.source.is_v4() ? kIpv4Plain : kIpv6Plain;
    if (inner.transport != plain) {
        return 0;
    }
    if (inner.source.is_v4() && ((packet[6] & 0x3fU) != 0 || packet[7] != 0)) {
        return 0; // a fragment
    }
    return inner.protocol == IPPROTO_TCP   ? tcp_payload_at(plain, packet)
           : inner.protocol == IPPROTO_UDP ? udp_payload_at(plain, packet)
                                           : 0;
}

bool TunWriter::is_udp() const {
    return inner_.protocol == IPPROTO_UDP;
}

void TunWriter::write(int tun, const InnerPacket& inner, std::span<const std::uint8_t> packet) {
    static constexpr std::array<std::uint8_t, kVnetHeader> kNothingToDo{};
    write_parts(tun, inner, {kNothingToDo, packet});
}

void TunWriter::write_frame(
    int tap, const InnerPacket& inner, std::span<const std::uint8_t> frame, std::size_t link) {
    write_parts(tap, inner, {frame.first(kVnetHeader + link), frame.subspan(kVnetHeader + link)});
}

void TunWriter::write_parts(int tun, const InnerPacket& inner, const Parts& parts) {
    if (size_ != 0 && tun == tun_ && continues(inner, parts)) {
        const auto& packet = parts.packet;
        append(packet.subspan(header_), is_udp() ? 0 : packet[inner.transport + kFlagsAt]);
        return;
    }
    flush();
    begin(tun, inner, parts);
}

bool TunWriter::continues(const InnerPacket& inner, const Parts& parts) const {
    const auto at = inner.transport;
    const auto& packet = parts.packet;
    const auto link = parts.lead.subspan(kVnetHeader);
    if (parts.lead.size() != lead_ ||
        !std::equal(link.begin(), link.end(), bytes_.begin() + kVnetHeader)) {
        return false;
    }
    if (header_ == 0 || inner.protocol != inner_.protocol || payload_at(inner, packet) != header_ ||
        inner.source != inner_.source || inner.destination != inner_.destination) {
        return false;
    }
    const std::span<const std::uint8_t> first(bytes_.data() + lead_, header_);
    const auto payload = packet.size() - header_;
    const bool same_ip = inner.source.is_v4()
                             ? same_bytes(first, packet, 0, 2) && same_bytes(first, packet, 6, 10)
                             : same_bytes(first, packet, 0, 4) && same_bytes(first, packet, 6, 8);
    const bool fits = payload <= piece_ && size_ + payload <= kTunPacketMax;
    const bool follows = is_udp() ? pieces_ < kDatagramsTogether : follows_tcp(packet);
    return same_ip && fits && same_bytes(first, packet, at, at + 4) && follows;
}

/// The next bytes, with nothing else to say than those before.
bool TunWriter::follows_tcp(std::span<const std::uint8_t> packet) const {
    const auto at = inner_.transport;
    const std::span<const std::uint8_t> first(bytes_.data() + lead_, header_);
    return read32(&packet[at + 4]) == next_ && same_bytes(first, packet, at + 8, at + kFlagsAt) &&
           same_bytes(first, packet, at + 14, at + kChecksumAt) &&
           same_bytes(first, packet, at + 18, header_);
}

void TunWriter::begin(int tun, const InnerPacket& inner, const Parts& parts) {
    const auto& packet = parts.packet;
    if (packet.size() > kTunPacketMax || parts.lead.size() > kLeadMax) {
        ++refused_;
        return;
    }
    lead_ = parts.lead.size();
    std::copy(parts.lead.begin(), parts.lead.end(), bytes_.begin());
    std::copy(packet.begin(), packet.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(lead_));
    size_ = packet.size();
    tun_ = tun;
    inner_ = inner;
    header_ = payload_at(inner, packet);
    piece_ = header_ == 0 ? 0 : packet.size() - header_;
    pieces_ = 1;
    if (header_ == 0) {
        flush();
        return;
    }
    if (is_udp()) {
        if (!joins_udp_) {
            flush();
        }
        return;
    }
    next_ = read32(&packet[inner.transport + 4]) + static_cast<std::uint32_t>(piece_);
    if ((packet[inner.transport + kFlagsAt] & kPush) != 0) {
        flush(); // the sender has no more to say for now
    }
}

void TunWriter::append_piece(std::span<const std::uint8_t> payload) {
    std::copy(
        payload.begin(),
        payload.end(),
        bytes_.begin() + static_cast<std::ptrdiff_t>(lead_ + size_));
    size_ += payload.size();
    next_ += static_cast<std::uint32_t>(payload.size());
    ++pieces_;
}

/// `flags`: of TCP.
void TunWriter::append(std::span<const std::uint8_t> payload, std::uint8_t flags) {
    append_piece(payload);
    if (!is_udp()) {
        bytes_[lead_ + inner_.transport + kFlagsAt] |= flags;
    }
    if (payload.size() < piece_ || (flags & kPush) != 0) {
        flush(); // only the last piece may be short
    }
}

/// The checksum is left to the stack, like that of a packet which has never left the machine.
VnetHeader TunWriter::finish_headers() {
    auto* packet = bytes_.data() + lead_;
    const auto transport = size_ - inner_.transport;
    const auto checksum_at = is_udp() ? kUdpChecksumAt : kChecksumAt;
    if (inner_.source.is_v4()) {
        put_size(packet + 2, size_);
        put_size(packet + 10, 0);
        const auto sum =
            static_cast<std::uint16_t>(~checksum_fold(checksum_add({packet, inner_.transport})));
        std::memcpy(packet + 10, &sum, sizeof sum);
    } else {
        put_size(packet + 4, transport);
    }
    if (is_udp()) {
        put_size(packet + inner_.transport + kUdpLengthAt, transport);
    }
    const auto pseudo = checksum_fold(pseudo_sum(inner_, transport));
    std::memcpy(packet + inner_.transport + checksum_at, &pseudo, sizeof pseudo);
    VnetHeader vnet;
    vnet.needs_checksum = true;
    vnet.cut = is_udp()                ? VnetHeader::Cut::Udp
               : inner_.source.is_v4() ? VnetHeader::Cut::Tcp4
                                       : VnetHeader::Cut::Tcp6;
    const auto link = lead_ - kVnetHeader;
    vnet.header_size = static_cast<std::uint16_t>(link + header_);
    vnet.piece_size = static_cast<std::uint16_t>(piece_);
    vnet.checksum_start = static_cast<std::uint16_t>(link + inner_.transport);
    vnet.checksum_offset = static_cast<std::uint16_t>(checksum_at);
    return vnet;
}

/// For a kernel that does not take them together.
void TunWriter::write_pieces(const VnetHeader& vnet) {
    const auto cutter = PacketCutter::make(vnet, inner_, {bytes_.data() + lead_, size_});
    one_.resize(bytes_.size());
    std::copy_n(bytes_.begin(), lead_, one_.begin());
    write_vnet({}, one_.data());
    for (std::size_t i = 0; cutter && i < cutter->pieces(); ++i) {
        cutter->write(i, one_.data() + lead_);
        if (::write(tun_, one_.data(), lead_ + cutter->size_of(i)) < 0) {
            ++refused_;
        }
    }
}

/// What the device does not take is lost, as packets are.
void TunWriter::flush() {
    if (size_ == 0) {
        return;
    }
    VnetHeader vnet;
    if (pieces_ > 1) {
        vnet = finish_headers();
        write_vnet(vnet, bytes_.data());
    }
    if (::write(tun_, bytes_.data(), lead_ + size_) < 0) {
        if (errno == EINVAL && vnet.cut == VnetHeader::Cut::Udp) {
            joins_udp_ = false;
            write_pieces(vnet);
        } else {
            refused_ += pieces_;
        }
    }
    size_ = 0;
}

} // namespace labctl::dataplane
