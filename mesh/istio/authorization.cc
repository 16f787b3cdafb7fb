#include "mesh/istio/authorization.h"

#include <algorithm>

#include "mesh/istio/rule_match.h"

namespace mesh::istio {

namespace {

using Action = AuthorizationPolicy::Action;

struct MatchedRule {
    const AuthorizationPolicy* policy = nullptr; // nullptr: none matches
    std::size_t index = 0;
    RuleMatch match;
};

std::string title(const AuthorizationPolicy& policy) {
    return policy.ns + "/" + policy.name;
}

/// As Envoy has it in its logs (istio/istio pilot/pkg/security/authz/builder/builder.go).
std::string log_name(const MatchedRule& found) {
    return "ns[" + found.policy->ns + "]-policy[" + found.policy->name + "]-rule[" +
           std::to_string(found.index) + "]";
}

/// One evaluation: the policies and what they are asked about.
struct Evaluation {
    std::span<const AuthorizationPolicy> policies;
    const ConnectionFacts& connection;
    const RequestFacts* request;

    template <class Visit>
    void each(Action action, bool dry_run, Visit visit) const {
        for (const auto& policy : policies) {
            if (policy.action == action && policy.dry_run == dry_run) {
                visit(policy);
            }
        }
    }

    [[nodiscard]] bool has(Action action, bool dry_run) const {
        return std::any_of(policies.begin(), policies.end(), [&](const auto& policy) {
            return policy.action == action && policy.dry_run == dry_run;
        });
    }

    [[nodiscard]] MatchedRule first_rule(const AuthorizationPolicy& policy) const {
        for (std::size_t i = 0; i < policy.rules.size(); ++i) {
            const auto match = match_rule(policy, policy.rules[i], connection, request);
            if (match.matches) {
                return {&policy, i, match};
            }
        }
        return {};
    }

    [[nodiscard]] MatchedRule first(Action action, bool dry_run) const {
        MatchedRule found;
        each(action, dry_run, [&](const AuthorizationPolicy& policy) {
            if (found.policy == nullptr) {
                found = first_rule(policy);
            }
        });
        return found;
    }

    /// "AuthorizationPolicy prod/deny-get, rule 1: methods GET".
    [[nodiscard]] std::string tell(const MatchedRule& found) const {
        const auto& policy = *found.policy;
        auto text =
            "AuthorizationPolicy " + title(policy) + ", rule " + std::to_string(found.index + 1) +
            ": " +
            describe_match(policy, policy.rules[found.index], found.match, connection, request);
        if (policy.action == Action::Custom) {
            text += "; it asks the provider \"" + policy.provider + "\", and there is no provider";
        }
        return text;
    }

    /// Why no rule of the ALLOW policies matches, as far as one can say.
    [[nodiscard]] std::string tell_not_allowed(bool dry_run) const {
        std::string names;
        bool any_rule = false;
        bool left_out = false;
        bool of_identity = false;
        each(Action::Allow, dry_run, [&](const AuthorizationPolicy& policy) {
            names += (names.empty() ? "" : ", ") + title(policy);
            for (const auto& rule : policy.rules) {
                any_rule = true;
                left_out = left_out || match_rule(policy, rule, connection, request).left_out;
                of_identity = of_identity || needs_identity(rule);
            }
        });
        auto text = any_rule ? "no rule of the ALLOW policies matches (" + names + ")"
                             : "ALLOW policies without rules allow nothing (" + names + ")";
        if (left_out && request == nullptr) {
            text += "; on TCP, rules with fields of HTTP are left out";
        }
        if (of_identity && !connection.peer_id) {
            text += "; the client has no identity, as it came without mutual TLS";
        }
        return text;
    }
};

void add_audits(const Evaluation& evaluation, Decision& decision) {
    evaluation.each(Action::Audit, false, [&](const AuthorizationPolicy& policy) {
        for (std::size_t i = 0; i < policy.rules.size(); ++i) {
            if (match_rule(policy, policy.rules[i], evaluation.connection, evaluation.request)
                    .matches) {
                decision.audited.push_back(log_name({&policy, i, {}}));
            }
        }
    });
}

void add_dry_runs(const Evaluation& evaluation, Decision& decision) {
    for (const auto action : {Action::Custom, Action::Deny}) {
        if (const auto found = evaluation.first(action, true); found.policy != nullptr) {
            decision.dry_runs.push_back("would be denied by " + evaluation.tell(found));
        }
    }
    if (const auto found = evaluation.first(Action::Allow, true); found.policy != nullptr) {
        decision.dry_runs.push_back("would be allowed by " + evaluation.tell(found));
    } else if (evaluation.has(Action::Allow, true)) {
        decision.dry_runs.push_back("would be denied: " + evaluation.tell_not_allowed(true));
    }
}

void add_result(const Evaluation& evaluation, Decision& decision) {
    for (const auto action : {Action::Custom, Action::Deny}) {
        if (const auto found = evaluation.first(action, false); found.policy != nullptr) {
            decision.allowed = false;
            decision.why = Why::Denied;
            decision.policy = log_name(found);
            decision.text = "denied by " + evaluation.tell(found);
            return;
        }
    }
    if (!evaluation.has(Action::Allow, false)) {
        decision.text = "allowed: no AuthorizationPolicy with the action ALLOW applies";
        return;
    }
    if (const auto found = evaluation.first(Action::Allow, false); found.policy != nullptr) {
        decision.why = Why::Allowed;
        decision.policy = log_name(found);
        decision.text = "allowed by " + evaluation.tell(found);
        return;
    }
    decision.allowed = false;
    decision.why = Why::NotAllowed;
    decision.text = "denied: " + evaluation.tell_not_allowed(false);
}

} // namespace

Decision decide(
    std::span<const AuthorizationPolicy> policies,
    const ConnectionFacts& connection,
    const RequestFacts* request) {
    const Evaluation evaluation{policies, connection, request};
    Decision decision;
    add_result(evaluation, decision);
    add_audits(evaluation, decision);
    add_dry_runs(evaluation, decision);
    return decision;
}

} // namespace mesh::istio
