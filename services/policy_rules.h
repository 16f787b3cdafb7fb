#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netemu/model/nft.h"
#include "services/policy.h"

/// One policy in one direction as nftables rules, and the sets that they look into.
namespace services {

/// A named port of every pod that has it: pairs of address, protocol and number (reference 4.5).
struct NamedPorts {
    std::string name;
    std::optional<Protocol> protocol; // nullopt: whichever the name has
    auto operator<=>(const NamedPorts&) const = default;
};
/// Ports as a set: each of one protocol and one number.
struct PortList {
    std::vector<PolicyPort> ports; // sorted
    auto operator<=>(const PortList&) const = default;
};
using AddressBlocks = std::vector<AddressBlock>; // sorted

/// What a set holds. Rules of all policies that speak of the same thing share one set.
using PolicySetSource =
    std::variant<PodSelection, NodeSelection, AddressBlocks, NamedPorts, PortList>;

/// Whether the policy decides anything in this direction for the pods that it selects: an empty
/// list of rules isolates in a NetworkPolicy, and does nothing in the others (3.1, 8.8).
[[nodiscard]] bool has_say(const Policy& policy, PolicyDirection way);

/// The name of the set of a family; a PortList has one set for both.
[[nodiscard]] std::string policy_set_name(const std::string& base, Family family);

struct PolicyRules {
    std::vector<netemu::NftRule> rules;
    std::map<std::string, PolicySetSource> sets; // by the base of their names
};

/// The rules of `policy` in this direction, for a chain that only packets of pods reach which the
/// policy selects; empty if it has no say. Peers are looked for at the other end. Of a
/// NetworkPolicy a packet that no rule allows falls out at the end; so it does of the other kinds,
/// where Pass of Admin returns from the chain, and Pass of Baseline accepts (8.6, 8.7). A rule
/// without ports speaks of every protocol, ICMP echo included (1.9).
[[nodiscard]] PolicyRules
policy_rules(const Policy& policy, PolicyDirection way, const std::vector<Family>& families);

/// `counter`, `log group 100 prefix "PREFIX"` and `drop`: how every rule here drops.
[[nodiscard]] std::vector<netemu::NftStatement> policy_drop(const std::string& prefix);

/// The key of a lookup for one end: `ip saddr` or `ip6 saddr`.
[[nodiscard]] netemu::NftField policy_field(bool source, Family family);
[[nodiscard]] netemu::NftType policy_type(Family family);

} // namespace services
