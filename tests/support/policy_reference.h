#pragma once

#include <string>

#include "services/policy_cluster.h"

namespace services::test {

/// A second, slow evaluator, written from reference netpol.md alone, row by row, to compare the
/// fast one with. It shares no code with it: not even labels are compared by the same function.
struct SlowVerdict {
    bool allowed = true;
    std::string egress; // "allow by NetworkPolicy x/p rule 0", "deny: isolated by x/p x/q", "allow"
    std::string ingress;
};
[[nodiscard]] SlowVerdict slow_verdict(const PolicyCluster& cluster, const PolicyFlow& flow);

/// The same words for the verdict of the fast one.
[[nodiscard]] std::string in_words(const PolicyOpinion& opinion);

} // namespace services::test
