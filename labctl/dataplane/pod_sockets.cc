#include "labctl/dataplane/pod_sockets.h"

#include <utility>

namespace labctl::dataplane {

PodSockets::PodSockets(Reply reply) : reply_(std::move(reply)) {
}

UpstreamPool::Sockets PodSockets::of(std::uint32_t pod) {
    return {
        [this, pod](netemu::Family family, UpstreamPool::SocketArrived arrived) {
            const auto flow = next_flow_++;
            flows_[flow] = std::move(arrived);
            WireWriter record;
            record.op(Op::NeedPodSocket).u32(flow).u32(pod);
            record.u8(family == netemu::Family::V4 ? 4 : 6);
            reply_(record.bytes());
            return flow;
        },
        [this](std::uint32_t flow) { flows_.erase(flow); }};
}

void PodSockets::arrived(std::uint32_t flow, netemu::UniqueFd socket) {
    const auto waiting = flows_.extract(flow);
    if (!waiting.empty()) {
        waiting.mapped()(std::move(socket));
    }
}

} // namespace labctl::dataplane
