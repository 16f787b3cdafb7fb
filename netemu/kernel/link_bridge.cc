#include "netemu/kernel/link_bridge.h"

#include <linux/if_link.h>

namespace netemu {

namespace {

void encode_bridge(Batch& batch, const LinkSpec&, const LinkContext&) {
    batch.put_u32(IFLA_BR_FORWARD_DELAY, 0);
    batch.put_u32(IFLA_BR_STP_STATE, 0);
    batch.put_u8(IFLA_BR_MCAST_SNOOPING, 0);
}

} // namespace

// A bridge follows the MTU of its ports, and falls back to 1500 without ports, until somebody has
// set it; the value in the creating message does not count as set (br_mtu_auto_adjust in
// net/bridge/br_if.c).
const LinkKindCodec kBridgeCodec{"bridge", encode_bridge, nullptr, true};

} // namespace netemu
