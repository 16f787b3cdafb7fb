#pragma once

#include <cstdint>
#include <optional>

#include "netemu/kernel/batch.h"
#include "netemu/kernel/netlink_socket.h"

/// Families of generic netlink (Documentation/userspace-api/netlink/intro.rst): the kernel gives
/// each a number when its module is loaded.
namespace netemu {

/// Where messages go, and the number of their family.
struct GenericBatch {
    Batch& batch;
    std::uint16_t family = 0;
};

/// The number of the family; none where the kernel has it not. `socket` is one of NETLINK_GENERIC.
/// Throws SysError(attempt).
std::optional<std::uint16_t>
find_generic_family(NetlinkSocket& socket, const char* name, const char* attempt);

} // namespace netemu
