#include "labctl/dataplane/geneve_frame.h"

#include <algorithm>

namespace labctl::dataplane {
namespace {

constexpr std::uint16_t kEthernetType = 0x6558; // Transparent Ethernet Bridging
constexpr std::uint16_t kIpv4Type = 0x0800;
constexpr std::uint16_t kIpv6Type = 0x86dd;
constexpr std::uint8_t kControl = 0x80;  // of the second byte
constexpr std::uint8_t kCritical = 0x40; // likewise; and 0x80 of an option's type
constexpr std::uint8_t kCriticalType = 0x80;
constexpr std::size_t kOptionHeader = 4;

void put16(std::uint8_t* to, std::uint16_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 8U);
    to[1] = static_cast<std::uint8_t>(value);
}

void put32(std::uint8_t* to, std::uint32_t value) {
    put16(to, static_cast<std::uint16_t>(value >> 16U));
    put16(to + 2, static_cast<std::uint16_t>(value));
}

std::uint16_t get16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

std::uint32_t get32(std::span<const std::uint8_t> bytes, std::size_t at) {
    return std::uint32_t{get16(bytes, at)} << 16U | get16(bytes, at + 2);
}

/// False when one of them does not fit in.
bool read_options(std::span<const std::uint8_t> options, GeneveFrame& frame) {
    while (!options.empty()) {
        if (options.size() < kOptionHeader) {
            return false;
        }
        const auto type = options[2];
        const std::size_t data = (options[3] & 0x1fU) * std::size_t{4};
        if (options.size() < kOptionHeader + data) {
            return false;
        }
        if (get16(options, 0) == kIdentityClass && type == kIdentityType) {
            if (data == 4) {
                frame.identity = get32(options, kOptionHeader);
            }
        } else if ((type & kCriticalType) != 0) {
            frame.unknown_critical = true;
        }
        options = options.subspan(kOptionHeader + data);
    }
    return true;
}

} // namespace

void write_geneve(const GeneveHead& head, std::uint8_t* to) {
    to[0] = kGeneveOption / 4; // version 0, and the options' length in words
    to[1] = kCritical;
    put16(to + 2, kEthernetType);
    put32(to + 4, head.vni << 8U);
    put16(to + 8, kIdentityClass);
    to[10] = kIdentityType;
    to[11] = 1; // word of data
    put32(to + 12, head.identity);
    std::copy(head.destination.bytes.begin(), head.destination.bytes.end(), to + 16);
    std::copy(head.source.bytes.begin(), head.source.bytes.end(), to + 22);
    put16(to + 28, head.ipv6 ? kIpv6Type : kIpv4Type);
}

std::optional<GeneveFrame> read_geneve(std::span<const std::uint8_t> datagram) {
    if (datagram.size() < kGeneveFixed || datagram[0] >> 6U != 0 || (datagram[1] & kControl) != 0) {
        return std::nullopt;
    }
    GeneveFrame frame;
    const std::size_t options = (datagram[0] & 0x3fU) * std::size_t{4};
    auto type = get16(datagram, 2);
    frame.vni = get32(datagram, 4) >> 8U;
    if (datagram.size() < kGeneveFixed + options ||
        !read_options(datagram.subspan(kGeneveFixed, options), frame)) {
        return std::nullopt;
    }
    auto rest = datagram.subspan(kGeneveFixed + options);
    if (type == kEthernetType) {
        if (rest.size() < kGeneveEthernet) {
            return std::nullopt;
        }
        type = get16(rest, 12);
        rest = rest.subspan(kGeneveEthernet);
    }
    if (rest.empty() || (type != kIpv4Type && type != kIpv6Type) ||
        rest[0] >> 4U != (type == kIpv4Type ? 4 : 6)) {
        return std::nullopt;
    }
    frame.packet = rest;
    return frame;
}

} // namespace labctl::dataplane
