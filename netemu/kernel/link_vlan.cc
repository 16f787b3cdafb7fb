#include "netemu/kernel/link_vlan.h"

#include <cstring>

#include <linux/if_link.h>

namespace netemu {

namespace {

void encode_vlan(Batch& batch, const LinkSpec& link, const LinkContext& /*context*/) {
    batch.put_u16(IFLA_VLAN_ID, std::get<VlanSpec>(link.kind).id);
}

void decode_vlan(const Attributes& data, RawLink& link) {
    VlanSpec vlan;
    const auto id = data.bytes(IFLA_VLAN_ID);
    if (id.size() == sizeof vlan.id) {
        std::memcpy(&vlan.id, id.data(), sizeof vlan.id);
    }
    link.info.vlan = std::move(vlan);
}

} // namespace

const LinkKindCodec kVlanCodec{"vlan", encode_vlan, decode_vlan};

} // namespace netemu
