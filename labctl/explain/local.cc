#include "labctl/explain/local.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"

namespace labctl::explain {

using netemu::IpAddress;

NodeAddresses addresses_of_nodes(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const compile::Proxies& proxies) {
    NodeAddresses all;
    for (const auto& node : proxies.nodes()) {
        all[node.name] = node.addresses;
    }
    const auto& profile = compile::cni_profile(config);
    for (const auto& node : compile::view_nodes(store, config)) {
        auto& known = all[node.name];
        for (const auto& address : compile::node_addresses(node, profile)) {
            if (std::find(known.begin(), known.end(), address) == known.end()) {
                known.push_back(address);
            }
        }
    }
    return all;
}

std::vector<IpAddress>
addresses_of_proxy(const compile::Proxies& proxies, const std::string& node) {
    netemu::DesiredState devices;
    for (const auto& each : proxies.nodes()) {
        (void)devices.namespaces[compile::node_namespace(each.name)];
    }
    proxies.add_devices(devices);
    std::vector<IpAddress> addresses;
    const auto found = devices.namespaces.find(compile::node_namespace(node));
    if (found == devices.namespaces.end()) {
        return addresses;
    }
    for (const auto& link : found->second.links) {
        for (const auto& prefix : link.addresses) {
            addresses.push_back(prefix.address);
        }
    }
    return addresses;
}

} // namespace labctl::explain
