#pragma once

#include <string>
#include <vector>

#include "labctl/compile/policy_world.h"

/// What is valid in a policy and still hardly meant. Reference netpol.md sections 3, 4 and 8.
namespace labctl::explain {

struct PolicyFinding {
    services::PolicyPtr policy;
    std::string path;    // inside the object: "spec.ingress[0].from[1]"
    std::string message; // one sentence, without the policy's name
    std::string hint;    // what to do about it
};

/// Findings in the order of the policies' keys, each policy's in the order of its rules:
/// - selectors that select nothing (only where the input has pods at all);
/// - ports that no pod declares, and named ports with another protocol;
/// - `- namespaceSelector` followed by `- podSelector`, which means or (3.8);
/// - egress rules that leave out the cluster's DNS;
/// - admin rules that an earlier rule hides, and equal priorities that overlap (8.2, 8.3).
[[nodiscard]] std::vector<PolicyFinding> lint_policies(const compile::PolicyWorld& world);

} // namespace labctl::explain
