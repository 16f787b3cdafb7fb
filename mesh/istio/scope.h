#pragma once

#include <map>
#include <string>
#include <string_view>

/// Which pods a security policy of Istio speaks of. Pure.
namespace mesh::istio {

using Labels = std::map<std::string, std::string>;

/// The namespace whose policies apply to the whole mesh.
inline constexpr std::string_view kRootNamespace = "istio-system";

/// Whether every label of `selector` is among `labels`; an empty one selects everything.
[[nodiscard]] bool selects(const Labels& selector, const Labels& labels);

/// What an AuthorizationPolicy says of the pods that it is for.
struct PolicyScope {
    std::string ns;           // of the policy
    Labels selector;          // spec.selector.matchLabels
    bool has_targets = false; // targetRef or targetRefs: for gateways and waypoints
    bool operator==(const PolicyScope&) const = default;
};

/// Whether the sidecar of a pod obeys the policy: it is in the pod's namespace or in the root
/// namespace, selects the pod, and has no targetRefs. Source: istio/istio
/// pilot/pkg/model/authorization.go.
[[nodiscard]] bool applies(
    const PolicyScope& policy,
    std::string_view pod_ns,
    const Labels& pod_labels,
    std::string_view root_ns = kRootNamespace);

} // namespace mesh::istio
