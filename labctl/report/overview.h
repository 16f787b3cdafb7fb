#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::report {

struct OverviewInput {
    /// Nodes, pods, workloads and Services of the lab, in any order; other kinds are ignored.
    std::span<const api::ObjectPtr> objects;
    std::string external_ip; // of the namespace `external`, or empty
    bool colour = false;
    /// Routers and hosts of an underlay that is a topology, with their addresses.
    std::vector<std::pair<std::string, std::string>> devices{};
};

/// What is up: nodes with their addresses and pod ranges, then one line for each workload with its
/// ports and the addresses of its first pods, the Services with their addresses and ports (but for
/// "kubernetes", which every cluster has), then a line of totals. Fits on a screen whatever the
/// size of the lab: at most kOverviewNodesMax nodes, kOverviewWorkloadsMax workloads and
/// kOverviewServicesMax Services are listed, and as many devices as nodes; the rest is counted, and
/// many bare pods of a namespace share a line.
std::string overview(const OverviewInput& input);

inline constexpr std::size_t kOverviewNodesMax = 12; // and devices
inline constexpr std::size_t kOverviewWorkloadsMax = 20;
inline constexpr std::size_t kOverviewAddressesMax = 3;
inline constexpr std::size_t kOverviewServicesMax = 10;

} // namespace labctl::report
