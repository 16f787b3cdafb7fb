#include "netemu/kernel/conntrack.h"

#include <cerrno>
#include <functional>
#include <utility>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"
#include "netemu/kernel/kernel.h"

namespace netemu {

namespace {

constexpr unsigned conntrack_type(unsigned type) {
    return (NFNL_SUBSYS_CTNETLINK << 8U) | type;
}

/// The attributes that ICMP has in place of ports.
struct IcmpAttributes {
    std::uint16_t id;
    std::uint16_t type;
    std::uint16_t code;
};

const IcmpAttributes* icmp_of(std::uint8_t protocol) {
    static constexpr IcmpAttributes kFour{
        CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE};
    static constexpr IcmpAttributes kSix{
        CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE};
    return protocol == IPPROTO_ICMP ? &kFour : protocol == IPPROTO_ICMPV6 ? &kSix : nullptr;
}

/// Reads a CTA_TUPLE_*.
struct Tuple {
    std::uint8_t protocol = 0;
    Endpoint source;
    Endpoint destination;
};

std::optional<Tuple> decode_tuple(const Attributes& attributes) {
    const Attributes ip = attributes.nested(CTA_TUPLE_IP);
    const Attributes proto = attributes.nested(CTA_TUPLE_PROTO);
    const bool v4 = ip.has(CTA_IP_V4_SRC);
    const auto source = ip.address(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
    const auto destination = ip.address(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
    const auto number = proto.bytes(CTA_PROTO_NUM);
    if (!source || !destination || number.empty()) {
        return std::nullopt;
    }
    if (const auto* icmp = icmp_of(number.front())) {
        const auto byte = [&](std::uint16_t type) {
            const auto bytes = proto.bytes(type);
            return static_cast<unsigned>(bytes.empty() ? 0 : bytes.front());
        };
        const auto kind = byte(icmp->type) << 8U | byte(icmp->code);
        return Tuple{
            number.front(),
            {*source, proto.be16(icmp->id).value_or(0)},
            {*destination, static_cast<std::uint16_t>(kind)}};
    }
    return Tuple{
        number.front(),
        {*source, proto.be16(CTA_PROTO_SRC_PORT).value_or(0)},
        {*destination, proto.be16(CTA_PROTO_DST_PORT).value_or(0)}};
}

/// `type`: CTA_TUPLE_ORIG or CTA_TUPLE_REPLY.
void put_tuple(Batch& batch, std::uint16_t type, const Tuple& tuple) {
    const bool v4 = tuple.source.address.is_v4();
    const Batch::Nest nest(batch, static_cast<std::uint16_t>(type | NLA_F_NESTED));
    {
        const Batch::Nest ip(batch, CTA_TUPLE_IP | NLA_F_NESTED);
        batch.put_address(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source.address);
        batch.put_address(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination.address);
    }
    const Batch::Nest proto(batch, CTA_TUPLE_PROTO | NLA_F_NESTED);
    batch.put_u8(CTA_PROTO_NUM, tuple.protocol);
    if (const auto* icmp = icmp_of(tuple.protocol)) {
        batch.put_be16(icmp->id, tuple.source.port);
        batch.put_u8(icmp->type, static_cast<std::uint8_t>(tuple.destination.port >> 8U));
        batch.put_u8(icmp->code, static_cast<std::uint8_t>(tuple.destination.port & 0xffU));
        return;
    }
    batch.put_be16(CTA_PROTO_SRC_PORT, tuple.source.port);
    batch.put_be16(CTA_PROTO_DST_PORT, tuple.destination.port);
}

std::uint8_t family_number(const Endpoint& end) {
    return static_cast<std::uint8_t>(end.address.af());
}

std::optional<Connection> decode_connection(const Attributes& attributes) {
    const auto original = decode_tuple(attributes.nested(CTA_TUPLE_ORIG));
    const auto reply = decode_tuple(attributes.nested(CTA_TUPLE_REPLY));
    if (!original || !reply) {
        return std::nullopt;
    }
    return Connection{
        original->protocol,
        original->source,
        original->destination,
        reply->source,
        reply->destination};
}

/// Whether the namespace tracks any connection. All namespaces of a host share one table, and a
/// dump walks through the whole of it (8 ms where it has 262,144 buckets); the number is at hand.
bool tracks_any(NetlinkSocket& netfilter) {
    Batch request;
    request.start<nfgenmsg>(conntrack_type(IPCTNL_MSG_CT_GET_STATS), 0).nfgen_family = AF_UNSPEC;
    bool any = true; // as long as the kernel does not say otherwise
    netfilter.get("count connections", request, [&](const nlmsghdr* message) {
        const Attributes attributes(message, sizeof(nfgenmsg));
        any = attributes.u32(CTA_STATS_GLOBAL_ENTRIES) != 0U;
    });
    return any;
}

using ConnectionFilter = std::function<bool(const Connection& each, std::uint32_t status)>;

std::vector<Connection>
dump_connections(NetlinkSocket& netfilter, Batch& request, const ConnectionFilter& wanted) {
    std::vector<Connection> connections;
    if (!tracks_any(netfilter)) {
        return connections;
    }
    netfilter.dump("list connections", request, [&](const nlmsghdr* message) {
        const Attributes attributes(message, sizeof(nfgenmsg));
        const auto each = decode_connection(attributes);
        if (each && wanted(*each, ntohl(attributes.u32(CTA_STATUS).value_or(0)))) {
            connections.push_back(*each);
        }
    });
    return connections;
}

} // namespace

std::vector<Connection> list_udp_nat_connections(NetlinkSocket& netfilter) {
    Batch request;
    request.start<nfgenmsg>(conntrack_type(IPCTNL_MSG_CT_GET), NLM_F_DUMP).nfgen_family = AF_UNSPEC;
    request.put_be32(CTA_STATUS, IPS_DST_NAT);
    request.put_be32(CTA_STATUS_MASK, IPS_DST_NAT);
    return dump_connections(netfilter, request, [](const Connection& each, std::uint32_t status) {
        return each.protocol == IPPROTO_UDP && (status & IPS_DST_NAT) != 0;
    });
}

std::vector<Connection> list_connections(NetlinkSocket& netfilter) {
    Batch request;
    request.start<nfgenmsg>(conntrack_type(IPCTNL_MSG_CT_GET), NLM_F_DUMP).nfgen_family = AF_UNSPEC;
    return dump_connections(
        netfilter, request, [](const Connection& /*each*/, std::uint32_t /*status*/) {
            return true;
        });
}

std::optional<Connection> find_connection_by_reply(
    NetlinkSocket& netfilter, std::uint8_t protocol, const Endpoint& from, const Endpoint& to) {
    Batch request;
    auto& header = request.start<nfgenmsg>(conntrack_type(IPCTNL_MSG_CT_GET), 0);
    header.nfgen_family = family_number(from);
    put_tuple(request, CTA_TUPLE_REPLY, {protocol, from, to});
    std::optional<Connection> found;
    try {
        netfilter.get("find a connection", request, [&](const nlmsghdr* message) {
            found = decode_connection(Attributes(message, sizeof(nfgenmsg)));
        });
    } catch (const SysError& error) {
        if (error.error_number() != ENOENT) {
            throw;
        }
    }
    return found;
}

std::optional<Connection> find_connection_by_reply(
    Kernel& kernel,
    const std::string& ns,
    std::uint8_t protocol,
    const Endpoint& from,
    const Endpoint& to) {
    NetlinkSocket netfilter(kernel.open_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    return find_connection_by_reply(netfilter, protocol, from, to);
}

std::size_t
delete_connections(NetlinkSocket& netfilter, const std::vector<Connection>& connections) {
    std::size_t deleted = 0;
    Batch request;
    for (const Connection& connection : connections) {
        request.clear();
        auto& header = request.start<nfgenmsg>(conntrack_type(IPCTNL_MSG_CT_DELETE), 0);
        header.nfgen_family = family_number(connection.source);
        put_tuple(
            request,
            CTA_TUPLE_ORIG,
            {connection.protocol, connection.source, connection.destination});
        const auto failures = netfilter.send(request);
        if (failures.empty()) {
            ++deleted;
        } else if (failures.front().error_number != ENOENT) {
            throw SysError(
                "delete the connection from " + connection.source.to_string() + " to " +
                    connection.destination.to_string(),
                failures.front().error_number,
                failures.front().text);
        }
    }
    return deleted;
}

} // namespace netemu
