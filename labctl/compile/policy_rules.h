#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"
#include "services/policy.h"

/// The rules of policy objects as values. Internal to this folder; policy_values.h is for others.
namespace labctl::compile {

/// spec.ingress or spec.egress of a NetworkPolicy of the namespace `ns`; `peers` is "from" or "to".
[[nodiscard]] std::vector<services::PolicyRule>
network_policy_rules(const api::Json& rules, const char* peers, const std::string& ns);

/// spec.ingress or spec.egress of an admin kind of either version.
[[nodiscard]] std::vector<services::PolicyRule>
admin_policy_rules(const api::Json& rules, const char* peers);

/// {namespaces} or {pods: {namespaceSelector, podSelector}}; nullopt for anything else.
[[nodiscard]] std::optional<services::PodSelection> namespaced_pods(const api::Json& selection);

} // namespace labctl::compile
