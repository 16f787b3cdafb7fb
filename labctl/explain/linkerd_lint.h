#pragma once

#include <vector>

#include "labctl/explain/mesh_lint.h"

namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::explain {

/// What is valid in policies of Linkerd and still hardly meant, in the order of the kinds and keys:
/// - references of an AuthorizationPolicy that do not resolve: it is ignored; targets of policies
///   and parents of HTTPRoutes that are not there;
/// - a Server that nothing authorizes: all of its traffic is denied;
/// - HTTPRoutes of a Server whose port nobody looks into;
/// - identities that match nobody;
/// and, only where the store has pods other than those of the lab itself,
/// - a Server that selects no pod, none with a proxy, no port, or one that another governs;
/// - references to ServiceAccounts that are not there.
/// Pure.
[[nodiscard]] std::vector<MeshFinding>
lint_linkerd(const store::Store& store, const compile::ClusterConfig& config);

} // namespace labctl::explain
