#pragma once

#include <optional>
#include <string>

#include "labctl/explain/connection.h"

/// Paths that begin or end at a switch's neighbours: the routers and hosts of a topology. Internal
/// to this folder.
namespace labctl::explain {

/// The way between two devices that are no nodes ("host/h1", "router/r1", "external"): no rule of a
/// node meets the packet. Nothing if the question is another one. Without a port the packet is
/// ICMP. Throws netemu::UsageError when the source has no address of the target's family.
[[nodiscard]] std::optional<api::Json>
explain_between_devices(const compile::ClusterConfig& config, const ExplainQuestion& question);

/// The question with the name of a device in `to` replaced by its address.
[[nodiscard]] ExplainQuestion
with_device_address(const compile::ClusterConfig& config, const ExplainQuestion& question);

/// "address of host/h1", or nothing for an address that no device has.
[[nodiscard]] std::string
device_of_address(const compile::ClusterConfig& config, const netemu::IpAddress& address);

} // namespace labctl::explain
