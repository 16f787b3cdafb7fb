#include "tests/support/policy_reference.h"

#include <set>

namespace services::test {

namespace {

std::string number_text(std::size_t number) {
    return std::to_string(number);
}

/// 2.2 to 2.6.
bool selected(const LabelSelector& selector, const PolicyLabels& labels) {
    for (const auto& requirement : selector.requirements) {
        const std::string* value = nullptr;
        for (const auto& label : labels) {
            if (label.key == requirement.key) {
                value = &label.value;
            }
        }
        bool listed = false;
        for (const auto& one : requirement.values) {
            listed = listed || (value != nullptr && one == *value);
        }
        using Operator = LabelRequirement::Operator;
        if ((requirement.op == Operator::In && !listed) ||
            (requirement.op == Operator::NotIn && listed) ||
            (requirement.op == Operator::Exists && value == nullptr) ||
            (requirement.op == Operator::DoesNotExist && value != nullptr)) {
            return false;
        }
    }
    return true;
}

/// 1.7, 3.6, 3.7, 3.9, 6.6, 8.12.
bool in_selection(
    const PolicyCluster& cluster, const PodSelection& selection, const PolicyPod* pod) {
    if (pod == nullptr || pod->host_network) {
        return false;
    }
    if (!selection.ns.empty()) {
        return pod->ns == selection.ns && selected(selection.pods, pod->labels);
    }
    for (const auto& [name, ns] : cluster.namespaces) {
        if (name == pod->ns && selected(selection.namespaces, ns.labels)) {
            return selected(selection.pods, pod->labels);
        }
    }
    return false;
}

/// Bit by bit.
bool in_range(const IpPrefix& range, const IpAddress& address) {
    if (range.address.family() != address.family()) {
        return false; // 5.6
    }
    for (unsigned bit = 0; bit < range.length; ++bit) {
        const auto mask = static_cast<unsigned>(0x80U >> (bit % 8));
        if ((range.address.bytes()[bit / 8] & mask) != (address.bytes()[bit / 8] & mask)) {
            return false;
        }
    }
    return true;
}

bool peer_is(const PolicyCluster& cluster, const PolicyPeer& peer, const PolicyEnd& end) {
    if (const auto* pods = std::get_if<PodSelection>(&peer)) {
        return in_selection(cluster, *pods, end.pod); // 3.10: never an address that is no pod's
    }
    if (const auto* block = std::get_if<AddressBlock>(&peer)) {
        bool inside = in_range(block->cidr, end.address); // 5.1, 5.7, 8.13
        for (const auto& except : block->except) {
            inside = inside && !in_range(except, end.address); // 5.2, 5.3
        }
        return inside;
    }
    for (const auto& [name, node] : cluster.nodes) { // 8.14
        for (const auto& address : node.ips) {
            if (address == end.address &&
                selected(std::get<NodeSelection>(peer).nodes, node.labels)) {
                return true;
            }
        }
    }
    return false;
}

bool port_is(const PolicyPort& port, const PolicyFlow& flow) {
    if (port.protocol.has_value() && port.protocol.value() != flow.protocol) {
        return false; // 4.1, 4.10, 4.11
    }
    if (port.name.empty()) {
        return flow.port >= port.first && flow.port <= port.last; // 4.4, 4.9
    }
    if (flow.to.pod != nullptr && !flow.to.pod->host_network) {
        for (const auto& declared : flow.to.pod->ports) { // 4.5 to 4.8
            if (declared.name == port.name && declared.protocol == flow.protocol &&
                declared.number == flow.port) {
                return true;
            }
        }
    }
    return false;
}

bool rule_is(
    const PolicyCluster& cluster,
    const PolicyRule& rule,
    const PolicyEnd& peer,
    const PolicyFlow& flow) {
    bool peer_matches = !rule.peers.has_value(); // 3.3
    if (rule.peers.has_value()) {
        for (const auto& one : *rule.peers) {
            peer_matches = peer_matches || peer_is(cluster, one, peer);
        }
    }
    bool port_matches = !rule.ports.has_value(); // 3.4
    if (rule.ports.has_value()) {
        for (const auto& one : *rule.ports) {
            port_matches = port_matches || port_is(one, flow);
        }
    }
    return peer_matches && port_matches; // 3.5
}

std::string rule_words(const Policy& policy, std::size_t rule) {
    return "by " + policy.label() + " rule " + number_text(rule);
}

/// One tier that has priorities: "" if it has nothing to say.
std::string ask_tier(
    const PolicyCluster& cluster, PolicyTier tier, PolicyDirection way, const PolicyFlow& flow) {
    const auto& subject = way == PolicyDirection::Ingress ? flow.to : flow.from;
    const auto& peer = way == PolicyDirection::Ingress ? flow.from : flow.to;
    std::set<std::pair<int, std::string>> order; // 8.2: lower first, then by name
    for (const auto& [key, policy] : cluster.policies) {
        if (policy->tier == tier) {
            order.insert({policy->priority, policy->name + " " + policy->kind});
        }
    }
    for (const auto& [priority, name] : order) {
        for (const auto& [key, policy] : cluster.policies) {
            if (policy->tier != tier || policy->name + " " + policy->kind != name ||
                !in_selection(cluster, policy->subject, subject.pod) ||
                !policy->rules(way).has_value()) {
                continue;
            }
            const auto& rules = *policy->rules(way);
            for (std::size_t i = 0; i < rules.size(); ++i) { // 8.3
                if (rule_is(cluster, rules[i], peer, flow)) {
                    switch (rules[i].action) {
                    case PolicyAction::Allow:
                        return "allow " + rule_words(*policy, i); // 8.4
                    case PolicyAction::Deny:
                        return "deny " + rule_words(*policy, i); // 8.5
                    case PolicyAction::Pass:
                        return ""; // 8.6, 8.7
                    }
                }
            }
        }
    }
    return ""; // 8.8
}

/// "" if no NetworkPolicy selects the subject in this direction (8.10).
std::string
ask_network_policies(const PolicyCluster& cluster, PolicyDirection way, const PolicyFlow& flow) {
    const auto& subject = way == PolicyDirection::Ingress ? flow.to : flow.from;
    const auto& peer = way == PolicyDirection::Ingress ? flow.from : flow.to;
    std::string isolating;
    std::string allowing;
    for (const auto& [key, policy] : cluster.policies) {
        if (policy->tier != PolicyTier::NetworkPolicy || !policy->rules(way).has_value() ||
            !in_selection(cluster, policy->subject, subject.pod)) {
            continue;
        }
        isolating += " " + policy->ns + "/" + policy->name; // 1.2, 3.1
        const auto& rules = *policy->rules(way);
        for (std::size_t i = 0; i < rules.size(); ++i) {
            if (allowing.empty() && rule_is(cluster, rules[i], peer, flow)) {
                allowing = "allow " + rule_words(*policy, i); // 1.3: a union
            }
        }
    }
    return !allowing.empty() || isolating.empty() ? allowing : "deny: isolated by" + isolating;
}

std::string direction(const PolicyCluster& cluster, PolicyDirection way, const PolicyFlow& flow) {
    auto words = ask_tier(cluster, PolicyTier::Admin, way, flow); // 8.1
    if (words.empty()) {
        words = ask_network_policies(cluster, way, flow);
    }
    if (words.empty()) { // 8.9
        words = ask_tier(cluster, PolicyTier::Baseline, way, flow);
    }
    return words.empty() ? "allow" : words;
}

bool is_pod(const PolicyEnd& end) {
    return end.pod != nullptr && !end.pod->host_network;
}

/// 6.3, 6.4; 6.6 for hostNetwork.
bool is_node_of(const PolicyEnd& end, const PolicyPod& pod) {
    if (end.node != nullptr) {
        return end.node->name == pod.node;
    }
    return end.pod != nullptr && end.pod->host_network && end.pod->node == pod.node;
}

} // namespace

SlowVerdict slow_verdict(const PolicyCluster& cluster, const PolicyFlow& flow) {
    SlowVerdict verdict{true, "allow", "allow"};
    if (is_pod(flow.from) && flow.from.pod == flow.to.pod) {
        return verdict; // 6.1
    }
    const bool to_own_node =
        is_pod(flow.from) && !is_pod(flow.to) && is_node_of(flow.to, *flow.from.pod);
    const bool from_own_node =
        is_pod(flow.to) && !is_pod(flow.from) && is_node_of(flow.from, *flow.to.pod);
    if (is_pod(flow.from) && !to_own_node) {
        verdict.egress = direction(cluster, PolicyDirection::Egress, flow);
    }
    if (is_pod(flow.to) && !from_own_node) {
        verdict.ingress = direction(cluster, PolicyDirection::Ingress, flow);
    }
    verdict.allowed =
        verdict.egress.rfind("allow", 0) == 0 && verdict.ingress.rfind("allow", 0) == 0; // 1.5
    return verdict;
}

std::string in_words(const PolicyOpinion& opinion) {
    std::string verb = opinion.allowed ? "allow" : "deny";
    if (opinion.reason == PolicyReason::Rule) {
        return verb + " " + rule_words(*opinion.policy, opinion.rule);
    }
    if (opinion.reason != PolicyReason::Isolated) {
        return verb;
    }
    auto words = verb + ": isolated by";
    for (const auto* policy : opinion.isolating) {
        words += " " + policy->ns + "/" + policy->name;
    }
    return words;
}

} // namespace services::test
