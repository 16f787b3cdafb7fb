#pragma once

#include <vector>

#include "labctl/explain/mesh_lint.h"

/// What is valid in a VirtualService or DestinationRule and still hardly meant.
namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::explain {

/// Hosts, ports and subsets that lead nowhere; gateways; routes that are never reached; weights
/// that are no percentages; expressions that are none; VirtualServices behind another one for the
/// same host; subsets without pods, where the store has pods other than those of the lab itself.
/// Pure.
[[nodiscard]] std::vector<MeshFinding>
lint_traffic(const store::Store& store, const compile::ClusterConfig& config);

} // namespace labctl::explain
