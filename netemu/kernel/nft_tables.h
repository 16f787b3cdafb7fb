#pragma once

#include <cstdint>
#include <vector>

#include "netemu/kernel/netlink_socket.h"
#include "netemu/kernel/nft_known.h"
#include "netemu/model/nft_info.h"

/// Reading nftables back.
namespace netemu {

/// The number of the last transaction in the namespace of the socket. Throws SysError.
std::uint32_t read_generation(NetlinkSocket& nft);

/// The tables of the namespace, from `known` where nobody else has touched them since, and counted
/// in the kernel otherwise. Throws SysError.
std::vector<NftTableInfo> observe_tables(NetlinkSocket& nft, KnownTables& known);

/// See Kernel::read_rules and Kernel::read_elements.
std::vector<NftRuleInfo>
read_table_rules(NetlinkSocket& nft, NftFamily family, const std::string& table);
std::vector<NftElementInfo> read_set_elements(
    NetlinkSocket& nft, NftFamily family, const std::string& table, const std::string& set);

} // namespace netemu
