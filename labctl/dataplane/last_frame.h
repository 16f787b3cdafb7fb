#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "labctl/dataplane/inner_packet.h"
#include "labctl/dataplane/tunnel_framing.h"

namespace labctl::dataplane {

/// The frame that was let in last, if all of it was a plain datagram of UDP: another one with the
/// same bytes in front, from the same address, to the same tunnel and of the same flow is let in
/// without a second look, for as long as one turn of receiving lasts. Small packets come in long
/// rows of such.
class LastFrame {
public:
    /// `length_at`: of 16 bits in the head that say how much follows behind them, and are not
    /// compared; 0: there are none. `counted`: bytes of the head that they count as well.
    explicit LastFrame(std::size_t length_at = 0, std::size_t counted = 0)
        : length_at_(length_at), counted_(counted) {}

    /// A frame that has been looked at: `head` bytes and a packet. False if it is of another kind.
    bool note(
        std::uint32_t tunnel,
        const netemu::IpAddress& from,
        std::span<const std::uint8_t> datagram,
        std::size_t head,
        const InnerPacket& inner);

    /// A new turn: whoever keeps time by looks is to have one.
    void forget() { noted_ = false; }

    /// The packet of a datagram that is like it; empty for any other. The bytes may be anything.
    [[nodiscard]] std::span<const std::uint8_t> take(
        std::uint32_t tunnel,
        const netemu::IpAddress& from,
        std::span<const std::uint8_t> datagram) const;
    /// Of what was noted; it holds for what take() has returned, too.
    [[nodiscard]] const InnerPacket& inner() const { return inner_; }

private:
    [[nodiscard]] bool same_head(std::span<const std::uint8_t> datagram) const;

    std::size_t length_at_;
    std::size_t counted_;
    std::array<std::uint8_t, FrameHead::kMax> head_{};
    std::size_t size_ = 0;
    std::uint32_t tunnel_ = 0;
    netemu::IpAddress from_;
    InnerPacket inner_;
    bool noted_ = false;
};

} // namespace labctl::dataplane
