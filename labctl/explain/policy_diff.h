#pragma once

#include <string>
#include <vector>

#include "labctl/explain/policy_matrix.h"

namespace labctl::explain {

/// A flow between two workloads, or between one and the outside, whose verdict is another in the
/// second of two states.
struct PolicyChange {
    std::string from; // "prod/deployment/web", "outside 192.0.2.0/24"
    std::string to;
    compile::FlowPort port;
    MatrixCell before;
    MatrixCell after;
};
struct PolicyDiff {
    std::vector<PolicyChange> changes; // by source, destination, port
    std::size_t flows = 0;             // compared: of workloads and on ports that both have
    std::vector<std::string> removed;  // workloads that only the first has
    std::vector<std::string> added;
};

/// Compares workload by workload on the ports that the destination declares in both states, and
/// with the outside as the policies of both states divide it (policy_outside.h). The
/// verdicts of the result point into the worlds.
[[nodiscard]] PolicyDiff
diff_policies(const compile::PolicyWorld& before, const compile::PolicyWorld& after);

/// "allowed", "denied", or "partly" (some of the pods).
[[nodiscard]] std::string cell_word(const MatrixCell& cell);

} // namespace labctl::explain
