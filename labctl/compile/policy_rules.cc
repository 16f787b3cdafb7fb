#include "labctl/compile/policy_rules.h"

#include <algorithm>

#include "labctl/compile/policy_values.h"

/// Source: networking/v1/types.go; network-policy-api v1alpha1/shared_types.go and
/// v1alpha2/clusternetworkpolicy_types.go; reference netpol.md sections 2 to 5 and 8.
namespace labctl::compile {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;
using services::AddressBlock;
using services::IpPrefix;
using services::LabelRequirement;
using services::PodSelection;
using services::PolicyAction;
using services::PolicyPort;
using services::PolicyRule;
using services::Protocol;

std::uint16_t policy_port_number(const Json& json, std::string_view field) {
    const auto number = int_at(json, field, 0);
    return number > 0 && number <= UINT16_MAX ? static_cast<std::uint16_t>(number)
                                              : std::uint16_t{0};
}

LabelRequirement::Operator operator_of(const std::string& text) {
    using Operator = LabelRequirement::Operator;
    return text == "In"       ? Operator::In
           : text == "NotIn"  ? Operator::NotIn
           : text == "Exists" ? Operator::Exists
                              : Operator::DoesNotExist;
}

std::optional<AddressBlock> block_of(const std::string& cidr, const Json& except) {
    const auto range = IpPrefix::parse(cidr);
    if (!range) {
        return std::nullopt;
    }
    AddressBlock block{range->network(), {}}; // 5.5
    for (const auto& text : except) {
        if (const auto part = IpPrefix::parse(text.get<std::string>())) {
            block.except.push_back(part->network());
        }
    }
    std::sort(block.except.begin(), block.except.end());
    return block;
}

std::optional<services::PolicyPeer> network_policy_peer(const Json& peer, const std::string& ns) {
    if (const auto& block = at(peer, "ipBlock"); block.is_object()) {
        if (auto made = block_of(string_at(block, "cidr"), at(block, "except"))) {
            return std::move(*made);
        }
        return std::nullopt;
    }
    const auto pods = policy_selector(at(peer, "podSelector"));
    const auto& namespaces = at(peer, "namespaceSelector");
    if (namespaces.is_object()) { // also {}: every namespace (3.7, 3.9)
        return PodSelection{"", policy_selector(namespaces), pods};
    }
    return PodSelection{ns, {}, pods}; // 3.6
}

std::vector<services::PolicyPeer> network_policy_peers(const Json& list, const std::string& ns) {
    std::vector<services::PolicyPeer> peers;
    for (const auto& peer : list) {
        if (auto one = network_policy_peer(peer, ns)) {
            peers.push_back(std::move(*one));
        }
    }
    return peers;
}

PolicyPort network_policy_port(const Json& json) {
    PolicyPort port;
    port.protocol = services::parse_protocol(string_at(json, "protocol")).value_or(Protocol::Tcp);
    const auto& number = at(json, "port");
    if (number.is_string()) {
        port.name = number.get<std::string>();
    } else if (number.is_number()) {
        port.first = policy_port_number(json, "port");
        port.last = std::max(port.first, policy_port_number(json, "endPort")); // 4.9
    }
    return port;
}

void add_networks(const Json& networks, std::vector<services::PolicyPeer>& peers) {
    for (const auto& text : networks) {
        if (auto block = block_of(text.get<std::string>(), Json())) {
            peers.emplace_back(std::move(*block));
        }
    }
}

/// Whether the list can be read as a whole: 8.18 speaks of rules, not of their parts.
bool admin_peers(const Json& list, std::vector<services::PolicyPeer>& peers) {
    for (const auto& peer : list) {
        if (auto pods = namespaced_pods(peer)) {
            peers.emplace_back(std::move(*pods));
        } else if (const auto& nodes = at(peer, "nodes"); nodes.is_object()) {
            peers.emplace_back(services::NodeSelection{policy_selector(nodes)});
        } else if (const auto& networks = at(peer, "networks"); networks.is_array()) {
            add_networks(networks, peers);
        } else {
            return false; // domainNames too (8.15)
        }
    }
    return true;
}

PolicyPort port_range(Protocol protocol, std::uint16_t first, std::uint16_t last) {
    PolicyPort port;
    port.protocol = protocol;
    port.first = first;
    port.last = last;
    return port;
}

PolicyPort port_by_name(std::string name) {
    PolicyPort port;
    port.protocol.reset(); // whatever the name has (8.16)
    port.name = std::move(name);
    return port;
}

std::optional<PolicyPort> port_v1alpha1(const Json& json) {
    const auto protocol = [](const Json& of) {
        return services::parse_protocol(string_at(of, "protocol")).value_or(Protocol::Tcp);
    };
    if (const auto& one = at(json, "portNumber"); one.is_object()) {
        const auto number = policy_port_number(one, "port");
        return port_range(protocol(one), number, number);
    }
    if (const auto& range = at(json, "portRange"); range.is_object()) {
        return port_range(
            protocol(range), policy_port_number(range, "start"), policy_port_number(range, "end"));
    }
    if (const auto name = string_at(json, "namedPort"); !name.empty()) {
        return port_by_name(name);
    }
    return std::nullopt;
}

std::optional<PolicyPort> port_v1alpha2(const Json& json) {
    if (const auto name = string_at(json, "destinationNamedPort"); !name.empty()) {
        return port_by_name(name);
    }
    for (const auto protocol : {Protocol::Tcp, Protocol::Udp, Protocol::Sctp}) {
        const auto& match = at(json, services::lower_text(protocol));
        if (!match.is_object()) {
            continue;
        }
        const auto& port = at(match, "destinationPort");
        if (port.is_null()) {
            return port_range(protocol, 0, UINT16_MAX); // the whole protocol (8.17)
        }
        if (const auto& range = at(port, "range"); range.is_object()) {
            return port_range(
                protocol, policy_port_number(range, "start"), policy_port_number(range, "end"));
        }
        const auto number = policy_port_number(port, "number");
        return port_range(protocol, number, number);
    }
    return std::nullopt;
}

/// Whether all could be read. v1alpha1 has `ports`, v1alpha2 has `protocols`.
bool admin_ports(const Json& rule, std::optional<std::vector<PolicyPort>>& ports) {
    const auto read = [&](const char* field, auto port_of) {
        const auto& list = at(rule, field);
        if (!list.is_array() || list.empty()) {
            return true;
        }
        ports.emplace();
        for (const auto& json : list) {
            auto port = port_of(json);
            if (!port) {
                return false;
            }
            ports->push_back(std::move(*port));
        }
        return true;
    };
    return read("ports", port_v1alpha1) && read("protocols", port_v1alpha2);
}

PolicyRule admin_rule(const Json& json, const char* peers) {
    PolicyRule rule;
    rule.name = string_at(json, "name");
    const auto action = string_at(json, "action");
    rule.action = action == "Deny"   ? PolicyAction::Deny
                  : action == "Pass" ? PolicyAction::Pass
                                     : PolicyAction::Allow;
    rule.peers.emplace();
    if (admin_peers(at(json, peers), *rule.peers) && admin_ports(json, rule.ports)) {
        return rule;
    }
    rule.ports.reset(); // fail closed (8.18)
    if (rule.action == PolicyAction::Allow) {
        rule.peers->clear();
    } else {
        rule.action = PolicyAction::Deny;
        rule.peers.reset();
    }
    return rule;
}

} // namespace

