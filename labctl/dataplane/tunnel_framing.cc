#include "labctl/dataplane/tunnel_framing.h"

#include <algorithm>

#include "labctl/dataplane/geneve_framing.h"
#include "labctl/dataplane/sleeve_framing.h"
#include "netemu/base/error.h"
#include "services/identity_network.h"

namespace labctl::dataplane {

std::unique_ptr<TunnelFraming> TunnelFraming::begin(WireReader& record, FlowMemory& flows) {
    const auto format = static_cast<services::TunnelFormat>(record.u8());
    const auto vni = record.u32();
    const bool keep_established = record.u8() != 0;
    if (format == services::TunnelFormat::Sleeve) {
        return std::make_unique<SleeveFraming>();
    }
    return std::make_unique<GeneveFraming>(flows, vni, keep_established);
}

void TunnelFraming::fill(Op op, WireReader& record) {
    if (op != Op::TunnelNodeTable) {
        throw netemu::Error("the supervisor sends an unknown record");
    }
    TunnelNode node;
    node.tunnel = record.u32();
    node.local = record.endpoint().address;
    for (auto count = record.u32(); count > 0; --count) {
        const auto range = record.endpoint();
        node.ranges.push_back({range.address, static_cast<std::uint8_t>(range.port)});
    }
    for (auto count = record.u32(); count > 0; --count) {
        node.addresses.push_back(record.endpoint().address);
    }
    for (auto& byte : node.name.bytes) {
        byte = record.u8();
    }
    nodes_to_fill().add_node(std::move(node));
}

} // namespace labctl::dataplane
