#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "services/endpoint.h"

/// Which endpoints a controller would like to be used where (reference 2.11). Both functions set
/// the hints of every endpoint, so that one that shall have none has none.
namespace services {

/// `spec.trafficDistribution`.
enum class TrafficDistribution : std::uint8_t { None, PreferSameZone, PreferSameNode };

/// "PreferSameZone" and its older alias "PreferClose", "PreferSameNode"; all else is None.
[[nodiscard]] TrafficDistribution parse_traffic_distribution(std::string_view text);

/// Ready endpoints with a zone are for their own zone, with PreferSameNode also for their own node.
/// Source: kubernetes/endpointslice trafficdist/trafficdist.go.
void set_distribution_hints(std::span<Endpoint* const> endpoints, TrafficDistribution distribution);

/// Why a Service has no hints in spite of its annotation; in the words of topologycache/event.go.
enum class TopologyRefusal : std::uint8_t {
    None,
    InsufficientNodeInfo,  // fewer than two zones, or a node without zone
    InsufficientEndpoints, // fewer than zones
    NoZone,                // an endpoint without zone
    Overload,              // no split keeps every zone within the overload limit
};
[[nodiscard]] std::string_view to_text(TopologyRefusal refusal);

/// `service.kubernetes.io/topology-mode: Auto`: ready endpoints are split over the zones in
/// proportion to `cpu_by_zone` (allocatable CPU; any unit). An endpoint stays in its own zone if it
/// can, one that already serves another zone goes on to do so. A zone may get 20 % less than its
/// share at most; if that cannot be had, nobody gets hints. Source: topologycache/topologycache.go;
/// which endpoint moves where there is a choice is the first by order.
TopologyRefusal set_proportional_hints(
    std::span<Endpoint* const> endpoints, const std::map<std::string, double>& cpu_by_zone);

} // namespace services
