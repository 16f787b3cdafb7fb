#include "netemu/kernel/ipvs_codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

constexpr std::size_t kIpvsAddressBytes = 16; // of either family: union nf_inet_addr
constexpr std::uint32_t kWholeV4Address = 0xffffffff;
constexpr std::uint32_t kWholeV6Address = 128;

constexpr std::array kServiceCommands{
    IPVS_CMD_NEW_SERVICE, IPVS_CMD_SET_SERVICE, IPVS_CMD_DEL_SERVICE};
constexpr std::array kDestinationCommands{IPVS_CMD_NEW_DEST, IPVS_CMD_SET_DEST, IPVS_CMD_DEL_DEST};

void start_ipvs(IpvsBatch out, int command, unsigned flags = 0) {
    auto& header = out.batch.start<genlmsghdr>(out.family, flags);
    header.cmd = static_cast<std::uint8_t>(command);
    header.version = IPVS_GENL_VERSION;
}

template <class Number>
void put_number(Batch& batch, unsigned type, Number value) {
    std::array<std::uint8_t, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    batch.put(type, bytes);
}

template <class Number>
std::optional<Number> number_of(const Attributes& attributes, unsigned type) {
    const auto bytes = attributes.bytes(type);
    Number value{};
    if (bytes.size() != sizeof value) {
        return std::nullopt;
    }
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

void put_ipvs_address(Batch& batch, unsigned type, const IpAddress& address) {
    std::array<std::uint8_t, kIpvsAddressBytes> bytes{};
    std::memcpy(bytes.data(), address.bytes(), address.size());
    batch.put(type, bytes);
}

std::optional<IpAddress> ipvs_address(const Attributes& attributes, unsigned type, Family family) {
    const auto bytes = attributes.bytes(type);
    if (bytes.size() < kIpvsAddressBytes) {
        return std::nullopt;
    }
    return IpAddress::from_bytes(family, bytes.data());
}

/// What says which virtual server is meant.
void put_key(Batch& batch, const VirtualServerKey& key) {
    put_number(batch, IPVS_SVC_ATTR_AF, static_cast<std::uint16_t>(key.address.address.af()));
    put_number(batch, IPVS_SVC_ATTR_PROTOCOL, static_cast<std::uint16_t>(key.protocol));
    put_ipvs_address(batch, IPVS_SVC_ATTR_ADDR, key.address.address);
    batch.put_be16(IPVS_SVC_ATTR_PORT, key.address.port);
}

} // namespace

std::uint16_t find_ipvs_family(NetlinkSocket& socket) {
    const auto family = find_generic_family(socket, IPVS_GENL_NAME, "ask for IPVS");
    if (!family) {
        throw UnsupportedError(
            "this kernel has no IPVS (ip_vs)",
            "sudo modprobe ip_vs, or use a kernel with CONFIG_IP_VS");
    }
    return *family;
}

void encode_virtual_server(IpvsBatch out, IpvsChange change, const VirtualServer& server) {
    start_ipvs(out, kServiceCommands.at(static_cast<std::size_t>(change)));
    const Batch::Nest nest(out.batch, IPVS_CMD_ATTR_SERVICE);
    put_key(out.batch, server.key);
    if (change == IpvsChange::Delete) {
        return;
    }
    out.batch.put_text(IPVS_SVC_ATTR_SCHED_NAME, server.scheduler);
    const bool persistent = server.persistence_seconds != 0;
    const ip_vs_flags flags{persistent ? static_cast<__u32>(IP_VS_SVC_F_PERSISTENT) : 0, ~0U};
    put_number(out.batch, IPVS_SVC_ATTR_FLAGS, flags);
    out.batch.put_u32(IPVS_SVC_ATTR_TIMEOUT, server.persistence_seconds);
    const bool v4 = server.key.address.address.is_v4();
    out.batch.put_u32(IPVS_SVC_ATTR_NETMASK, v4 ? kWholeV4Address : kWholeV6Address);
}

void encode_real_server(
    IpvsBatch out, IpvsChange change, const VirtualServerKey& key, const RealServer& server) {
    start_ipvs(out, kDestinationCommands.at(static_cast<std::size_t>(change)));
    {
        const Batch::Nest nest(out.batch, IPVS_CMD_ATTR_SERVICE);
        put_key(out.batch, key);
    }
    const Batch::Nest nest(out.batch, IPVS_CMD_ATTR_DEST);
    put_ipvs_address(out.batch, IPVS_DEST_ATTR_ADDR, server.address.address);
    out.batch.put_be16(IPVS_DEST_ATTR_PORT, server.address.port);
    if (change == IpvsChange::Delete) {
        return;
    }
    out.batch.put_u32(IPVS_DEST_ATTR_FWD_METHOD, IP_VS_CONN_F_MASQ);
    out.batch.put_u32(IPVS_DEST_ATTR_WEIGHT, server.weight);
    out.batch.put_u32(IPVS_DEST_ATTR_U_THRESH, 0);
    out.batch.put_u32(IPVS_DEST_ATTR_L_THRESH, 0);
}

