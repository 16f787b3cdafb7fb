#include "labctl/supervisor/vlans.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/topology.h"
#include "netemu/kernel/require.h"

namespace labctl::supervisor {

void require_vlans(const compile::ClusterConfig& config) {
    if (!config.topology) {
        return;
    }
    const auto& devices = config.topology->devices;
    if (std::any_of(
            devices.begin(), devices.end(), [](const auto& each) { return each.filters; })) {
        netemu::require_feature(
            "bridge vlan filtering",
            "spec.underlay: VLANs on a switch need a bridge that filters them");
    }
    const bool tags = std::any_of(devices.begin(), devices.end(), [](const auto& device) {
        return std::any_of(
            device.interfaces.begin(), device.interfaces.end(), [](const auto& interface) {
                return interface.vlan != 0;
            });
    });
    if (tags) {
        netemu::require_feature(
            "vlan", "spec.underlay: a trunk to a router or host needs VLAN devices");
    }
}

api::Json link_vlans(const netemu::NamespaceSpec& ns, const netemu::LinkSpec& link) {
    auto json = api::Json::object();
    for (const auto& vlan : link.vlans) {
        if (vlan.untagged) {
            json["vlan"] = vlan.id;
        } else {
            json["trunk"].push_back(vlan.id);
        }
    }
    for (const auto& other : ns.links) {
        const auto* network = std::get_if<netemu::VlanSpec>(&other.kind);
        if (network != nullptr && network->parent == link.name) {
            json["trunk"].push_back(network->id);
        }
    }
    return json;
}

} // namespace labctl::supervisor
