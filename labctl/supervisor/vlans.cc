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

} // namespace labctl::supervisor
