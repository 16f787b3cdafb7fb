#include "netemu/kernel/link_vxlan.h"

#include <linux/if_link.h>

namespace netemu {

namespace {

void encode_vxlan(Batch& batch, const LinkSpec& link, const LinkContext& context) {
    const auto& vxlan = std::get<VxlanSpec>(link.kind);
    batch.put_u32(IFLA_VXLAN_ID, vxlan.vni);
    batch.put_u32(IFLA_VXLAN_LINK, context.underlay_index);
    batch.put_address(vxlan.local.is_v4() ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, vxlan.local);
    batch.put_be16(IFLA_VXLAN_PORT, vxlan.port);
    batch.put_u8(IFLA_VXLAN_LEARNING, 0);
}

void decode_vxlan(const Attributes& data, RawLink& link) {
    if (data.u8(IFLA_VXLAN_COLLECT_METADATA).value_or(0) != 0) {
        link.info.external = {
            ExternalTunnelSpec::Protocol::Vxlan, data.be16(IFLA_VXLAN_PORT).value_or(0)};
        return;
    }
    VxlanSpec vxlan;
    vxlan.vni = data.u32(IFLA_VXLAN_ID).value_or(0);
    vxlan.port = data.be16(IFLA_VXLAN_PORT).value_or(0);
    if (const auto local = data.address(IFLA_VXLAN_LOCAL)) {
        vxlan.local = *local;
    } else {
        vxlan.local = data.address(IFLA_VXLAN_LOCAL6).value_or(IpAddress{});
    }
    link.underlay_index = data.u32(IFLA_VXLAN_LINK).value_or(0);
    link.info.vxlan = std::move(vxlan);
}

} // namespace

const LinkKindCodec kVxlanCodec{"vxlan", encode_vxlan, decode_vxlan};

} // namespace netemu
