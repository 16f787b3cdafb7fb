#pragma once

#include "services/decision.h"
#include "services/nftables_mode.h"

/// The nftables mode for many Services: no chain for each of them. A new connection is led by its
/// address to a chain that only knows how many endpoints there are, and that chain looks the chosen
/// one up in one flat map: `numgen random mod N . ip daddr . meta l4proto . th dport` gives address
/// and port. A change of endpoints changes elements and adds no jump, so its cost in the kernel
/// does not grow with the number of Services. Why: the readable layout loads in time that grows
/// with the square (kube-proxy issues 135639 and 139513; reference 8.1).
///
/// What it keeps: all of the semantics. Service ports that need more than a choice among endpoints
/// (ClientIP affinity, a policy Local) have their chains as in the readable layout, in the same
/// table; hairpins are found after translation, in `hairpin-pairs`; off-cluster sources of cluster
/// IPs are marked by one rule for all. What it cannot: `nft list` shows no chain and no counter for
/// each Service, only commented elements, and a trace names the chain of the count.
namespace services {

enum class NftLayout { Readable, Scale };

/// Up to so many service ports a table is readable; above, it has the scale layout.
inline constexpr std::size_t kReadableServicePortsMax = 1000;
/// A service port with more endpoints than this keeps its own chains.
inline constexpr std::size_t kScaleEndpointsMax = 1000;

[[nodiscard]] NftLayout choose_nft_layout(std::size_t service_ports);

/// The table without parts in the scale layout.
[[nodiscard]] netemu::NftTable
nft_scale_table(Family family, const ProxyNode& node, const ProxyConfig& config);

/// The elements of one service port; its chains too, if it needs them.
[[nodiscard]] netemu::NftContents
nft_scale_contents(const ServicePortInput& input, const ProxyNode& node, const ProxyConfig& config);

/// What several service ports use together, and which exists as long as one of them does.
struct NftScaleNeeds {
    std::size_t count = 0;           // of endpoints: the chains for it; 0: none
    std::vector<IpAddress> hairpins; // endpoints that may meet themselves on this node
    bool operator==(const NftScaleNeeds&) const = default;
};
[[nodiscard]] NftScaleNeeds nft_scale_needs(const ServicePortInput& input, const ProxyNode& node);

/// The three chains for service ports with `count` endpoints: for cluster IPs, for external
/// addresses, and for node ports.
[[nodiscard]] netemu::NftContents nft_scale_chains(std::size_t count);
/// The element for a pod of this node that reaches itself.
[[nodiscard]] netemu::NftContents nft_scale_hairpin(const IpAddress& address);

} // namespace services
