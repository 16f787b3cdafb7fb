#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netemu/base/address.h"

/// Sleeve, Weave's own encapsulation, without encryption (weave, router/sleeve.go and
/// router/frame_crypto.go; the names are mesh's, peer_name_mac.go): a datagram begins with the name
/// of the peer that sends it, and holds any number of frames. Each has the names of the peers that
/// it comes from and goes to, the length of an Ethernet frame in network byte order, and that.
namespace labctl::dataplane {

inline constexpr std::uint16_t kSleevePort = 6783; // mesh, router.go: the port of all of it

inline constexpr std::size_t kSleeveName = 6; // a peer is named by a MAC address
inline constexpr std::size_t kSleeveFrame = 2 * kSleeveName + 2;
inline constexpr std::size_t kSleeveEthernet = 14;
/// What a datagram with one packet has in front of it.
inline constexpr std::size_t kSleeveHead = kSleeveName + kSleeveFrame + kSleeveEthernet;
/// Where its length is, which counts the Ethernet header.
inline constexpr std::size_t kSleeveLengthAt = 3 * kSleeveName;

struct SleeveFrame {
    netemu::MacAddress source;            // name of the peer that it comes from
    netemu::MacAddress destination;       // and of that which it is for
    std::span<const std::uint8_t> packet; // of IP; empty: something else is in the frame
};

/// Writes the kSleeveHead bytes in front of a packet, with a length of 0. Both peers' names are
/// the MAC addresses of the frame, too: a node routes what is in it.
void write_sleeve(
    const netemu::MacAddress& from, const netemu::MacAddress& to, bool ipv6, std::uint8_t* bytes);

/// The name in front of a datagram; nullopt where it is too short for one.
[[nodiscard]] std::optional<netemu::MacAddress>
sleeve_sender(std::span<const std::uint8_t> datagram);

/// Takes the next frame off `rest`, which is a datagram behind its sender's name; nullopt if it is
/// cut short. The bytes may be anything.
[[nodiscard]] std::optional<SleeveFrame> next_sleeve_frame(std::span<const std::uint8_t>& rest);

} // namespace labctl::dataplane
