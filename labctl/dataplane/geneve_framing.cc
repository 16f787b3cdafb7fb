#include "labctl/dataplane/geneve_framing.h"

namespace labctl::dataplane {

void GeneveFraming::fill(Op op, WireReader& record) {
    switch (op) {
    case Op::GeneveIdentities:
        for (auto count = record.u32(); count > 0; --count) {
            tables_.add_identity(record.u32());
        }
        break;
    case Op::GenevePolicies:
        fill_policies(record);
        break;
    case Op::GeneveEndpoints:
        fill_endpoints(record);
        break;
    default:
        TunnelFraming::fill(op, record);
    }
}

void GeneveFraming::fill_policies(WireReader& record) {
    const auto map = record.u32();
    services::PolicyMap entries;
    for (auto count = record.u32(); count > 0; --count) {
        services::PolicyMapEntry entry;
        entry.identity = record.u32();
        entry.protocol = record.u8();
        entry.first = record.u16();
        entry.last = record.u16();
        entry.verdict = static_cast<services::MapVerdict>(record.u8());
        entries.push_back(entry);
    }
    tables_.add_map(map, entries);
}

void GeneveFraming::fill_endpoints(WireReader& record) {
    for (auto count = record.u32(); count > 0; --count) {
        GeneveEndpoint endpoint;
        endpoint.address = record.endpoint().address;
        endpoint.tunnel = record.u32();
        endpoint.identity = record.u32();
        endpoint.map = record.u32();
        tables_.add_endpoint(endpoint);
    }
}

FrameHead
GeneveFraming::head_of(const TunnelNode& self, const TunnelNode& peer, const InnerPacket& inner) {
    static_assert(kGeneveHead <= FrameHead::kMax);
    if (inner.is_stateless && !flows_.is_recent(FlowMemory::of(self.tunnel, inner)) &&
        !flows_.knows(FlowMemory::answered_by(self.tunnel, inner))) {
        flows_.remember(FlowMemory::of(self.tunnel, inner));
    }
    GeneveHead geneve;
    geneve.vni = tables_.vni();
    geneve.identity = tables_.identity_of(self.tunnel, inner.source);
    geneve.source = netemu::MacAddress::for_ip(self.local);
    geneve.destination = netemu::MacAddress::for_ip(peer.local);
    geneve.ipv6 = inner.source.is_v6();
    FrameHead head;
    head.size = kGeneveHead;
    head.identity = geneve.identity;
    write_geneve(geneve, head.bytes.data());
    return head;
}

/// Nothing that `verify` asks for is different. It is asked once in a turn all the same, since it
/// also notes who is still heard of.
bool GeneveFraming::is_like_last(
    const TunnelNode& self,
    const netemu::IpAddress& from,
    const GeneveFrame& frame,
    const InnerPacket& inner) const {
    return last_.noted && frame.vni == tables_.vni() && !frame.unknown_critical &&
           frame.identity == last_.identity && self.tunnel == last_.tunnel &&
           inner.begins == last_.inner.begins && from == last_.from &&
           same_flow(inner, last_.inner);
}

void GeneveFraming::begin_turn() {
    last_.noted = false;
    plain_.forget();
}

void GeneveFraming::receive(
    const TunnelNode& self,
    const netemu::IpAddress& from,
    std::span<const std::uint8_t> datagram,
    TunnelSink& sink) {
    if (const auto known = plain_.take(self.tunnel, from, datagram); !known.empty()) {
        sink.deliver(plain_.inner(), known);
        return;
    }
    const auto frame = read_geneve(datagram);
    const auto inner = frame ? read_whole(frame->packet) : std::nullopt;
    if (!inner) {
        sink.drop(TunnelDrop::BadFrame, 0, {});
        return;
    }
    const auto packet = frame->packet.first(ip_size(frame->packet)); // what follows is padding
    if (!is_like_last(self, from, *frame, *inner)) {
        if (const auto reason = tables_.verify(self.tunnel, from, *frame, *inner, flows_)) {
            sink.drop(*reason, frame->identity.value_or(0), packet);
            return;
        }
        const auto head = datagram.size() - frame->packet.size();
        const bool plain = plain_.note(self.tunnel, from, datagram, head, *inner);
        last_ = {self.tunnel, *frame->identity, from, *inner, !plain};
    }
    sink.deliver(*inner, packet);
}

} // namespace labctl::dataplane
