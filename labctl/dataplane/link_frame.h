#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "labctl/dataplane/inner_packet.h"
#include "labctl/dataplane/tun_packet.h"

/// Frames of Ethernet as a TAP device with a vnet header hands them over.
namespace labctl::dataplane {

/// The largest of them: vnet header, Ethernet header with two VLAN tags, packet of IP.
inline constexpr std::size_t kLinkFrameMax = kVnetHeader + 14 + 8 + kTunPacketMax;

/// A frame behind its vnet header, and what it is on a wire.
struct LinkFrame {
    std::vector<std::uint8_t> bytes;
    std::uint32_t packets = 1;    // a large packet of TCP or UDP is several
    std::uint32_t wire_bytes = 0; // of all of them, with their Ethernet headers and no checksum
};

/// What is known of a frame without changing it. Points into its bytes.
struct FrameShape {
    std::size_t link = 0;             // bytes in front of the packet of IP
    std::optional<InnerPacket> inner; // none: not IP, or not whole
    VnetHeader vnet;
    std::uint32_t packets = 1;
    std::uint32_t wire_bytes = 0;
};
/// `frame`: with its vnet header. The bytes may be anything.
[[nodiscard]] FrameShape shape_of(std::span<const std::uint8_t> frame);

/// Calls `take` with each packet of the frame as it would be on a wire, its checksum left to
/// `finish_frame` or to whoever receives it. A frame that is one already, or that cannot be cut, is
/// passed on as it is.
void cut_frame(
    std::span<const std::uint8_t> frame,
    const FrameShape& shape,
    const std::function<void(LinkFrame)>& take);

/// Does what the vnet header leaves to be done to the checksum, so that from now on the frame is
/// what it says, and whoever receives it verifies that.
void finish_frame(std::vector<std::uint8_t>& frame);

/// Whether its checksum holds, as far as the one who sent it knows: then it may be put together
/// with others and be given another one.
[[nodiscard]] bool is_sound(std::span<const std::uint8_t> frame);

} // namespace labctl::dataplane