services::LabelSelector policy_selector(const Json& selector) {
    services::LabelSelector made;
    for (const auto& [key, value] : api::labels_at(selector, "matchLabels")) {
        made.requirements.push_back({key, LabelRequirement::Operator::In, {value}});
    }
    for (const auto& json : at(selector, "matchExpressions")) {
        LabelRequirement one;
        one.key = string_at(json, "key");
        one.op = operator_of(string_at(json, "operator"));
        for (const auto& value : at(json, "values")) {
            one.values.push_back(value.get<std::string>());
        }
        std::sort(one.values.begin(), one.values.end());
        one.values.erase(std::unique(one.values.begin(), one.values.end()), one.values.end());
        made.requirements.push_back(std::move(one));
    }
    auto& all = made.requirements;
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return made;
}

std::optional<PodSelection> namespaced_pods(const Json& selection) {
    if (const auto& namespaces = at(selection, "namespaces"); namespaces.is_object()) {
        return PodSelection{"", policy_selector(namespaces), {}};
    }
    if (const auto& pods = at(selection, "pods"); pods.is_object()) {
        return PodSelection{
            "",
            policy_selector(at(pods, "namespaceSelector")),
            policy_selector(at(pods, "podSelector"))};
    }
    return std::nullopt;
}

std::vector<PolicyRule>
network_policy_rules(const Json& rules, const char* peers, const std::string& ns) {
    std::vector<PolicyRule> made;
    for (const auto& json : rules) {
        PolicyRule rule;
        if (const auto& list = at(json, peers); !list.empty()) { // 3.3
            rule.peers = network_policy_peers(list, ns);
        }
        if (const auto& list = at(json, "ports"); !list.empty()) { // 3.4
            rule.ports.emplace();
            for (const auto& port : list) {
                rule.ports->push_back(network_policy_port(port));
            }
        }
        made.push_back(std::move(rule));
    }
    return made;
}

std::vector<PolicyRule> admin_policy_rules(const Json& rules, const char* peers) {
    std::vector<PolicyRule> made;
    for (const auto& json : rules) {
        made.push_back(admin_rule(json, peers));
    }
    return made;
}

} // namespace labctl::compile
