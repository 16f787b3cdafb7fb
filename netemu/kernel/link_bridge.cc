#include "netemu/kernel/link_bridge.h"

#include <linux/if_link.h>

namespace netemu {

namespace {

void encode_bridge(Batch& batch, const LinkSpec& link, const LinkContext&) {
    batch.put_u32(IFLA_BR_FORWARD_DELAY, 0);
    batch.put_u32(IFLA_BR_STP_STATE, 0);
    batch.put_u8(IFLA_BR_MCAST_SNOOPING, 0);
    if (std::get<BridgeSpec>(link.kind).vlan_filtering) {
        batch.put_u8(IFLA_BR_VLAN_FILTERING, 1);
        batch.put_u16(IFLA_BR_VLAN_DEFAULT_PVID, 0); // ports are in the networks they are put in
    }
}

void decode_bridge(const Attributes& data, RawLink& link) {
    link.info.vlan_filtering = data.u8(IFLA_BR_VLAN_FILTERING).value_or(0) != 0;
}

} // namespace

// A bridge follows the MTU of its ports, and falls back to 1500 without ports, until somebody has
// set it; the value in the creating message does not count as set (br_mtu_auto_adjust in
// net/bridge/br_if.c).
const LinkKindCodec kBridgeCodec{"bridge", encode_bridge, decode_bridge, true};

} // namespace netemu
