#include "labctl/dataplane/sleeve_framing.h"

namespace labctl::dataplane {

FrameHead
SleeveFraming::head_of(const TunnelNode& self, const TunnelNode& peer, const InnerPacket& inner) {
    static_assert(kSleeveHead <= FrameHead::kMax);
    FrameHead head;
    head.size = kSleeveHead;
    head.length_at = kSleeveLengthAt;
    head.length_more = kSleeveEthernet;
    write_sleeve(self.name, peer.name, inner.source.is_v6(), head.bytes.data());
    return head;
}

void SleeveFraming::receive(
    const TunnelNode& self,
    const netemu::IpAddress& from,
    std::span<const std::uint8_t> datagram,
    TunnelSink& sink) {
    if (const auto known = plain_.take(self.tunnel, from, datagram); !known.empty()) {
        sink.deliver(plain_.inner(), known);
        return;
    }
    const auto name = sleeve_sender(datagram);
    if (!name) {
        sink.drop(TunnelDrop::BadFrame, 0, {});
        return;
    }
    const auto* peer = nodes_.named(*name);
    if (peer == nullptr || peer->tunnel == self.tunnel || peer->local != from) {
        sink.drop(TunnelDrop::UnknownPeer, 0, {});
        return;
    }
    auto rest = datagram.subspan(kSleeveName);
    do { // one without any frame is bad
        const auto frame = next_sleeve_frame(rest);
        if (!frame) {
            sink.drop(TunnelDrop::BadFrame, 0, {});
            return;
        }
        const auto inner = take(self, *peer, *frame, sink);
        if (inner && datagram.size() == kSleeveHead + frame->packet.size()) { // there is no other
            (void)plain_.note(self.tunnel, from, datagram, kSleeveHead, *inner);
        }
    } while (!rest.empty());
}

std::optional<InnerPacket> SleeveFraming::take(
    const TunnelNode& self, const TunnelNode& peer, const SleeveFrame& frame, TunnelSink& sink) {
    const auto inner = read_whole(frame.packet);
    if (!inner) {
        sink.drop(TunnelDrop::BadFrame, 0, {});
        return std::nullopt;
    }
    const auto packet = frame.packet.first(ip_size(frame.packet)); // what follows is padding
    if (frame.source != peer.name) {
        sink.drop(TunnelDrop::UnknownPeer, 0, packet);
        return std::nullopt;
    }
    if (frame.destination != self.name || nodes_.owner_of(inner->destination) != &self) {
        sink.drop(TunnelDrop::NotHere, 0, packet);
        return std::nullopt;
    }
    sink.deliver(*inner, packet);
    return inner;
}

} // namespace labctl::dataplane
