#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/kernel/batch.h"

struct nlmsghdr;

namespace netemu {

/// A unicast or blackhole route of the main table, as rtnetlink writes it (RTM_*ROUTE of
/// rtnetlink(7)).
struct LinkRoute {
    IpPrefix destination;
    std::optional<IpAddress> gateway;
    std::uint32_t link_index = 0; // 0: a blackhole
    bool onlink = false;
    std::uint8_t protocol = 0; // RTPROT_*
};

void encode_add_route(Batch& batch, const LinkRoute& route);
void encode_delete_route(Batch& batch, const LinkRoute& route);
void encode_dump_routes(Batch& batch, Family family);
/// Reads an RTM_NEWROUTE message: one entry per next hop; none for a route that the kernel made
/// itself, that is in another table, or that is of another type.
std::vector<LinkRoute> decode_route(const nlmsghdr* message);

/// Asks how a packet to `address` would go (`ip route get`); the answer is one RTM_NEWROUTE, or an
/// error where it would go nowhere.
void encode_get_route(Batch& batch, const IpAddress& address);
/// Whether that answer says that the address is the namespace's own.
bool is_local_route(const nlmsghdr* message);

} // namespace netemu
