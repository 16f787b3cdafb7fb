#pragma once

#include "labctl/dataplane/last_frame.h"
#include "labctl/dataplane/sleeve_frame.h"
#include "labctl/dataplane/tunnel_framing.h"

namespace labctl::dataplane {

/// Sleeve: every peer talks to every other one itself, so a frame is delivered where it comes from
/// the peer that sent the datagram, from that peer's address, and is for this one. Nothing in it
/// says more of the sender.
class SleeveFraming : public TunnelFraming {
public:
    [[nodiscard]] const TunnelNodes& nodes() const override { return nodes_; }
    [[nodiscard]] std::uint16_t port() const override { return kSleevePort; }
    [[nodiscard]] FrameHead
    head_of(const TunnelNode& self, const TunnelNode& peer, const InnerPacket& inner) override;
    void begin_turn() override { plain_.forget(); }
    void receive(
        const TunnelNode& self,
        const netemu::IpAddress& from,
        std::span<const std::uint8_t> datagram,
        TunnelSink& sink) override;

protected:
    TunnelNodes& nodes_to_fill() override { return nodes_; }

private:
    /// What was delivered, if it was.
    std::optional<InnerPacket> take(
        const TunnelNode& self, const TunnelNode& peer, const SleeveFrame& frame, TunnelSink& sink);

    TunnelNodes nodes_;
    LastFrame plain_{kSleeveLengthAt, kSleeveEthernet};
};

} // namespace labctl::dataplane
