#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mesh::linkerd {

/// What is allowed where no Server governs a port, or beside the authorizations of one that does
/// (accessPolicy). Source: linkerd/linkerd2 policy-controller/k8s/index/src/defaults.rs.
enum class DefaultPolicy : std::uint8_t {
    AllUnauthenticated, // everybody
    AllAuthenticated,   // whoever is meshed
    ClusterUnauthenticated,
    ClusterAuthenticated, // the same two, from the cluster's networks alone
    Audit,                // everybody, and it is told of
    Deny,
};

/// "all-unauthenticated", ..., as annotations and manifests write it.
[[nodiscard]] std::string_view default_policy_name(DefaultPolicy policy);
[[nodiscard]] std::optional<DefaultPolicy> parse_default_policy(std::string_view name);

} // namespace mesh::linkerd
