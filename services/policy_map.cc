#include "services/policy_map.h"

#include <algorithm>
#include <array>
#include <set>

#include "services/address_match.h"

namespace services {

namespace {

constexpr std::array<std::uint8_t, 4> kMapProtocols{
    protocol_number(Protocol::Tcp),
    protocol_number(Protocol::Udp),
    protocol_number(Protocol::Sctp),
    kMapOtherProtocols};
constexpr std::uint16_t kMapPortMax = 65535;

struct MapPortRange {
    std::uint8_t protocol = 0;
    std::uint16_t first = 0;
    std::uint16_t last = 0;
};

/// The numbers that a port of a rule means on this pod (reference netpol.md 4.5).
void add_port(const PolicyPort& port, const PolicyPod& pod, std::vector<MapPortRange>& ranges) {
    if (port.name.empty()) {
        ranges.push_back(
            {protocol_number(port.protocol.value_or(Protocol::Tcp)), port.first, port.last});
        return;
    }
    for (const auto& named : pod.ports) {
        if (named.name == port.name && (!port.protocol || *port.protocol == named.protocol)) {
            ranges.push_back({protocol_number(named.protocol), named.number, named.number});
        }
    }
}

std::uint8_t map_protocol(std::uint8_t protocol) {
    const bool known =
        std::find(kMapProtocols.begin(), kMapProtocols.end(), protocol) != kMapProtocols.end();
    return known ? protocol : kMapOtherProtocols;
}

} // namespace

struct PolicyMaps::Step {
    PolicyTier tier = PolicyTier::NetworkPolicy;
    PolicyAction action = PolicyAction::Allow;
    bool isolates = false; // only says that a NetworkPolicy is there
    bool any_port = false;
    std::vector<MapPortRange> ports;
    const std::vector<Match>* matches = nullptr; // by identity

