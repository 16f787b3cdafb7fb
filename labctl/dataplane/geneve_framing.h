#pragma once

#include "labctl/dataplane/geneve_tables.h"
#include "labctl/dataplane/last_frame.h"
#include "labctl/dataplane/tunnel_framing.h"

namespace labctl::dataplane {

/// Geneve (RFC 8926) with the sender's identity in each frame, which is verified, and asked for by
/// the policy of whoever it is for, before the packet is delivered.
class GeneveFraming : public TunnelFraming {
public:
    /// `flows` outlives this.
    GeneveFraming(FlowMemory& flows, std::uint32_t vni, bool keep_established) : flows_(flows) {
        tables_.set_network(vni, keep_established);
    }

    void fill(Op op, WireReader& record) override;
    [[nodiscard]] const TunnelNodes& nodes() const override { return tables_; }
    [[nodiscard]] std::uint16_t port() const override { return kGenevePort; }
    [[nodiscard]] FrameHead
    head_of(const TunnelNode& self, const TunnelNode& peer, const InnerPacket& inner) override;
    void begin_turn() override;
    void receive(
        const TunnelNode& self,
        const netemu::IpAddress& from,
        std::span<const std::uint8_t> datagram,
        TunnelSink& sink) override;

protected:
    TunnelNodes& nodes_to_fill() override { return tables_; }

private:
    /// What a frame was that was let in: another one like it is let in, too.
    struct Admitted {
        std::uint32_t tunnel = 0;
        std::uint32_t identity = 0;
        netemu::IpAddress from;
        InnerPacket inner;
        bool noted = false;
    };

    [[nodiscard]] bool is_like_last(
        const TunnelNode& self,
        const netemu::IpAddress& from,
        const GeneveFrame& frame,
        const InnerPacket& inner) const;
    void fill_endpoints(WireReader& record);
    void fill_policies(WireReader& record);

    FlowMemory& flows_;
    GeneveTables tables_;
    Admitted last_;
    LastFrame plain_;
};

} // namespace labctl::dataplane
