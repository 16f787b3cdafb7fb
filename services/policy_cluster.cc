#include "services/policy_cluster.h"

namespace services {

PolicyCluster::Key policy_key(const Policy& policy) {
    return policy.ns.empty() ? PolicyCluster::Key{"", policy.kind + "/" + policy.name}
                             : PolicyCluster::Key{policy.ns, policy.name};
}

} // namespace services
