#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

/// Rules as `iptables-save -c` prints them (iptables-save(8), iptables-extensions(8)), as far as
/// kube-proxy's rules go. Pure.
namespace services {

/// A match that may be negated ("! -s 10.0.0.0/8").
template <typename Value>
struct IptablesMatch {
    Value value{};
    bool negated = false;
};

struct IptablesRule {
    std::string text; // without "-A CHAIN" and counters
    std::string comment;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    std::optional<IptablesMatch<netemu::IpPrefix>> source;
    std::optional<IptablesMatch<netemu::IpPrefix>> destination;
    std::optional<IptablesMatch<std::string>> protocol; // "tcp"
    std::optional<IptablesMatch<std::uint16_t>> destination_port;
    std::optional<IptablesMatch<bool>> source_local; // -m addrtype --src-type LOCAL
    std::optional<IptablesMatch<bool>> destination_local;
    std::optional<IptablesMatch<std::uint32_t>> mark; // under the mask
    std::uint32_t mark_mask = ~std::uint32_t{0};
    std::string states;                // "NEW", "RELATED,ESTABLISHED"; empty: any
    std::optional<double> probability; // -m statistic --mode random
    bool remembered = false;           // -m recent --rcheck: only clients that are known
    bool unknown = false;              // has a match that is none of the above

    std::string target;           // "KUBE-SVC-...", "DNAT"; empty: the rule only counts
    std::string to;               // of DNAT and REDIRECT
    std::uint32_t mark_value = 0; // of MARK --set-xmark VALUE/MASK
    std::uint32_t mark_clear = 0;
};

/// Table ("nat") -> chain -> rules, in their order.
using IptablesRuleset = std::map<std::string, std::map<std::string, std::vector<IptablesRule>>>;

/// Also takes what `iptables-restore` is given to an empty namespace.
[[nodiscard]] IptablesRuleset parse_iptables_save(std::string_view saved);

} // namespace services
