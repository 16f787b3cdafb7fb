#pragma once

#include <string>

#include "labctl/api/object.h"
#include "mesh/istio/destination.h"
#include "mesh/istio/traffic.h"

/// VirtualServices and DestinationRules as values of `mesh/istio`. Pure.
namespace labctl::compile {

/// Kinds of networking.istio.io that sidecars act on.
[[nodiscard]] bool is_traffic_kind(const std::string& kind);

[[nodiscard]] mesh::istio::VirtualService
read_virtual_service(const api::Object& object, const std::string& cluster_domain);
[[nodiscard]] mesh::istio::DestinationRule
read_destination_rule(const api::Object& object, const std::string& cluster_domain);

} // namespace labctl::compile
