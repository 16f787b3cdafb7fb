#include "mesh/linkerd/default_policy.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mesh::linkerd {

namespace {

constexpr std::array<std::pair<DefaultPolicy, std::string_view>, 6> kDefaultPolicies{{
    {DefaultPolicy::AllUnauthenticated, "all-unauthenticated"},
    {DefaultPolicy::AllAuthenticated, "all-authenticated"},
    {DefaultPolicy::ClusterUnauthenticated, "cluster-unauthenticated"},
    {DefaultPolicy::ClusterAuthenticated, "cluster-authenticated"},
    {DefaultPolicy::Audit, "audit"},
    {DefaultPolicy::Deny, "deny"},
}};

} // namespace

std::string_view default_policy_name(DefaultPolicy policy) {
    return kDefaultPolicies.at(static_cast<std::size_t>(policy)).second;
}

std::optional<DefaultPolicy> parse_default_policy(std::string_view name) {
    const auto* const found =
        std::find_if(kDefaultPolicies.begin(), kDefaultPolicies.end(), [&](const auto& each) {
            return each.second == name;
        });
    return found == kDefaultPolicies.end() ? std::nullopt : std::optional(found->first);
}

} // namespace mesh::linkerd
