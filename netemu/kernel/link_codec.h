#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "netemu/kernel/attributes.h"
#include "netemu/kernel/batch.h"
#include "netemu/model/network.h"
#include "netemu/model/observed.h"

namespace netemu {

/// What a link's message needs besides its spec: names turned into what the kernel understands.
struct LinkContext {
    std::uint32_t master_index = 0;   // 0: none
    std::uint32_t underlay_index = 0; // for a VXLAN device or a VLAN: what it stands on
    int peer_namespace_fd = -1;       // for a veth pair
};

/// A link as the kernel describes it; indices are not yet turned into names.
struct RawLink {
    LinkInfo info;
    std::uint32_t master_index = 0;
    std::uint32_t underlay_index = 0;
};

/// How one kind of link is written and read: one object per kind, each in a file pair of its own,
/// and one line in the table of link_codec.cc.
struct LinkKindCodec {
    std::string_view kind; // IFLA_INFO_KIND
    /// Puts the attributes of IFLA_INFO_DATA; null where netlink cannot make the link.
    void (*encode)(Batch&, const LinkSpec&, const LinkContext&);
    /// Reads those of IFLA_INFO_DATA that the model knows; null when there are none.
    void (*decode)(const Attributes& data, RawLink& link);
    /// Whether the MTU has to be set by a message of its own to last (see link_bridge.cc).
    bool sets_mtu_apart = false;
};

/// The codec for links that netlink makes, or null for those that it only configures (lo, a veth's
/// peer, a TUN device).
const LinkKindCodec* codec_for(const LinkKind& kind);
/// By IFLA_INFO_KIND; null for a kind we do not know.
const LinkKindCodec* codec_for(std::string_view kind);
/// "bridge", "veth", "vxlan", "geneve", "ipip", "wireguard", "vlan", "dummy", "tun", or "lo".
std::string_view kind_name(const LinkKind& kind);

void encode_create_link(Batch& batch, const LinkSpec& link, const LinkContext& context);
/// Brings an existing link to the MTU, master and up flag of `link`.
void encode_change_link(
    Batch& batch, std::uint32_t index, const LinkSpec& link, const LinkContext& context);
/// Tells IPv6 to invent no link-local address when this link comes up: no duplicate address
/// detection, no multicast, no router solicitation. EAFNOSUPPORT where the kernel has no IPv6.
void encode_no_link_local(Batch& batch, std::uint32_t index);
/// Of a link that is down.
void encode_rename_link(Batch& batch, std::uint32_t index, std::string_view name);
void encode_delete_link(Batch& batch, std::uint32_t index);
/// Deleting links one by one costs a grace period each; a group costs one in all.
void encode_set_link_group(Batch& batch, std::uint32_t index, std::uint32_t group);
void encode_delete_link_group(Batch& batch, std::uint32_t group);
/// Asks for one link, which makes the kernel deal with its pending carrier change now.
void encode_get_link(Batch& batch, std::uint32_t index);
void encode_dump_links(Batch& batch);
/// Reads an RTM_NEWLINK message.
RawLink decode_link(const nlmsghdr* message);

} // namespace netemu
