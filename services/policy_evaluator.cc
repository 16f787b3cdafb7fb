#include "services/policy_evaluator.h"

#include <algorithm>

#include "services/address_match.h"

namespace services {

/// The other end of a flow, looked at from the subject's rules.
struct PolicyEvaluator::Peer {
    std::uint32_t pod;
    AddressWords words;
    const IpAddress& address;
};

/// A rule with its peers resolved. Port names stay names: they mean different numbers on different
/// pods (4.5).
struct PolicyEvaluator::Rule {
    PolicyAction action = PolicyAction::Allow;
    bool any_peer = false;
    bool any_port = false;
    const PodBits* pods = nullptr; // nullptr: no peer of the rule is a selection of pods
    std::vector<BlockWords> blocks;
    std::vector<IpAddress> nodes; // sorted
    std::vector<PolicyPort> ports;

    [[nodiscard]] bool matches_peer(const Peer& peer) const;
    [[nodiscard]] bool matches_port(const PolicyFlow& flow) const;
};

struct PolicyEvaluator::Compiled {
    PolicyPtr policy;
    const PodBits* subject = nullptr;
    std::vector<Rule> ingress;
    std::vector<Rule> egress;

    [[nodiscard]] const std::vector<Rule>& rules(PolicyDirection way) const {
        return way == PolicyDirection::Ingress ? ingress : egress;
    }
};

/// What is asked about a pod in one direction. Pods that the same policies select share one.
struct PolicyEvaluator::Ladder {
    std::vector<const Compiled*> admin;
    std::vector<const Compiled*> network;
    std::vector<const Compiled*> baseline;

