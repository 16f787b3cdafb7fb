#include "netemu/kernel/link_veth.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

namespace netemu {

namespace {

/// The peer is not brought up here: IFF_UP in the nested header fails with ENOTCONN, since the
/// outer end does not exist yet.
void encode_veth(Batch& batch, const LinkSpec& link, const LinkContext& context) {
    const auto& veth = std::get<VethSpec>(link.kind);
    const Batch::Nest peer(batch, VETH_INFO_PEER);
    batch.append<ifinfomsg>().ifi_index = static_cast<int>(veth.peer_index);
    batch.put_text(IFLA_IFNAME, veth.peer_name);
    batch.put_mac(IFLA_ADDRESS, veth.peer_mac);
    batch.put_u32(IFLA_MTU, link.mtu);
    batch.put_u32(IFLA_NUM_TX_QUEUES, 1);
    batch.put_u32(IFLA_NUM_RX_QUEUES, 1);
    batch.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(context.peer_namespace_fd));
}

} // namespace

const LinkKindCodec kVethCodec{"veth", encode_veth, nullptr};

} // namespace netemu
