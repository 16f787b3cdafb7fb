#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netemu/base/address.h"

/// Geneve (RFC 8926) as nodes speak it here: an Ethernet header with a packet of IP behind it, and
/// one option, the identity of the sender.
namespace labctl::dataplane {

inline constexpr std::uint16_t kGenevePort = 6081; // RFC 8926, section 3.3

/// The option that carries the identity. Its class is one of those for experiments (RFC 8926,
/// section 7). Its type has the critical bit: who does not know it has to drop the packet (section
/// 3.5), as nobody may deliver a packet whose identity he has not looked at. Its data are the
/// identity, 32 bits, in network byte order.
inline constexpr std::uint16_t kIdentityClass = 0xff01;
inline constexpr std::uint8_t kIdentityType = 0x81;

/// What our frames have in front of the packet: the fixed header, the option, Ethernet.
inline constexpr std::size_t kGeneveFixed = 8;
inline constexpr std::size_t kGeneveOption = 8;
inline constexpr std::size_t kGeneveEthernet = 14;
inline constexpr std::size_t kGeneveHead = kGeneveFixed + kGeneveOption + kGeneveEthernet;

struct GeneveHead {
    std::uint32_t vni = 0;
    std::uint32_t identity = 0;
    netemu::MacAddress source;
    netemu::MacAddress destination;
    bool ipv6 = false; // the packet inside
};

/// Writes the kGeneveHead bytes in front of a packet.
void write_geneve(const GeneveHead& head, std::uint8_t* to);

/// A frame that was read.
struct GeneveFrame {
    std::uint32_t vni = 0;
    std::optional<std::uint32_t> identity;
    bool unknown_critical = false;
    std::span<const std::uint8_t> packet; // of IP
};

/// Reads what a UDP datagram to the port holds; nullopt: BadFrame. The protocol may be Ethernet
/// (0x6558), or IPv4 or IPv6 without it. Options that are not known and not critical are passed
/// over. The bytes may be anything.
[[nodiscard]] std::optional<GeneveFrame> read_geneve(std::span<const std::uint8_t> datagram);

} // namespace labctl::dataplane
