#include "netemu/kernel/route_codec.h"

#include <cstring>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>

#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

rtmsg& start(Batch& batch, unsigned type, unsigned flags, const LinkRoute& route) {
    auto& header = batch.start<rtmsg>(type, flags);
    header.rtm_family = static_cast<std::uint8_t>(route.destination.address.af());
    header.rtm_dst_len = route.destination.length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_type = route.link_index == 0 ? RTN_BLACKHOLE : RTN_UNICAST;
    return header;
}

std::uint8_t scope_of(const LinkRoute& route) {
    const bool direct =
        route.destination.address.is_v4() && !route.gateway && route.link_index != 0;
    return direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

bool is_ours(const rtmsg& header, const Attributes& attributes) {
    const std::uint32_t table = attributes.u32(RTA_TABLE).value_or(header.rtm_table);
    const bool by_kernel = header.rtm_protocol == RTPROT_KERNEL ||
                           header.rtm_protocol == RTPROT_REDIRECT ||
                           header.rtm_protocol == RTPROT_RA;
    const bool known = header.rtm_type == RTN_UNICAST || header.rtm_type == RTN_BLACKHOLE;
    return table == RT_TABLE_MAIN && known && !by_kernel && (header.rtm_flags & RTM_F_CLONED) == 0;
}

IpPrefix destination_of(const rtmsg& header, const Attributes& attributes) {
    const IpAddress any =
        header.rtm_family == AF_INET6 ? *IpAddress::parse("::") : IpAddress::v4(0);
    return {attributes.address(RTA_DST).value_or(any), header.rtm_dst_len};
}

/// RTA_MULTIPATH: structures one after the other, each followed by attributes of its own.
void decode_hops(LinkRoute& route, std::span<const std::uint8_t> data) {
    bool first = true;
    while (data.size() >= sizeof(rtnexthop)) {
        const auto* hop = reinterpret_cast<const rtnexthop*>(data.data());
        if (hop->rtnh_len < sizeof *hop || hop->rtnh_len > data.size()) {
            break;
        }
        const Attributes attributes(data.subspan(sizeof *hop, hop->rtnh_len - sizeof *hop));
        const auto gateway = attributes.address(RTA_GATEWAY);
        const auto index = static_cast<std::uint32_t>(hop->rtnh_ifindex);
        if ((hop->rtnh_flags & RTNH_F_DEAD) == 0) {
            if (std::exchange(first, false)) {
                route.gateway = gateway;
                route.link_index = index;
                route.onlink = (hop->rtnh_flags & RTNH_F_ONLINK) != 0;
            } else if (gateway) {
                route.more.push_back({*gateway, index});
            }
        }
        data = data.subspan(std::min<std::size_t>(MNL_ALIGN(hop->rtnh_len), data.size()));
    }
}

void put_hop(Batch& batch, const IpAddress& gateway, std::uint32_t link_index) {
    // The structure and its attribute, filled here: a nest has no place for a header.
    const std::size_t length = sizeof(rtnexthop) + RTA_LENGTH(gateway.size());
    auto& hop = batch.append<rtnexthop>();
    hop.rtnh_len = static_cast<unsigned short>(length);
    hop.rtnh_ifindex = static_cast<int>(link_index);
    batch.put_address(RTA_GATEWAY, gateway);
}

/// The same numbers for IPv4 and IPv6.
constexpr unsigned kEncapId = LWTUNNEL_IP_ID;
constexpr unsigned kEncapRemote = LWTUNNEL_IP_DST;
constexpr unsigned kEncapTtl = LWTUNNEL_IP_TTL;
static_assert(LWTUNNEL_IP6_ID == int{LWTUNNEL_IP_ID} && LWTUNNEL_IP6_DST == int{LWTUNNEL_IP_DST});
static_assert(LWTUNNEL_IP6_HOPLIMIT == int{LWTUNNEL_IP_TTL});

/// As any packet that a host sends (net.ipv4.ip_default_ttl). Without it Geneve's outer header has
/// 0, which the first router drops; VXLAN takes the host's.
constexpr std::uint8_t kOuterTtl = 64;

/// RTA_ENCAP of a lightweight tunnel. The VNI is the key of a tunnel, 64 bits wide.
void put_encap(Batch& batch, const Encap& encap) {
    const bool v4 = encap.remote.is_v4();
    batch.put_u16(RTA_ENCAP_TYPE, v4 ? LWTUNNEL_ENCAP_IP : LWTUNNEL_ENCAP_IP6);
    const Batch::Nest nest(batch, RTA_ENCAP);
    batch.put_be64(kEncapId, encap.id);
    batch.put_address(kEncapRemote, encap.remote);
    batch.put_u8(kEncapTtl, kOuterTtl);
}

std::optional<Encap> read_encap(const Attributes& attributes) {
    const auto type = attributes.bytes(RTA_ENCAP_TYPE);
    if (type.size() < sizeof(std::uint16_t)) {
        return std::nullopt;
    }
    std::uint16_t kind = 0;
    std::memcpy(&kind, type.data(), sizeof kind);
    if (kind != LWTUNNEL_ENCAP_IP && kind != LWTUNNEL_ENCAP_IP6) {
        return std::nullopt;
    }
    const auto nest = attributes.nested(RTA_ENCAP);
    const auto remote = nest.address(kEncapRemote);
    std::uint64_t id = 0;
    for (const auto byte : nest.bytes(kEncapId)) {
        id = id << 8U | byte;
    }
    return remote ? std::optional(Encap{static_cast<std::uint32_t>(id), *remote}) : std::nullopt;
}

void finish(Batch& batch, const LinkRoute& route) {
    if (route.destination.length > 0) {
        batch.put_address(RTA_DST, route.destination.address);
    }
    if (!route.more.empty() && route.gateway) {
        const Batch::Nest hops(batch, RTA_MULTIPATH);
        put_hop(batch, *route.gateway, route.link_index);
        for (const LinkHop& hop : route.more) {
            put_hop(batch, hop.gateway, hop.link_index);
        }
        return;
    }
    if (route.gateway) {
        batch.put_address(RTA_GATEWAY, *route.gateway);
    }
    if (route.link_index != 0) {
        batch.put_u32(RTA_OIF, route.link_index);
    }
    if (route.encap) {
        put_encap(batch, *route.encap);
    }
}

} // namespace

