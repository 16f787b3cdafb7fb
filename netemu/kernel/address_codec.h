#pragma once

#include <cstdint>
#include <optional>

#include "netemu/base/address.h"
#include "netemu/kernel/batch.h"

struct nlmsghdr;

namespace netemu {

/// Interface addresses, as rtnetlink writes them (RTM_*ADDR of rtnetlink(7)).
struct LinkAddress {
    std::uint32_t link_index = 0;
    IpPrefix prefix;
};

/// IPv6 addresses skip duplicate address detection, so they work at once. IPv4 ones get the
/// broadcast address of their range, as CNI plugins give them.
void encode_add_address(Batch& batch, const LinkAddress& address);
void encode_delete_address(Batch& batch, const LinkAddress& address);
void encode_dump_addresses(Batch& batch);
/// Reads an RTM_NEWADDR message; nullopt for those that the kernel gives by itself (127.0.0.1 and
/// ::1 of lo; it invents no link-local ones here, see encode_no_link_local).
std::optional<LinkAddress> decode_address(const nlmsghdr* message);

} // namespace netemu
