#pragma once

#include <cstdint>
#include <optional>

#include "netemu/base/address.h"
#include "netemu/kernel/batch.h"

struct nlmsghdr;

namespace netemu {

/// A permanent entry of a VXLAN device's forwarding database, as `bridge fdb` shows it.
struct LinkFdb {
    std::uint32_t link_index = 0;
    MacAddress mac;
    IpAddress remote;
};

/// Adds it, or points the address to another remote. The all-zero address is the list of those who
/// get unknown destinations; it may have many entries, so there it appends.
void encode_add_fdb(Batch& batch, const LinkFdb& entry);
void encode_delete_fdb(Batch& batch, const LinkFdb& entry);
/// Asks for the entries of one device.
void encode_dump_fdb(Batch& batch, std::uint32_t link_index);
/// Reads an RTM_NEWNEIGH message of AF_BRIDGE; nullopt unless it is permanent and has a remote.
std::optional<LinkFdb> decode_fdb(const nlmsghdr* message);

} // namespace netemu
