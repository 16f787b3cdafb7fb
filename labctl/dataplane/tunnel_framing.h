#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "labctl/dataplane/flow_memory.h"
#include "labctl/dataplane/inner_packet.h"
#include "labctl/dataplane/tunnel_drop.h"
#include "labctl/dataplane/tunnel_nodes.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

/// What is put in front of each packet of a flow, in one datagram with it.
struct FrameHead {
    static constexpr std::size_t kMax = 40;

    std::array<std::uint8_t, kMax> bytes{};
    std::size_t size = 0;
    std::size_t length_at = 0;   // of a 16-bit field that tells the length; 0: there is none
    std::size_t length_more = 0; // what that counts besides the packet
    std::uint32_t identity = 0;  // that the packet's sender claims; 0: none

    /// Writes `size` bytes for a packet of that size.
    void write(std::size_t packet_size, std::uint8_t* to) const {
        std::copy_n(bytes.data(), size, to);
        if (length_at != 0) {
            const auto length = packet_size + length_more;
            to[length_at] = static_cast<std::uint8_t>(length >> 8U);
            to[length_at + 1] = static_cast<std::uint8_t>(length);
        }
    }
};

/// Where a framing leaves what it has found in a datagram.
class TunnelSink {
public:
    TunnelSink() = default;
    TunnelSink(const TunnelSink&) = delete;
    TunnelSink& operator=(const TunnelSink&) = delete;
    virtual ~TunnelSink() = default;
    /// `packet` holds exactly what its IP header says.
    virtual void deliver(const InnerPacket& inner, std::span<const std::uint8_t> packet) = 0;
    virtual void
    drop(TunnelDrop reason, std::uint32_t identity, std::span<const std::uint8_t> packet) = 0;
};

/// How the packets of tunnels look on the wire, and which of them are let in. One serves all nodes;
/// the engine moves the packets, and knows no format.
class TunnelFraming {
public:
    /// Reads the fields of Op::TunnelBegin. `flows` outlives this.
    static std::unique_ptr<TunnelFraming> begin(WireReader& record, FlowMemory& flows);

    TunnelFraming() = default;
    TunnelFraming(const TunnelFraming&) = delete;
    TunnelFraming& operator=(const TunnelFraming&) = delete;
    virtual ~TunnelFraming() = default;

    /// Takes the fields of a record of tables. Throws netemu::Error for one that it has not.
    virtual void fill(Op op, WireReader& record);

    [[nodiscard]] virtual const TunnelNodes& nodes() const = 0;
    /// UDP, where tunnels end.
    [[nodiscard]] virtual std::uint16_t port() const = 0;
    /// What goes in front of a packet that leaves `self` for `peer`.
    [[nodiscard]] virtual FrameHead
    head_of(const TunnelNode& self, const TunnelNode& peer, const InnerPacket& inner) = 0;
    /// Before the datagrams that have come meanwhile.
    virtual void begin_turn() = 0;
    /// Takes apart a datagram that came to the tunnel of `self`. The bytes may be anything.
    virtual void receive(
        const TunnelNode& self,
        const netemu::IpAddress& from,
        std::span<const std::uint8_t> datagram,
        TunnelSink& sink) = 0;

protected:
    virtual TunnelNodes& nodes_to_fill() = 0;
};

} // namespace labctl::dataplane
