#pragma once

#include "netemu/model/nft.h"
#include "services/proxy_input.h"

/// The nftables mode as kube-proxy lays it out (1.34 and later): one table `kube-proxy` for each
/// family, whose maps lead a new connection to the chains of its service port. Source:
/// pkg/proxy/nftables/proxier.go and README.md; reference 8.1.
///
/// Everything of one service port is one NftPart, so that a change of one Service concerns one part
/// and no other is looked at. For many Services see nftables_scale.h; for the state of one node and
/// its changes see nftables_proxy.h.
namespace services {

/// The mark of connections that will be masqueraded (`--iptables-masquerade-bit 14`).
inline constexpr std::uint32_t kMasqueradeMark = 0x4000;

/// The table without parts: base chains, shared chains, declarations of sets and maps. The node
/// adds the addresses where node ports listen: its primary one of the family.
[[nodiscard]] netemu::NftTable
nft_proxy_table(Family family, const ProxyNode& node, const ProxyConfig& config);

/// The chains, sets and elements of one service port on `node`. Its comments name the Service. The
/// same for all nodes unless `rules_depend_on_node(input)`.
[[nodiscard]] netemu::NftContents
nft_port_contents(const ServicePortInput& input, const ProxyNode& node, const ProxyConfig& config);

} // namespace services
