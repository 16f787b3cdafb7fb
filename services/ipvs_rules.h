#pragma once

#include "netemu/model/ipvs.h"
#include "netemu/model/nft.h"
#include "services/ipvs_mode.h"

/// The rules of the ipvs mode: what kube-proxy has iptables look up in ipsets is here one table
/// `kube-proxy` for each family, whose named sets have the names and the entries of those ipsets
/// and whose chains have the names of kube-proxy's. Their number does not depend on the Services,
/// but for one rule for each source range. Source: pkg/proxy/ipvs/proxier.go (writeIptablesRules);
/// reference 8.3.
namespace services {

/// The table for a node that has `state`. A node that is asked for an echo answers for every
/// service address (3.4).
[[nodiscard]] netemu::NftTable
ipvs_table(const IpvsState& state, Family family, const ProxyConfig& config);

/// The virtual servers as the kernel takes them, sorted.
[[nodiscard]] std::vector<netemu::VirtualServer> ipvs_servers(const IpvsState& state);

} // namespace services
