#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/istio/destination.h"
#include "mesh/istio/traffic.h"

/// Which VirtualServices and DestinationRules concern a host. Pure.
namespace mesh::istio {

/// The oldest first, then by name.
void sort_by_age(std::vector<VirtualService>& services);
void sort_by_age(std::vector<DestinationRule>& rules);

/// Those for meshes that may route requests to a host, by their place in `services`: the closest
/// host first.
[[nodiscard]] std::vector<std::uint32_t>
virtual_services_of(const std::vector<VirtualService>& services, const std::string& host);
/// Those of each namespace that concern a host, made one; `all` is sorted by age. Without the
/// endpoints of subsets.
[[nodiscard]] std::vector<DestinationRule>
destination_rules_of(const std::vector<DestinationRule>& all, const std::string& host);

} // namespace mesh::istio