void encode_add_route(Batch& batch, const LinkRoute& route) {
    auto& header = start(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
    header.rtm_protocol = route.protocol;
    header.rtm_scope = scope_of(route);
    header.rtm_flags = route.onlink ? static_cast<unsigned>(RTNH_F_ONLINK) : 0;
    finish(batch, route);
}

void encode_delete_route(Batch& batch, const LinkRoute& route) {
    // IPv4 compares the scope; "nowhere" matches any.
    start(batch, RTM_DELROUTE, 0, route).rtm_scope = RT_SCOPE_NOWHERE;
    finish(batch, route);
}

void encode_delete_routes(Batch& batch, const IpPrefix& destination) {
    auto& header = batch.start<rtmsg>(RTM_DELROUTE, 0);
    header.rtm_family = static_cast<std::uint8_t>(destination.address.af());
    header.rtm_dst_len = destination.length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_scope = RT_SCOPE_NOWHERE;
    if (destination.length > 0) {
        batch.put_address(RTA_DST, destination.address);
    }
}

void encode_dump_routes(Batch& batch, Family family) {
    auto& header = batch.start<rtmsg>(RTM_GETROUTE, NLM_F_DUMP);
    header.rtm_family = family == Family::V4 ? AF_INET : AF_INET6;
    header.rtm_table = RT_TABLE_MAIN;
}

std::optional<LinkRoute> decode_route(const nlmsghdr* message) {
    const auto& header = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    const Attributes attributes(message, sizeof header);
    if (!is_ours(header, attributes)) {
        return std::nullopt;
    }
    LinkRoute route;
    route.destination = destination_of(header, attributes);
    route.protocol = header.rtm_protocol;
    if (attributes.has(RTA_MULTIPATH)) {
        decode_hops(route, attributes.bytes(RTA_MULTIPATH));
        return route;
    }
    route.gateway = attributes.address(RTA_GATEWAY);
    // Of an IPv6 blackhole the kernel says that it leaves by lo.
    route.link_index = header.rtm_type == RTN_BLACKHOLE ? 0 : attributes.u32(RTA_OIF).value_or(0);
    route.onlink = (header.rtm_flags & RTNH_F_ONLINK) != 0;
    route.encap = read_encap(attributes);
    return route;
}

void encode_get_route(Batch& batch, const IpAddress& address) {
    constexpr std::uint8_t kHostBitsV4 = 32;
    constexpr std::uint8_t kHostBitsV6 = 128;
    auto& header = batch.start<rtmsg>(RTM_GETROUTE, 0);
    header.rtm_family = static_cast<std::uint8_t>(address.af());
    header.rtm_dst_len = address.is_v4() ? kHostBitsV4 : kHostBitsV6;
    batch.put_address(RTA_DST, address);
}

bool is_local_route(const nlmsghdr* message) {
    return static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message))->rtm_type == RTN_LOCAL;
}

} // namespace netemu
