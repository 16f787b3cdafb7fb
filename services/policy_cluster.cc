#include "services/policy_cluster.h"

#include <tuple>

namespace services {

PolicyCluster::Key policy_key(const Policy& policy) {
    return policy.ns.empty() ? PolicyCluster::Key{"", policy.kind + "/" + policy.name}
                             : PolicyCluster::Key{policy.ns, policy.name};
}

bool asked_before(const Policy& left, const Policy& right) {
    return std::tie(left.tier, left.priority, left.ns, left.name, left.kind) <
           std::tie(right.tier, right.priority, right.ns, right.name, right.kind);
}

} // namespace services
