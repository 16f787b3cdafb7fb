#pragma once

#include <cstddef>
#include <vector>

#include "netemu/kernel/netlink_socket.h"
#include "netemu/model/connection.h"

/// Connection tracking (ctnetlink), of the namespace that a netfilter socket was made in.
namespace netemu {

/// UDP connections with a changed destination. The kernel is asked for those only; one
/// that does not know the filter gives all of them, and the rest is left out here. Throws SysError.
std::vector<Connection> list_udp_nat_connections(NetlinkSocket& netfilter);

/// All connections. Throws SysError.
std::vector<Connection> list_connections(NetlinkSocket& netfilter);

/// Deletes them; returns how many were there. Throws SysError.
std::size_t
delete_connections(NetlinkSocket& netfilter, const std::vector<Connection>& connections);

} // namespace netemu
