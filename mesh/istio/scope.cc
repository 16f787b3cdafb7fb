#include "mesh/istio/scope.h"

#include <algorithm>

namespace mesh::istio {

bool selects(const Labels& selector, const Labels& labels) {
    return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
        const auto found = labels.find(wanted.first);
        return found != labels.end() && found->second == wanted.second;
    });
}

bool applies(
    const PolicyScope& policy,
    std::string_view pod_ns,
    const Labels& pod_labels,
    std::string_view root_ns) {
    return !policy.has_targets && (policy.ns == root_ns || policy.ns == pod_ns) &&
           selects(policy.selector, pod_labels);
}

} // namespace mesh::istio
