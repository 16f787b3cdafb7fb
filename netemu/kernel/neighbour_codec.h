#pragma once

#include <cstdint>
#include <optional>

#include "netemu/base/address.h"
#include "netemu/kernel/batch.h"

struct nlmsghdr;

namespace netemu {

/// A permanent neighbour entry (ARP or ND) of a link (RTM_*NEIGH of rtnetlink(7)).
struct LinkNeighbour {
    std::uint32_t link_index = 0;
    IpAddress address;
    MacAddress mac;
};

/// Adds it, or replaces what is known of that address.
void encode_add_neighbour(Batch& batch, const LinkNeighbour& neighbour);
void encode_delete_neighbour(Batch& batch, const LinkNeighbour& neighbour);
void encode_dump_neighbours(Batch& batch);
/// Reads an RTM_NEWNEIGH message; nullopt unless it is a permanent entry of IPv4 or IPv6.
std::optional<LinkNeighbour> decode_neighbour(const nlmsghdr* message);

} // namespace netemu
