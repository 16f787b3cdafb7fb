#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netemu/kernel/generic_netlink.h"
#include "netemu/model/ipvs.h"

/// IPVS's messages of generic netlink (linux/ip_vs.h; net/netfilter/ipvs/ip_vs_ctl.c).
namespace netemu {

/// The number that the kernel gave to IPVS's messages. `socket` is one of NETLINK_GENERIC. Throws
/// UnsupportedError when there is none.
std::uint16_t find_ipvs_family(NetlinkSocket& socket);

enum class IpvsChange : std::uint8_t { Add, Change, Delete };

using IpvsBatch = GenericBatch;

/// One message for the virtual server itself; of one to be deleted only the key counts.
void encode_virtual_server(IpvsBatch out, IpvsChange change, const VirtualServer& server);
/// One message for a real server of `key`; of one to be deleted only the address counts.
void encode_real_server(
    IpvsBatch out, IpvsChange change, const VirtualServerKey& key, const RealServer& server);

/// Requests for all virtual servers, and for the real servers of one.
void encode_dump_virtual_servers(IpvsBatch out);
void encode_dump_real_servers(IpvsBatch out, const VirtualServerKey& key);
/// Read an answer to them. What is not understood (a virtual server by firewall mark) is left out.
std::optional<VirtualServer> decode_virtual_server(const nlmsghdr* message);
std::optional<RealServerInfo> decode_real_server(const nlmsghdr* message, Family family);

/// All virtual servers of the socket's namespace, sorted. Throws SysError.
std::vector<VirtualServerInfo> list_virtual_servers(NetlinkSocket& socket, std::uint16_t family);

} // namespace netemu