    void add(const Compiled* policy) {
        const auto tier = policy->policy->tier;
        auto& list = tier == PolicyTier::Admin      ? admin
                     : tier == PolicyTier::Baseline ? baseline
                                                    : network;
        list.push_back(policy);
    }
};

namespace {

/// A name is looked up on the destination pod, with its protocol; elsewhere it means nothing (4.5
/// to 4.8).
bool named_port_has(const PolicyPort& port, const PolicyFlow& flow) {
    if (flow.to.pod == nullptr || flow.to.pod->host_network) {
        return false;
    }
    const auto& declared = flow.to.pod->ports;
    return std::any_of(declared.begin(), declared.end(), [&](const NamedPort& named) {
        return named.number == flow.port && named.protocol == flow.protocol &&
               named.name == port.name;
    });
}

const PolicyNode* node_of(const PolicyEnd& end, const PolicyCluster& cluster) {
    if (end.node != nullptr || end.pod == nullptr || !end.pod->host_network) {
        return end.node;
    }
    const auto found = cluster.nodes.find(end.pod->node);
    return found == cluster.nodes.end() ? nullptr : &found->second;
}

void add_node_addresses(
    const NodeSelection& selection, const PolicyCluster& cluster, std::vector<IpAddress>& found) {
    for (const auto& [name, node] : cluster.nodes) {
        if (matches(selection.nodes, node.labels)) {
            found.insert(found.end(), node.ips.begin(), node.ips.end());
        }
    }
}

PolicyOpinion opinion_without_policy(bool allowed, PolicyReason reason) {
    PolicyOpinion made;
    made.allowed = allowed;
    made.reason = reason;
    return made;
}

} // namespace

bool PolicyEvaluator::Rule::matches_peer(const Peer& peer) const {
    if (any_peer || (pods != nullptr && peer.pod != PodSets::kNoPod && pods->has(peer.pod))) {
        return true;
    }
    return std::any_of(
               blocks.begin(),
               blocks.end(),
               [&](const BlockWords& block) { return block.has(peer.words); }) ||
           (!nodes.empty() && std::binary_search(nodes.begin(), nodes.end(), peer.address));
}

bool PolicyEvaluator::Rule::matches_port(const PolicyFlow& flow) const {
    return any_port || std::any_of(ports.begin(), ports.end(), [&](const PolicyPort& port) {
               if (port.protocol && *port.protocol != flow.protocol) {
                   return false;
               }
               return port.name.empty() ? port.first <= flow.port && flow.port <= port.last
                                        : named_port_has(port, flow);
           });
}

PolicyEvaluator::PolicyEvaluator(const PolicyCluster& cluster) : cluster_(cluster), pods_(cluster) {
    for (const auto& [key, policy] : cluster.policies) {
        add_policy(policy);
    }
    std::sort(policies_.begin(), policies_.end(), [](const auto& left, const auto& right) {
        return asked_before(*left->policy, *right->policy);
    });
    make_ladders(PolicyDirection::Ingress);
    make_ladders(PolicyDirection::Egress);
    for (const auto& [name, node] : cluster.nodes) {
        for (const auto& address : node.ips) {
            ends_[address] = {nullptr, &node, address};
        }
    }
    for (const auto& [key, pod] : cluster.pods) {
        if (!pod.host_network) {
            for (const auto& address : pod.ips) {
                ends_[address] = {&pod, nullptr, address};
            }
        }
    }
}

PolicyEvaluator::~PolicyEvaluator() = default;

const PodBits& PolicyEvaluator::resolve(const PodSelection& selection) {
    auto& set = sets_[selection];
    if (set == nullptr) {
        set = std::make_unique<PodBits>(pods_.resolve(selection));
    }
    return *set;
}

void PolicyEvaluator::add_policy(const PolicyPtr& policy) {
    auto made = std::make_unique<Compiled>();
    made->policy = policy;
    made->subject = &resolve(policy->subject);
    if (policy->ingress) {
        add_rules(made->ingress, *policy->ingress);
    }
    if (policy->egress) {
        add_rules(made->egress, *policy->egress);
    }
    by_policy_[policy.get()] = made.get();
    policies_.push_back(std::move(made));
}

void PolicyEvaluator::add_rules(std::vector<Rule>& made, const std::vector<PolicyRule>& rules) {
    for (const auto& rule : rules) {
        made.push_back(make_rule(rule));
    }
}

PolicyEvaluator::Rule PolicyEvaluator::make_rule(const PolicyRule& rule) {
    Rule made;
    made.action = rule.action;
    made.any_peer = !rule.peers.has_value();
    made.any_port = !rule.ports.has_value();
    made.ports = rule.ports.value_or(std::vector<PolicyPort>{});
    std::vector<const PodBits*> selections;
    for (const auto& peer : rule.peers.value_or(std::vector<PolicyPeer>{})) {
        if (const auto* pods = std::get_if<PodSelection>(&peer)) {
            selections.push_back(&resolve(*pods));
        } else if (const auto* block = std::get_if<AddressBlock>(&peer)) {
            made.blocks.emplace_back(*block);
        } else {
            add_node_addresses(std::get<NodeSelection>(peer), cluster_, made.nodes);
        }
    }
    std::sort(made.nodes.begin(), made.nodes.end());
    if (selections.size() == 1) {
        made.pods = selections.front();
    } else if (!selections.empty()) {
        auto& all = unions_[selections];
        if (all == nullptr) {
            all = std::make_unique<PodBits>(pods_.size());
            for (const auto* some : selections) {
                all->add(*some);
            }
        }
        made.pods = all.get();
    }
    return made;
}

void PolicyEvaluator::make_ladders(PolicyDirection way) {
    std::vector<std::vector<const Compiled*>> of_pod(pods_.size());
    for (const auto& policy : policies_) {
        const auto selected =
            policy->policy->rules(way) ? policy->subject->members() : std::vector<std::uint32_t>{};
        for (const auto pod : selected) {
            of_pod[pod].push_back(policy.get());
        }
    }
    std::map<std::vector<const Compiled*>, const Ladder*> known;
    auto& ladders = way == PolicyDirection::Ingress ? ingress_ : egress_;
    for (const auto& policies : of_pod) {
        auto& ladder = known[policies];
        if (ladder == nullptr && !policies.empty()) {
            auto made = std::make_unique<Ladder>();
            for (const auto* policy : policies) {
                made->add(policy);
            }
            ladder = made.get();
            ladders_.push_back(std::move(made));
        }
        ladders.push_back(ladder);
    }
}

PolicyOpinion PolicyEvaluator::opinion(
    PolicyDirection way, const Ladder* ladder, const Peer& peer, const PolicyFlow& flow) const {
    const auto decided = [&](const Compiled& by, const Rule& rule) {
        PolicyOpinion made;
        made.allowed = rule.action == PolicyAction::Allow;
        made.reason = PolicyReason::Rule;
        made.tier = by.policy->tier;
        made.policy = by.policy.get();
        made.rule = static_cast<std::size_t>(&rule - by.rules(way).data());
        return made;
    };
    const auto first_match = [&](const std::vector<const Compiled*>& policies,
                                 const Compiled*& by) {
        const auto matches = [&](const Rule& rule) {
            return rule.matches_peer(peer) && rule.matches_port(flow);
        };
        for (const auto* policy : policies) {
            const auto& rules = policy->rules(way);
            const auto found = std::find_if(rules.begin(), rules.end(), matches);
            if (found != rules.end()) {
                by = policy;
                return &*found;
            }
        }
        return static_cast<const Rule*>(nullptr);
    };
    if (ladder == nullptr) {
        return opinion_without_policy(true, PolicyReason::NoPolicy);
    }
    const Compiled* by = nullptr;
    const auto* rule = first_match(ladder->admin, by);
    if (rule != nullptr && rule->action != PolicyAction::Pass) { // Pass: all of the tier (8.6)
        return decided(*by, *rule);
    }
    if (!ladder->network.empty()) { // final, either way (8.9)
        rule = first_match(ladder->network, by);
        if (rule != nullptr) {
            return decided(*by, *rule);
        }
        auto made = opinion_without_policy(false, PolicyReason::Isolated);
        made.tier = PolicyTier::NetworkPolicy;
        made.policy = ladder->network.front()->policy.get();
        made.isolating.reserve(ladder->network.size());
        for (const auto* policy : ladder->network) {
            made.isolating.push_back(policy->policy.get());
        }
        return made;
    }
    rule = first_match(ladder->baseline, by);
    if (rule != nullptr && rule->action != PolicyAction::Pass) {
        return decided(*by, *rule);
    }
    return opinion_without_policy(true, PolicyReason::NoPolicy);
}

PolicyVerdict PolicyEvaluator::evaluate(const PolicyFlow& flow) const {
    const auto from = pods_.number(flow.from.pod);
    const auto to = pods_.number(flow.to.pod);
    PolicyVerdict verdict;
    if (from != PodSets::kNoPod && from == to) { // 6.1
        verdict.egress = opinion_without_policy(true, PolicyReason::Self);
        verdict.ingress = verdict.egress;
        return verdict;
    }
    const auto peer_of = [](const PolicyEnd& end, std::uint32_t pod) {
        return Peer{pod, address_words(end.address), end.address};
    };
    const auto local = [&](std::uint32_t pod, const PolicyEnd& other) {
        const auto* node = node_of(other, cluster_);
        return node != nullptr && node->name == pods_.pod(pod).node;
    };
    if (from == PodSets::kNoPod) {
        verdict.egress = opinion_without_policy(true, PolicyReason::NotAPod);
    } else if (to == PodSets::kNoPod && local(from, flow.to)) { // 6.4
        verdict.egress = opinion_without_policy(true, PolicyReason::LocalNode);
    } else {
        verdict.egress =
            opinion(PolicyDirection::Egress, egress_[from], peer_of(flow.to, to), flow);
    }
    if (to == PodSets::kNoPod) {
        verdict.ingress = opinion_without_policy(true, PolicyReason::NotAPod);
    } else if (from == PodSets::kNoPod && local(to, flow.from)) { // 6.3
        verdict.ingress = opinion_without_policy(true, PolicyReason::LocalNode);
    } else {
        verdict.ingress =
            opinion(PolicyDirection::Ingress, ingress_[to], peer_of(flow.from, from), flow);
    }
    verdict.allowed = verdict.egress.allowed && verdict.ingress.allowed;
    return verdict;
}

PolicyEnd PolicyEvaluator::end_of(const IpAddress& address) const {
    const auto found = ends_.find(address);
    return found == ends_.end() ? PolicyEnd{nullptr, nullptr, address} : found->second;
}

std::vector<const Policy*>
PolicyEvaluator::policies_of(const PolicyPod& pod, PolicyDirection way) const {
    std::vector<const Policy*> found;
    const auto number = pods_.number(&pod);
    const auto* ladder = number == PodSets::kNoPod         ? nullptr
                         : way == PolicyDirection::Ingress ? ingress_[number]
                                                           : egress_[number];
    if (ladder != nullptr) {
        for (const auto* tier : {&ladder->admin, &ladder->network, &ladder->baseline}) {
            for (const auto* policy : *tier) {
                found.push_back(policy->policy.get());
            }
        }
    }
    return found;
}

bool PolicyEvaluator::rule_matches(
    const Policy& policy, PolicyDirection way, std::size_t number, const PolicyFlow& flow) const {
    const auto& rule = by_policy_.at(&policy)->rules(way).at(number);
    const auto& end = way == PolicyDirection::Ingress ? flow.from : flow.to;
    const Peer peer{pods_.number(end.pod), address_words(end.address), end.address};
    return rule.matches_peer(peer) && rule.matches_port(flow);
}

} // namespace services
