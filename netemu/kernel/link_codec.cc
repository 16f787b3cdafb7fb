#include "netemu/kernel/link_codec.h"

#include <array>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "netemu/kernel/link_bridge.h"
#include "netemu/kernel/link_dummy.h"
#include "netemu/kernel/link_external.h"
#include "netemu/kernel/link_ipip.h"
#include "netemu/kernel/link_tun.h"
#include "netemu/kernel/link_veth.h"
#include "netemu/kernel/link_vlan.h"
#include "netemu/kernel/link_vxlan.h"
#include "netemu/kernel/link_wireguard.h"
#include "netemu/model/cable.h"

namespace netemu {

namespace {

constexpr std::array kCodecs{
    &kBridgeCodec,
    &kVethCodec,
    &kVxlanCodec,
    &kGeneveCodec,
    &kIpipCodec,
    &kWireguardCodec,
    &kVlanCodec,
    &kDummyCodec,
    &kTunCodec};

bool has_mac_address(const LinkKind& kind) {
    return !std::holds_alternative<IpipSpec>(kind) && !std::holds_alternative<WireguardSpec>(kind);
}

std::uint32_t mtu_at_creation(const LinkKindCodec& codec, std::uint32_t wanted) {
    if (!codec.sets_mtu_apart) {
        return wanted;
    }
    // The kernel takes no notice of a change to the same value, so start with another.
    constexpr std::uint32_t kEthernetMtu = 1500;
    return wanted == kEthernetMtu ? wanted - 1 : kEthernetMtu;
}

void set_up_flag(ifinfomsg& header, bool up) {
    header.ifi_change = IFF_UP;
    header.ifi_flags = up ? static_cast<unsigned>(IFF_UP) : 0;
}

ifinfomsg& start_set_link(Batch& batch, std::uint32_t index) {
    auto& header = batch.start<ifinfomsg>(RTM_NEWLINK, 0);
    header.ifi_index = static_cast<int>(index);
    return header;
}

/// What a bridge knows of its port. In a message for a port that is there: in the one that makes
/// it the kernel takes no notice.
void put_port(Batch& batch, const LinkSpec& link) {
    const Batch::Nest information(batch, IFLA_LINKINFO);
    batch.put_text(IFLA_INFO_SLAVE_KIND, kBridgeCodec.kind);
    const Batch::Nest data(batch, IFLA_INFO_SLAVE_DATA);
    batch.put_u8(IFLA_BRPORT_MODE, link.hairpin ? 1 : 0);
}

} // namespace

const LinkKindCodec* codec_for(const LinkKind& kind) {
    struct Choose {
        const LinkKindCodec* operator()(const BridgeSpec&) const { return &kBridgeCodec; }
        const LinkKindCodec* operator()(const VethSpec&) const { return &kVethCodec; }
        const LinkKindCodec* operator()(const VxlanSpec&) const { return &kVxlanCodec; }
        const LinkKindCodec* operator()(const DummySpec&) const { return &kDummyCodec; }
        const LinkKindCodec* operator()(const ExternalTunnelSpec& tunnel) const {
            return tunnel.protocol == ExternalTunnelSpec::Protocol::Vxlan ? &kExternalVxlanCodec
                                                                          : &kGeneveCodec;
        }
        const LinkKindCodec* operator()(const IpipSpec&) const { return &kIpipCodec; }
        const LinkKindCodec* operator()(const WireguardSpec&) const { return &kWireguardCodec; }
        const LinkKindCodec* operator()(const VlanSpec&) const { return &kVlanCodec; }
        const LinkKindCodec* operator()(const LoopbackSpec&) const { return nullptr; }
        const LinkKindCodec* operator()(const VethPeerSpec&) const { return nullptr; }
        const LinkKindCodec* operator()(const TunSpec&) const { return nullptr; } // open_tun
        const LinkKindCodec* operator()(const TapSpec&) const { return nullptr; } // likewise
    };
    return std::visit(Choose{}, kind);
}

const LinkKindCodec* codec_for(std::string_view kind) {
    for (const LinkKindCodec* codec : kCodecs) {
        if (codec->kind == kind) {
            return codec;
        }
    }
    return nullptr;
}

std::string_view kind_name(const LinkKind& kind) {
    if (const auto* codec = codec_for(kind)) {
        return codec->kind;
    }
    if (tun_of(kind)) {
        return kTunCodec.kind;
    }
    return std::holds_alternative<VethPeerSpec>(kind) ? kVethCodec.kind : "lo";
}

void encode_create_link(Batch& batch, const LinkSpec& link, const LinkContext& context) {
    const LinkKindCodec& codec = *codec_for(link.kind);
    {
        auto& header = batch.start<ifinfomsg>(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        header.ifi_index = static_cast<int>(link.index);
        set_up_flag(header, link.up);
        batch.put_text(IFLA_IFNAME, link.name);
        if (has_mac_address(link.kind)) {
            batch.put_mac(IFLA_ADDRESS, link.mac);
        }
        if (std::holds_alternative<VlanSpec>(link.kind)) {
            batch.put_u32(IFLA_LINK, context.underlay_index);
        }
        batch.put_u32(IFLA_MTU, mtu_at_creation(codec, link.mtu));
        // Every queue costs memory and time; one is what a veth pair needs.
        batch.put_u32(IFLA_NUM_TX_QUEUES, 1);
        batch.put_u32(IFLA_NUM_RX_QUEUES, 1);
        if (context.master_index != 0) {
            batch.put_u32(IFLA_MASTER, context.master_index);
        }
        const Batch::Nest information(batch, IFLA_LINKINFO);
        batch.put_text(IFLA_INFO_KIND, codec.kind);
        const Batch::Nest data(batch, IFLA_INFO_DATA);
        codec.encode(batch, link, context);
    }
    if (codec.sets_mtu_apart) {
        start_set_link(batch, link.index);
        batch.put_u32(IFLA_MTU, link.mtu);
    }
    if (link.hairpin && context.master_index != 0) {
        start_set_link(batch, link.index);
        put_port(batch, link);
    }
}

void encode_change_link(
    Batch& batch, std::uint32_t index, const LinkSpec& link, const LinkContext& context) {
    set_up_flag(start_set_link(batch, index), link.up);
    if (!std::holds_alternative<LoopbackSpec>(link.kind)) {
        batch.put_u32(IFLA_MTU, link.mtu);
        batch.put_u32(IFLA_MASTER, context.master_index);
    }
    if (context.master_index != 0) {
        start_set_link(batch, index); // of its own: by now it is a port
        put_port(batch, link);
    }
}

void encode_no_link_local(Batch& batch, std::uint32_t index) {
    start_set_link(batch, index);
    const Batch::Nest specification(batch, IFLA_AF_SPEC);
    const Batch::Nest inet6(batch, AF_INET6);
    batch.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
}

void encode_rename_link(Batch& batch, std::uint32_t index, std::string_view name) {
    start_set_link(batch, index);
    batch.put_text(IFLA_IFNAME, name);
}

void encode_delete_link(Batch& batch, std::uint32_t index) {
    batch.start<ifinfomsg>(RTM_DELLINK, 0).ifi_index = static_cast<int>(index);
}

void encode_set_link_group(Batch& batch, std::uint32_t index, std::uint32_t group) {
    start_set_link(batch, index);
    batch.put_u32(IFLA_GROUP, group);
}

void encode_delete_link_group(Batch& batch, std::uint32_t group) {
    batch.start<ifinfomsg>(RTM_DELLINK, 0);
    batch.put_u32(IFLA_GROUP, group);
}

void encode_get_link(Batch& batch, std::uint32_t index) {
    batch.start<ifinfomsg>(RTM_GETLINK, 0).ifi_index = static_cast<int>(index);
    batch.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

void encode_dump_links(Batch& batch) {
    batch.start<ifinfomsg>(RTM_GETLINK, NLM_F_DUMP);
    batch.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

RawLink decode_link(const nlmsghdr* message) {
    const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    const Attributes attributes(message, sizeof *header);
    RawLink link;
    link.info.name = attributes.text(IFLA_IFNAME);
    link.info.index = static_cast<std::uint32_t>(header->ifi_index);
    link.info.mac = attributes.mac(IFLA_ADDRESS).value_or(MacAddress{});
    link.info.mtu = attributes.u32(IFLA_MTU).value_or(0);
    link.info.up = (header->ifi_flags & IFF_UP) != 0;
    link.master_index = attributes.u32(IFLA_MASTER).value_or(0);
    const Attributes information = attributes.nested(IFLA_LINKINFO);
    link.info.kind = information.text(IFLA_INFO_KIND);
    if (link.master_index != 0) {
        const auto port = information.nested(IFLA_INFO_SLAVE_DATA);
        link.info.hairpin = port.u8(IFLA_BRPORT_MODE).value_or(0) != 0;
    }
    if (link.info.kind == kVlanCodec.kind) {
        link.underlay_index = attributes.u32(IFLA_LINK).value_or(0);
    }
    const LinkKindCodec* codec = codec_for(link.info.kind);
    if (codec != nullptr && codec->decode != nullptr) {
        codec->decode(information.nested(IFLA_INFO_DATA), link);
    }
    return link;
}

} // namespace netemu
