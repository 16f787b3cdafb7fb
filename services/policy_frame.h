#pragma once

#include <string>
#include <vector>

#include "netemu/model/nft.h"
#include "services/policy.h"

/// What the table that enforces policies has on every node, whatever the policies are. Source:
/// reference netpol.md, 10.2.
namespace services {

/// The map from a pod's address to the chain of its policies of a tier.
[[nodiscard]] std::string policy_map_name(PolicyDirection way, PolicyTier tier, Family family);
/// The set of addresses of this node's pods that a policy selects.
[[nodiscard]] std::string policed_set_name(Family family);
/// The set of pairs of each of these addresses with itself.
[[nodiscard]] std::string self_set_name(Family family);

/// `table inet labctl` without any policy: two base chains on forward, egress before ingress, so
/// that `accept` ends one direction and `drop` both; the ladder of tiers in each; empty maps. Two
/// more like them on output see what IPVS sends on for pods and others: it takes a packet as one
/// for the node and sends it as one of the node's, past forward (net/netfilter/ipvs/ip_vs_xmit.c).
[[nodiscard]] netemu::NftTable policy_frame(const std::vector<Family>& families);

} // namespace services
