#include "services/iptables_tracer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>

#include "netemu/base/error.h"

namespace services {
namespace {

constexpr int kIptablesJumpsMax = 32; // kube-proxy's rules go four deep

std::string protocol_word(std::uint8_t protocol) {
    for (const auto each : {Protocol::Tcp, Protocol::Udp, Protocol::Sctp}) {
        if (protocol_number(each) == protocol) {
            return std::string(lower_text(each));
        }
    }
    return {};
}

/// What the rule did, in the words of `labctl explain`.
std::string deed(const IptablesRule& rule) {
    if (rule.target == "DNAT") {
        return "destination NAT";
    }
    if (rule.target == "REDIRECT") {
        return "redirect to a port of the node";
    }
    if (rule.target == "MASQUERADE") {
        return "masquerade";
    }
    if (rule.target == "MARK") {
        return "mark";
    }
    if (rule.target == "REJECT" || rule.target == "DROP" || rule.target == "ACCEPT" ||
        rule.target == "RETURN") {
        auto word = rule.target;
        std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
            return static_cast<char>(std::tolower(c));
        });
        return word;
    }
    return rule.probability ? "random choice" : "jump";
}

} // namespace

IptablesTracer::IptablesTracer(std::string_view saved, std::vector<IpAddress> local_addresses)
    : rules_(parse_iptables_save(saved)), local_addresses_(std::move(local_addresses)) {
}

bool IptablesTracer::local(const IpAddress& address) const {
    return address.is_loopback() ||
           std::find(local_addresses_.begin(), local_addresses_.end(), address) !=
               local_addresses_.end();
}

/// The probability that the rule matches: 0, 1, or that of a random match.
double IptablesTracer::chance(const IptablesRule& rule, const TracePacket& packet) const {
    const auto fails = [](const auto& match, auto holds) {
        return match && holds(match->value) == match->negated;
    };
    const auto in = [](const IpAddress& address) {
        return [&address](const netemu::IpPrefix& range) { return range.contains(address); };
    };
    const bool new_connection = rule.states.empty() || rule.states.find("NEW") != std::string::npos;
    if (rule.unknown || rule.remembered || !new_connection ||
        fails(rule.source, in(packet.source)) || fails(rule.destination, in(packet.destination)) ||
        fails(
            rule.protocol,
            [&](const std::string& word) { return word == protocol_word(packet.protocol); }) ||
        fails(
            rule.destination_port,
            [&](std::uint16_t port) { return port == packet.destination_port; }) ||
        fails(rule.source_local, [&](bool is) { return is == local(packet.source); }) ||
        fails(rule.destination_local, [&](bool is) { return is == local(packet.destination); }) ||
        fails(rule.mark, [&](std::uint32_t mark) {
            return (packet.mark & rule.mark_mask) == mark;
        })) {
        return 0;
    }
    return rule.probability.value_or(1);
}

void IptablesTracer::translate(const IptablesRule& rule, Path& path) const {
    auto& packet = path.packet;
    if (rule.target == "DNAT") {
        if (const auto to = netemu::Endpoint::parse(rule.to)) {
            packet.destination = to->address;
            packet.destination_port = to->port;
        }
    } else {
        if (!local(packet.destination)) {
            const auto own = std::find_if(
                local_addresses_.begin(), local_addresses_.end(), [&](const IpAddress& each) {
                    return each.family() == packet.destination.family();
                });
            packet.destination = own == local_addresses_.end() ? packet.destination : *own;
        }
        std::from_chars(rule.to.data(), rule.to.data() + rule.to.size(), packet.destination_port);
    }
    path.outcome.target = netemu::Endpoint{packet.destination, packet.destination_port};
}

