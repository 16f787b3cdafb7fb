#pragma once

#include <string>

#include "netemu/kernel/netlink_socket.h"
#include "netemu/model/network.h"

namespace netemu {

/// Whether links of this kind need no generic receive offload. What comes out of a tunnel between
/// two namespaces of one host was never cut into segments, so there is nothing to put together
/// again, and the search for it costs some per cent of what the tunnel carries.
bool spares_gro(const LinkKind& kind);

/// Turns generic receive offload of a link off ("gro off" of ethtool(8)); `socket` is any of the
/// link's namespace. A kernel that refuses leaves the link as it is: it works, a little slower.
void turn_gro_off(const NetlinkSocket& socket, const std::string& link);

} // namespace netemu
