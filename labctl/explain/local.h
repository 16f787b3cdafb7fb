#pragma once

#include <map>
#include <string>
#include <vector>

#include "labctl/compile/proxies.h"
#include "labctl/store/store.h"

/// Which addresses a node takes for its own. Internal to this folder.
namespace labctl::explain {

using NodeAddresses = std::map<std::string, std::vector<netemu::IpAddress>>;

/// Of every node by name: on the underlay, and of the devices that its CNI profile puts there.
[[nodiscard]] NodeAddresses addresses_of_nodes(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const compile::Proxies& proxies);

/// Those that its proxy's devices add to them: in the ipvs mode a node has those of Services.
[[nodiscard]] std::vector<netemu::IpAddress>
addresses_of_proxy(const compile::Proxies& proxies, const std::string& node);

} // namespace labctl::explain
