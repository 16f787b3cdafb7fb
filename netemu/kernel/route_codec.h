#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/kernel/batch.h"
#include "netemu/model/network.h"

struct nlmsghdr;

namespace netemu {

/// A gateway and the link that it is on.
struct LinkHop {
    IpAddress gateway;
    std::uint32_t link_index = 0;
};

/// A unicast or blackhole route of the main table, as rtnetlink writes it (RTM_*ROUTE of
/// rtnetlink(7)).
struct LinkRoute {
    IpPrefix destination;
    std::optional<IpAddress> gateway;
    std::uint32_t link_index = 0; // 0: a blackhole
    bool onlink = false;
    std::uint8_t protocol = 0;    // RTPROT_*
    std::vector<LinkHop> more{};  // further gateways, of which each flow takes one
    std::optional<Encap> encap{}; // what a tunnel device does to the packet
};

void encode_add_route(Batch& batch, const LinkRoute& route);
void encode_delete_route(Batch& batch, const LinkRoute& route);
/// Whatever route to that destination there is.
void encode_delete_routes(Batch& batch, const IpPrefix& destination);
void encode_dump_routes(Batch& batch, Family family);
/// Reads an RTM_NEWROUTE message. Nothing for a route that the kernel made itself, that is in
/// another table, or that is of another type. A hop whose link is down is left out.
std::optional<LinkRoute> decode_route(const nlmsghdr* message);

/// Asks how a packet to `address` would go (`ip route get`); the answer is one RTM_NEWROUTE, or an
/// error where it would go nowhere.
void encode_get_route(Batch& batch, const IpAddress& address);
/// Whether that answer says that the address is the namespace's own.
bool is_local_route(const nlmsghdr* message);

} // namespace netemu
