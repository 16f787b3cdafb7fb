#pragma once

#include <string>
#include <utility>
#include <vector>

#include "netemu/base/address.h"

namespace labctl::compile {

struct ClusterConfig;

/// Whose address of the underlay is whose, as people name it: "external", "router/r1", "host/h1",
/// and of nodes what is not their InternalIP.
[[nodiscard]] std::vector<std::pair<netemu::IpAddress, std::string>>
underlay_names(const ClusterConfig& config);

/// Lines of /etc/hosts for everybody on the underlay of a topology; empty without one.
[[nodiscard]] std::string underlay_hosts(const ClusterConfig& config);

/// The addresses of the device that people name "host/h1", "router/r1", "h1" or "external"; none if
/// there is no such device.
[[nodiscard]] std::vector<netemu::IpAddress>
underlay_addresses(const ClusterConfig& config, const std::string& name);

} // namespace labctl::compile