void encode_dump_virtual_servers(IpvsBatch out) {
    start_ipvs(out, IPVS_CMD_GET_SERVICE, NLM_F_DUMP);
}

void encode_dump_real_servers(IpvsBatch out, const VirtualServerKey& key) {
    start_ipvs(out, IPVS_CMD_GET_DEST, NLM_F_DUMP);
    const Batch::Nest nest(out.batch, IPVS_CMD_ATTR_SERVICE);
    put_key(out.batch, key);
}

std::optional<VirtualServer> decode_virtual_server(const nlmsghdr* message) {
    const Attributes attributes(message, sizeof(genlmsghdr));
    const auto service = attributes.nested(IPVS_CMD_ATTR_SERVICE);
    const auto af = number_of<std::uint16_t>(service, IPVS_SVC_ATTR_AF);
    const auto protocol = number_of<std::uint16_t>(service, IPVS_SVC_ATTR_PROTOCOL);
    const auto family = af == AF_INET6 ? Family::V6 : Family::V4;
    const auto address = ipvs_address(service, IPVS_SVC_ATTR_ADDR, family);
    const auto port = service.be16(IPVS_SVC_ATTR_PORT);
    if (!af || !protocol || !address || !port) {
        return std::nullopt;
    }
    VirtualServer server;
    server.key = {{*address, *port}, static_cast<std::uint8_t>(*protocol)};
    server.scheduler = service.text(IPVS_SVC_ATTR_SCHED_NAME);
    const auto flags = number_of<ip_vs_flags>(service, IPVS_SVC_ATTR_FLAGS);
    if (flags && (flags->flags & IP_VS_SVC_F_PERSISTENT) != 0) {
        server.persistence_seconds = service.u32(IPVS_SVC_ATTR_TIMEOUT).value_or(0);
    }
    return server;
}

std::optional<RealServerInfo> decode_real_server(const nlmsghdr* message, Family family) {
    const Attributes attributes(message, sizeof(genlmsghdr));
    const auto destination = attributes.nested(IPVS_CMD_ATTR_DEST);
    const auto address = ipvs_address(destination, IPVS_DEST_ATTR_ADDR, family);
    const auto port = destination.be16(IPVS_DEST_ATTR_PORT);
    if (!address || !port) {
        return std::nullopt;
    }
    RealServerInfo info;
    info.server.address = {*address, *port};
    info.server.weight = destination.u32(IPVS_DEST_ATTR_WEIGHT).value_or(0);
    info.active = destination.u32(IPVS_DEST_ATTR_ACTIVE_CONNS).value_or(0);
    info.inactive = destination.u32(IPVS_DEST_ATTR_INACT_CONNS).value_or(0);
    const auto counters = destination.nested(IPVS_DEST_ATTR_STATS64);
    const auto count = [&](unsigned type) {
        return number_of<std::uint64_t>(counters, type).value_or(0);
    };
    info.connections = count(IPVS_STATS_ATTR_CONNS);
    info.packets = count(IPVS_STATS_ATTR_INPKTS);
    info.bytes = count(IPVS_STATS_ATTR_INBYTES);
    return info;
}

std::vector<VirtualServerInfo> list_virtual_servers(NetlinkSocket& socket, std::uint16_t family) {
    std::vector<VirtualServerInfo> list;
    Batch request;
    encode_dump_virtual_servers({request, family});
    socket.dump("list virtual servers", request, [&](const nlmsghdr* message) {
        if (auto server = decode_virtual_server(message)) {
            list.push_back({std::move(*server), {}});
        }
    });
    for (auto& info : list) {
        encode_dump_real_servers({request, family}, info.server.key);
        socket.dump("list real servers", request, [&](const nlmsghdr* message) {
            const auto each = decode_real_server(message, info.server.key.address.address.family());
            if (each) {
                info.servers.push_back(*each);
            }
        });
        std::sort(info.servers.begin(), info.servers.end(), [](const auto& a, const auto& b) {
            return a.server < b.server;
        });
        for (const auto& each : info.servers) {
            info.server.servers.push_back(each.server);
        }
    }
    std::sort(
        list.begin(), list.end(), [](const auto& a, const auto& b) { return a.server < b.server; });
    return list;
}

} // namespace netemu
