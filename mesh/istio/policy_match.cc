#include "mesh/istio/policy_match.h"

#include <algorithm>

#include "mesh/istio/rule_match.h"

namespace mesh::istio {

PolicyMatch match_policy(
    const AuthorizationPolicy& policy,
    const ConnectionFacts& connection,
    const RequestFacts* request) {
    PolicyMatch found;
    std::string mismatches;
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const auto& rule = policy.rules[i];
        const auto match = match_rule(policy, rule, connection, request);
        if (request == nullptr && asks_for_http(rule)) {
            found.http_only.push_back(i);
        }
        if (match.matches && !found.rule) {
            found.rule = i;
            found.text = describe_match(policy, rule, match, connection, request);
        } else if (!found.rule) {
            mismatches.append(mismatches.empty() ? "" : "; ")
                .append("rule ")
                .append(std::to_string(i + 1))
                .append(": ")
                .append(describe_mismatch(policy, rule, connection, request));
        }
    }
    if (!found.rule) {
        found.text = policy.rules.empty() ? "it has no rules, so nothing matches" : mismatches;
    }
    return found;
}

std::string_view action_name(AuthorizationPolicy::Action action) {
    using Action = AuthorizationPolicy::Action;
    return action == Action::Deny     ? "DENY"
           : action == Action::Audit  ? "AUDIT"
           : action == Action::Custom ? "CUSTOM"
                                      : "ALLOW";
}

} // namespace mesh::istio
