#include "labctl/compile/underlay_names.h"

#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/topology.h"

namespace labctl::compile {

std::vector<std::pair<netemu::IpAddress, std::string>> underlay_names(const ClusterConfig& config) {
    std::vector<std::pair<netemu::IpAddress, std::string>> names;
    if (!config.topology) {
        for (const auto& prefix : external_addresses(config)) {
            names.emplace_back(prefix.address, kExternalNamespace);
        }
        return names;
    }
    for (const auto& device : config.topology->devices) {
        for (const auto& interface : device.interfaces) {
            const bool internal = device.kind == DeviceKind::Node && interface.name == kEth0;
            for (const auto& prefix : interface.addresses) {
                if (!internal) {
                    names.emplace_back(prefix.address, device.ns);
                }
            }
        }
    }
    return names;
}

std::string underlay_hosts(const ClusterConfig& config) {
    std::string lines;
    if (!config.topology) {
        return lines;
    }
    for (const auto& device : config.topology->devices) {
        for (const auto& interface : device.interfaces) {
            for (const auto& prefix : interface.addresses) {
                lines += prefix.address.to_string() + "\t" + device.name + "\n";
            }
        }
    }
    return lines;
}

std::vector<netemu::IpAddress>
underlay_addresses(const ClusterConfig& config, const std::string& name) {
    std::vector<netemu::IpAddress> addresses;
    if (!config.topology) {
        return addresses;
    }
    for (const auto& device : config.topology->devices) {
        if (device.name != name && device.ns != name) {
            continue;
        }
        for (const auto& interface : device.interfaces) {
            for (const auto& prefix : interface.addresses) {
                addresses.push_back(prefix.address);
            }
        }
    }
    return addresses;
}

} // namespace labctl::compile
