#include <algorithm>

#include "labctl/explain/policy_lint_rules.h"

/// Admin rules: the first match counts (reference 8.3), so what an earlier rule matches altogether
/// is never asked. Only what is certain from the values is said: a rule that several others hide
/// together is not found.
namespace labctl::explain {

namespace {

using services::AddressBlock;
using services::LabelSelector;
using services::NodeSelection;
using services::PodSelection;
using services::Policy;
using services::PolicyPeer;
using services::PolicyPort;
using services::PolicyRule;
using services::PolicyTier;

/// Everything that `inner` selects, `outer` selects: it asks for no more.
bool covers(const LabelSelector& outer, const LabelSelector& inner) {
    return std::includes(
        inner.requirements.begin(),
        inner.requirements.end(),
        outer.requirements.begin(),
        outer.requirements.end());
}

bool covers(const PodSelection& outer, const PodSelection& inner) {
    return covers(outer.pods, inner.pods) &&
           (outer.ns.empty() ? inner.ns.empty() && covers(outer.namespaces, inner.namespaces)
                             : outer.ns == inner.ns);
}

bool covers(const AddressBlock& outer, const AddressBlock& inner) {
    return outer.except.empty() && outer.cidr.length <= inner.cidr.length &&
           outer.cidr.contains(inner.cidr.address);
}

bool covers(const NodeSelection& outer, const NodeSelection& inner) {
    return covers(outer.nodes, inner.nodes);
}

bool peer_covers(const PolicyPeer& outer, const PolicyPeer& inner) {
    return std::visit(
        [](const auto& left, const auto& right) {
            if constexpr (std::is_same_v<decltype(left), decltype(right)>) {
                return covers(left, right);
            } else {
                return false;
            }
        },
        outer,
        inner);
}

bool port_covers(const PolicyPort& outer, const PolicyPort& inner) {
    if (outer.protocol && outer.protocol != inner.protocol) {
        return false;
    }
    if (!outer.name.empty()) {
        return outer.name == inner.name;
    }
    return inner.name.empty() ? outer.first <= inner.first && inner.last <= outer.last
                              : outer.first == 0 && outer.last == UINT16_MAX;
}

template <class List, class Covers>
bool all_covered(const List& outer, const List& inner, Covers is_covered_by) {
    if (!outer) {
        return true;
    }
    return inner && std::all_of(inner->begin(), inner->end(), [&](const auto& item) {
               return std::any_of(outer->begin(), outer->end(), [&](const auto& other) {
                   return is_covered_by(other, item);
               });
           });
}

bool rule_covers(const PolicyRule& outer, const PolicyRule& inner) {
    return all_covered(outer.peers, inner.peers, peer_covers) &&
           all_covered(outer.ports, inner.ports, port_covers);
}

const char* action_word(const PolicyRule& rule) {
    return rule.action == services::PolicyAction::Allow  ? "allows"
           : rule.action == services::PolicyAction::Deny ? "denies"
                                                         : "passes";
}

} // namespace

void PolicyLinter::check_shadowed(const RulePlace& place) {
    if (policy_->tier == PolicyTier::NetworkPolicy ||
        (place.rule.peers && place.rule.peers->empty())) {
        return;
    }
    for (const auto& [key, other] : world_.cluster.policies) {
        const bool same = other == policy_;
        if (other->tier != policy_->tier || !other->rules(place.way) ||
            (!same && (!services::asked_before(*other, *policy_) ||
                       !covers(other->subject, policy_->subject)))) {
            continue;
        }
        const auto& rules = *other->rules(place.way);
        for (std::size_t i = 0; i < (same ? place.number : rules.size()); ++i) {
            if (rule_covers(rules[i], place.rule)) {
                say(place.path,
                    "this rule never decides: rule " + std::to_string(i + 1) +
                        (same ? "" : " of " + other->label()) + ", which comes first, " +
                        action_word(rules[i]) + " all that it matches",
                    "put it before that rule, or take it away");
                return;
            }
        }
    }
}

/// 8.2: which of two equal ones is asked first is nowhere written.
void PolicyLinter::check_priority() {
    if (policy_->tier == PolicyTier::NetworkPolicy ||
        policy_->kind == "BaselineAdminNetworkPolicy") {
        return;
    }
    const auto own = pods_.resolve(policy_->subject).members();
    for (const auto& [key, other] : world_.cluster.policies) {
        if (other->tier != policy_->tier || other->priority != policy_->priority ||
            !services::asked_before(*other, *policy_)) {
            continue;
        }
        const auto theirs = pods_.resolve(other->subject);
        const auto both = std::find_if(
            own.begin(), own.end(), [&](std::uint32_t pod) { return theirs.has(pod); });
        const bool together =
            (other->ingress && policy_->ingress) || (other->egress && policy_->egress);
        const bool alike =
            covers(other->subject, policy_->subject) || covers(policy_->subject, other->subject);
        if (together && (both != own.end() || alike)) {
            const auto example = both == own.end() ? std::string()
                                                   : ", for example " + pods_.pod(*both).ns + "/" +
                                                         pods_.pod(*both).name;
            say("spec.priority",
                "has the same priority as " + other->label() +
                    " and selects some of the same pods" + example +
                    ": which comes first is undefined (labctl goes by name)",
                "give each policy of a tier a priority of its own");
        }
    }
}

} // namespace labctl::explain