    [[nodiscard]] bool has(std::uint8_t protocol, std::uint16_t port) const {
        return any_port || std::any_of(ports.begin(), ports.end(), [&](const MapPortRange& range) {
                   return range.protocol == protocol && range.first <= port && port <= range.last;
               });
    }
};

MapVerdict
look_up(const PolicyMap& map, std::uint32_t identity, std::uint8_t protocol, std::uint16_t port) {
    auto entry = std::lower_bound(
        map.begin(), map.end(), identity, [](const PolicyMapEntry& each, std::uint32_t wanted) {
            return each.identity < wanted;
        });
    const auto wanted = map_protocol(protocol);
    for (; entry != map.end() && entry->identity == identity; ++entry) {
        const bool all = entry->protocol == kMapAnyProtocol;
        if (all || (entry->protocol == wanted && entry->first <= port && port <= entry->last)) {
            return entry->verdict;
        }
    }
    return MapVerdict::Deny;
}

std::string to_text(const PolicyMapEntry& entry) {
    auto text = std::to_string(entry.identity) + " ";
    if (entry.protocol == kMapAnyProtocol) {
        text += "any";
    } else if (entry.protocol == kMapOtherProtocols) {
        text += "other protocols";
    } else {
        text += to_text(static_cast<Protocol>(entry.protocol));
        if (entry.first != 0 || entry.last != kMapPortMax) {
            text += " " + std::to_string(entry.first);
            text += entry.first == entry.last ? "" : "-" + std::to_string(entry.last);
        }
    }
    return text + (entry.verdict == MapVerdict::ByAddress ? " by address" : "");
}

PolicyMaps::PolicyMaps(PolicyEvaluator& evaluator, std::vector<IdentityMembers> identities)
    : evaluator_(evaluator), identities_(std::move(identities)) {
    std::sort(identities_.begin(), identities_.end(), [](const auto& left, const auto& right) {
        return left.number < right.number;
    });
}

std::shared_ptr<const PolicyMap> PolicyMaps::map_of(const PolicyPod& pod) {
    auto policies = evaluator_.policies_of(pod, PolicyDirection::Ingress);
    if (policies.empty()) {
        return nullptr;
    }
    auto& map = maps_[{policies, pod.ports}];
    if (map == nullptr) {
        map = std::make_shared<const PolicyMap>(compile(ladder(policies, pod)));
    }
    return map;
}

PolicyMaps::Match
PolicyMaps::matches_peer(const PolicyPeer& peer, const IdentityMembers& identity) {
    if (identity.pods.empty()) { // only its addresses can tell
        return std::holds_alternative<PodSelection>(peer) ? Match::None : Match::Some;
    }
    std::size_t asked = 0;
    std::size_t matched = 0;
    if (const auto* selection = std::get_if<PodSelection>(&peer)) {
        const auto& bits = evaluator_.resolve(*selection);
        for (const auto* pod : identity.pods) {
            const auto number = evaluator_.pods().number(pod);
            ++asked;
            matched += number != PodSets::kNoPod && bits.has(number) ? 1 : 0;
        }
    } else if (const auto* block = std::get_if<AddressBlock>(&peer)) {
        const BlockWords words(*block);
        for (const auto* pod : identity.pods) {
            for (const auto& address : pod->ips) {
                ++asked;
                matched += words.has(address_words(address)) ? 1 : 0;
            }
        }
    }
    return matched == 0 ? Match::None : matched == asked ? Match::All : Match::Some;
}

const std::vector<PolicyMaps::Match>& PolicyMaps::matches(const PolicyRule& rule) {
    const auto [found, fresh] = matches_.try_emplace(&rule);
    if (!fresh) {
        return found->second;
    }
    for (const auto& identity : identities_) {
        auto match = rule.peers ? Match::None : Match::All;
        for (const auto& peer : rule.peers.value_or(std::vector<PolicyPeer>{})) {
            match = std::max(match, matches_peer(peer, identity));
        }
        found->second.push_back(match);
    }
    return found->second;
}

PolicyMaps::Ladder
PolicyMaps::ladder(const std::vector<const Policy*>& policies, const PolicyPod& pod) {
    Ladder steps;
    for (const auto* policy : policies) {
        Step isolates;
        isolates.tier = policy->tier;
        isolates.isolates = true;
        if (policy->tier == PolicyTier::NetworkPolicy) {
            steps.push_back(isolates);
        }
        for (const auto& rule : *policy->ingress) {
            Step step;
            step.tier = policy->tier;
            step.action = rule.action;
            step.any_port = !rule.ports.has_value();
            for (const auto& port : rule.ports.value_or(std::vector<PolicyPort>{})) {
                add_port(port, pod, step.ports);
            }
            step.matches = &matches(rule);
            steps.push_back(std::move(step));
        }
    }
    return steps;
}

/// In the order of the evaluator: the first rule of the admin tier, any rule of the
/// NetworkPolicies, the first of the baseline. A rule that speaks of a part of the identity leaves
/// it open from there on.
MapVerdict PolicyMaps::decide(
    const Ladder& ladder, std::size_t identity, std::uint8_t protocol, std::uint16_t port) {
    for (const auto tier : {PolicyTier::Admin, PolicyTier::NetworkPolicy, PolicyTier::Baseline}) {
        const bool first_counts = tier != PolicyTier::NetworkPolicy;
        bool isolated = false;
        bool open = false;
        for (const auto& step : ladder) {
            if (step.tier != tier) {
                continue;
            }
            isolated = isolated || step.isolates;
            const auto match = step.isolates || !step.has(protocol, port)
                                   ? Match::None
                                   : step.matches->at(identity);
            if (match == Match::None) {
                continue;
            }
            if (match == Match::All && step.action == PolicyAction::Pass) {
                break;
            }
            if (match == Match::All) {
                return step.action == PolicyAction::Allow ? MapVerdict::Allow : MapVerdict::Deny;
            }
            open = true;
            if (first_counts) {
                return MapVerdict::ByAddress;
            }
        }
        if (isolated) {
            return open ? MapVerdict::ByAddress : MapVerdict::Deny;
        }
    }
    return MapVerdict::Allow;
}

/// One verdict for each stretch between two ports that some rule names.
std::vector<PolicyMaps::Ports>
PolicyMaps::decide_ports(const Ladder& ladder, std::size_t identity, std::uint8_t protocol) {
    std::set<std::uint32_t> starts{0};
    for (const auto& step : ladder) {
        for (const auto& range : step.ports) {
            if (range.protocol == protocol && step.matches->at(identity) != Match::None) {
                starts.insert(range.first);
                starts.insert(std::uint32_t{range.last} + 1);
            }
        }
    }
    starts.erase(std::uint32_t{kMapPortMax} + 1);
    std::vector<Ports> stretches;
    for (const auto start : starts) {
        const auto port = static_cast<std::uint16_t>(start);
        const auto verdict = decide(ladder, identity, protocol, port);
        if (!stretches.empty()) {
            stretches.back().last = static_cast<std::uint16_t>(port - 1);
        }
        if (!stretches.empty() && stretches.back().verdict == verdict) {
            stretches.back().last = kMapPortMax;
        } else {
            stretches.push_back({port, kMapPortMax, verdict});
        }
    }
    return stretches;
}

PolicyMap PolicyMaps::compile(const Ladder& ladder) const {
    PolicyMap map;
    const auto add = [&](std::size_t identity, std::uint8_t protocol, const auto& stretches) {
        for (const Ports& ports : stretches) {
            if (ports.verdict != MapVerdict::Deny) {
                map.push_back(
                    {identities_[identity].number,
                     protocol,
                     ports.first,
                     ports.last,
                     ports.verdict});
            }
        }
    };
    for (std::size_t i = 0; i < identities_.size(); ++i) {
        std::array<std::vector<Ports>, kMapProtocols.size()> by_protocol;
        for (std::size_t p = 0; p < kMapProtocols.size(); ++p) {
            by_protocol.at(p) = decide_ports(ladder, i, kMapProtocols.at(p));
        }
        const auto& first = by_protocol.front();
        const bool alike =
            first.size() == 1 &&
            std::all_of(by_protocol.begin(), by_protocol.end(), [&](const auto& each) {
                return each == first;
            });
        for (std::size_t p = 0; p < (alike ? 1 : kMapProtocols.size()); ++p) {
            add(i, alike ? kMapAnyProtocol : kMapProtocols.at(p), by_protocol.at(p));
        }
    }
    std::sort(map.begin(), map.end());
    return map;
}

} // namespace services
