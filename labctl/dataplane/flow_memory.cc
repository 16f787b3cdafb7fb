#include "labctl/dataplane/flow_memory.h"

#include <utility>

namespace labctl::dataplane {

FlowMemory::Flow FlowMemory::of(std::uint32_t tunnel, const InnerPacket& packet) {
    return {
        tunnel,
        packet.source,
        packet.destination,
        packet.protocol,
        packet.source_port,
        packet.destination_port};
}

FlowMemory::Flow FlowMemory::answered_by(std::uint32_t tunnel, const InnerPacket& packet) {
    return {
        tunnel,
        packet.destination,
        packet.source,
        packet.protocol,
        packet.destination_port,
        packet.source_port};
}

std::size_t FlowMemory::Hash::operator()(const Flow& flow) const {
    InnerPacket packet;
    packet.source = flow.source;
    packet.destination = flow.destination;
    packet.protocol = flow.protocol;
    packet.source_port = flow.source_port;
    packet.destination_port = flow.destination_port;
    return flow_hash(packet) * std::size_t{31} + flow.tunnel;
}

bool FlowMemory::knows(const Flow& flow) {
    if (young_.contains(flow)) {
        return true;
    }
    if (!old_.contains(flow)) {
        return false;
    }
    remember(flow);
    return true;
}

void FlowMemory::remember(const Flow& flow) {
    if (young_.size() >= kFlowsMax / 2) {
        old_ = std::exchange(young_, {});
        recent_ = {};
    }
    young_.insert(flow);
    recent_[1] = std::exchange(recent_[0], flow);
}

void FlowMemory::age(netemu::Clock::time_point now) {
    if (now - turned_ >= kFlowIdle) {
        recent_ = {};
        old_ = std::exchange(young_, {});
        turned_ = now;
    }
}

} // namespace labctl::dataplane