void IptablesTracer::follow(
    const Place& place, const IptablesRule& rule, Path path, Paths& goes_on, Paths& ended) const {
    const auto end = [&](End how) {
        path.end = how;
        ended.push_back(std::move(path));
    };
    if (rule.target.empty()) {
        goes_on.push_back(std::move(path));
    } else if (rule.target == "MARK") {
        path.packet.mark = (path.packet.mark & ~rule.mark_clear) ^ rule.mark_value;
        goes_on.push_back(std::move(path));
    } else if (rule.target == "RETURN") {
        end(End::Return);
    } else if (rule.target == "DROP") {
        end(End::Drop);
    } else if (rule.target == "REJECT") {
        end(End::Reject);
    } else if (rule.target == "DNAT" || rule.target == "REDIRECT") {
        translate(rule, path);
        end(End::Accept);
    } else if (rule.target == "MASQUERADE") {
        path.outcome.masqueraded = true;
        end(End::Accept);
    } else if (rule.target == "ACCEPT") {
        end(End::Accept);
    } else {
        Paths below;
        walk({place.table, place.depth + 1}, rule.target, std::move(path), below);
        for (auto& each : below) {
            (each.end == End::Return ? goes_on : ended).push_back(std::move(each));
        }
    }
}

void IptablesTracer::walk(
    const Place& place, const std::string& chain, Path path, Paths& ended) const {
    const auto& table = place.table;
    if (place.depth > kIptablesJumpsMax) {
        throw netemu::Error("the rules of iptables jump in a circle at " + table + " " + chain);
    }
    const auto note = [&](const IptablesRule& rule, Path& taken) {
        if (!rule.target.empty()) {
            taken.outcome.steps.push_back({deed(rule), table, chain, rule.text, rule.comment, {}});
        }
    };
    Paths live;
    live.push_back(std::move(path));
    for (const auto& rule : chain_rules(table, chain)) {
        Paths goes_on;
        for (auto& each : live) {
            const auto matches = chance(rule, each.packet);
            if (matches > 0) {
                auto taken = each;
                taken.outcome.probability *= matches;
                note(rule, taken);
                follow(place, rule, std::move(taken), goes_on, ended);
            }
            if (matches < 1) {
                each.outcome.probability *= 1 - matches;
                goes_on.push_back(std::move(each));
            }
        }
        live = std::move(goes_on);
    }
    for (auto& each : live) {
        each.end = End::Return;
        ended.push_back(std::move(each));
    }
}

IptablesTracer::Paths
IptablesTracer::hook(const std::string& table, const std::string& chain, Paths paths) const {
    Paths result;
    for (auto& path : paths) {
        if (path.end == End::Drop || path.end == End::Reject) {
            result.push_back(std::move(path)); // it went no further than there
        } else {
            walk({table, 0}, chain, std::move(path), result);
        }
    }
    return result;
}

std::vector<TraceOutcome> IptablesTracer::trace(const TracePacket& packet) const {
    Paths paths(1);
    paths.front().packet = packet;
    paths = hook("nat", packet.from_node ? "OUTPUT" : "PREROUTING", std::move(paths));
    if (packet.from_node) {
        paths = hook("filter", "OUTPUT", std::move(paths));
    }
    Paths routed;
    for (auto& path : paths) {
        path.outcome.delivered_here = local(path.packet.destination);
        const char* chain = path.outcome.delivered_here ? "INPUT" : "FORWARD";
        Paths one;
        one.push_back(std::move(path));
        if (one.front().outcome.delivered_here || !packet.from_node) {
            one = hook("filter", chain, std::move(one));
        }
        if (!one.front().outcome.delivered_here) {
            one = hook("nat", "POSTROUTING", std::move(one));
        }
        std::move(one.begin(), one.end(), std::back_inserter(routed));
    }
    std::vector<TraceOutcome> outcomes;
    for (auto& path : routed) {
        auto& outcome = path.outcome;
        outcome.verdict = path.end == End::Drop     ? TraceVerdict::Drop
                          : path.end == End::Reject ? TraceVerdict::Reject
                                                    : TraceVerdict::Accept;
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

const std::vector<IptablesRule>&
IptablesTracer::chain_rules(const std::string& table, const std::string& chain) const {
    static const std::vector<IptablesRule> kNoRules;
    const auto in_table = rules_.find(table);
    if (in_table == rules_.end()) {
        return kNoRules;
    }
    const auto found = in_table->second.find(chain);
    return found == in_table->second.end() ? kNoRules : found->second;
}

const IptablesRule* IptablesTracer::find(
    const std::string& table, const std::string& chain, const std::string& rule) const {
    const auto& rules = chain_rules(table, chain);
    const auto found = std::find_if(
        rules.begin(), rules.end(), [&](const IptablesRule& each) { return each.text == rule; });
    return found == rules.end() ? nullptr : &*found;
}

} // namespace services
