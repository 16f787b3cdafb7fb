#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mesh/sidecar/table.h"

namespace labctl::dataplane {

/// VirtualServices and DestinationRules as texts, for the channel between supervisor and child.
[[nodiscard]] std::string
encode_virtual_services(const std::vector<mesh::istio::VirtualService>& services);
[[nodiscard]] std::string
encode_destination_rules(const std::vector<mesh::SidecarDestinationRule>& rules);
/// Throw netemu::Error if it makes no sense. `endpoints`: how many the Service of the rules has.
[[nodiscard]] std::vector<mesh::istio::VirtualService>
decode_virtual_services(std::string_view bytes);
[[nodiscard]] std::vector<mesh::SidecarDestinationRule>
decode_destination_rules(std::string_view bytes, std::size_t endpoints);

} // namespace labctl::dataplane
