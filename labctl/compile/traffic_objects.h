#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/slice_names.h"
#include "mesh/istio/destination.h"
#include "mesh/istio/traffic.h"
#include "mesh/sidecar/table.h"

/// VirtualServices and DestinationRules as values of `mesh/istio`. Pure.
namespace labctl::compile {

/// Kinds of networking.istio.io that sidecars act on.
[[nodiscard]] bool is_traffic_kind(const std::string& kind);

[[nodiscard]] mesh::istio::VirtualService
read_virtual_service(const api::Object& object, const std::string& cluster_domain);
[[nodiscard]] mesh::istio::DestinationRule
read_destination_rule(const api::Object& object, const std::string& cluster_domain);

/// The oldest first, then by name.
void sort_by_age(std::vector<mesh::istio::VirtualService>& services);
void sort_by_age(std::vector<mesh::istio::DestinationRule>& rules);

/// Those for meshes that may route requests to a host, by their place in `services`: the closest
/// host first.
[[nodiscard]] std::vector<std::uint32_t> virtual_services_of(
    const std::vector<mesh::istio::VirtualService>& services, const std::string& host);
/// Those of each namespace that concern a host, made one; `all` is sorted by age. Without the
/// endpoints of subsets.
[[nodiscard]] std::vector<mesh::istio::DestinationRule>
destination_rules_of(const std::vector<mesh::istio::DestinationRule>& all, const std::string& host);

} // namespace labctl::compile
