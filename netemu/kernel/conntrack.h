#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netemu/kernel/netlink_socket.h"
#include "netemu/model/connection.h"

/// Connection tracking (ctnetlink), of the namespace that a netfilter socket was made in.
namespace netemu {

class Kernel;

/// UDP connections with a changed destination. The kernel is asked for those only; one
/// that does not know the filter gives all of them, and the rest is left out here. Throws SysError.
std::vector<Connection> list_udp_nat_connections(NetlinkSocket& netfilter);

/// All connections. Throws SysError.
std::vector<Connection> list_connections(NetlinkSocket& netfilter);

/// The connection whose answers go from `from` to `to`, that is: behind what NAT has made of it.
/// nullopt if none is tracked. ICMP: as Connection has it. Throws SysError.
std::optional<Connection> find_connection_by_reply(
    NetlinkSocket& netfilter, std::uint8_t protocol, const Endpoint& from, const Endpoint& to);
/// The same in a namespace of a lab. Throws Error when there is none of that name, too.
std::optional<Connection> find_connection_by_reply(
    Kernel& kernel,
    const std::string& ns,
    std::uint8_t protocol,
    const Endpoint& from,
    const Endpoint& to);

/// Deletes them; returns how many were there. Throws SysError.
std::size_t
delete_connections(NetlinkSocket& netfilter, const std::vector<Connection>& connections);

} // namespace netemu
