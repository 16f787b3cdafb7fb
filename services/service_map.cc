#include "services/service_map.h"

#include <algorithm>
#include <utility>

namespace services {

std::vector<std::pair<ServiceMap::ClaimKey, bool>>
ServiceMap::claims(const ServicePortInput& input) {
    const auto protocol = input.name.protocol;
    std::vector<std::pair<ClaimKey, bool>> found;
    found.push_back({{input.cluster_ip, false, protocol, input.port}, true});
    for (const auto* addresses : {&input.external_ips, &input.vips}) {
        for (const auto& address : *addresses) {
            found.push_back({{address, false, protocol, input.port}, false});
        }
    }
    if (input.node_port != 0) {
        found.push_back({{IpAddress{}, true, protocol, input.node_port}, false});
    }
    return found;
}

void ServiceMap::set_claims(
    const ServicePortInput& input, bool present, std::set<ServicePortName>& touched) {
    for (const auto& [key, cluster_ip] : claims(input)) {
        auto& all = claims_[key];
        const Claim claim{!cluster_ip, input.name};
        if (present) {
            all.insert(claim);
        } else {
            all.erase(claim);
        }
        for (const auto& [other, name] : all) {
            touched.insert(name);
        }
        if (all.empty()) {
            claims_.erase(key);
        }
    }
}

bool ServiceMap::owns(const ServicePortName& name, const ClaimKey& key, bool cluster_ip) const {
    const auto found = claims_.find(key);
    return found != claims_.end() && *found->second.begin() == Claim{!cluster_ip, name};
}

ServicePortInputPtr ServiceMap::grant(const ServicePortInputPtr& wanted) const {
    const auto mine = claims(*wanted);
    const auto granted = [&](const auto& claim) {
        return owns(wanted->name, claim.first, claim.second);
    };
    if (std::all_of(mine.begin(), mine.end(), granted)) {
        return wanted;
    }
    auto reduced = *wanted;
    const auto lost = [&](const IpAddress& address) {
        const ClaimKey key{address, false, wanted->name.protocol, wanted->port};
        return !owns(wanted->name, key, false);
    };
    std::erase_if(reduced.external_ips, lost);
    std::erase_if(reduced.vips, lost);
    const ClaimKey node_port{IpAddress{}, true, wanted->name.protocol, wanted->node_port};
    if (!owns(wanted->name, node_port, false)) {
        reduced.node_port = 0;
    }
    return std::make_shared<const ServicePortInput>(std::move(reduced));
}

void ServiceMap::settle(const ServicePortName& name, std::vector<ServicePortUpdate>& updates) {
    const auto found = ports_.find(name);
    if (found == ports_.end()) {
        return;
    }
    auto& port = found->second;
    auto granted = grant(port.wanted);
    if (port.granted == nullptr || (granted != port.granted && *granted != *port.granted)) {
        auto before = std::exchange(port.granted, std::move(granted));
        updates.push_back({name, port.granted, std::move(before)});
    }
}

std::vector<ServicePortUpdate> ServiceMap::replace(
    const std::string& name_space,
    const std::string& name,
    std::vector<ServicePortInputPtr> inputs) {
    std::vector<ServicePortUpdate> updates;
    std::set<ServicePortName> touched;
    const auto is_kept = [&](const ServicePortName& port) {
        return std::any_of(
            inputs.begin(), inputs.end(), [&](const auto& input) { return input->name == port; });
    };
    auto port = ports_.lower_bound({name_space, name, "", Protocol::Tcp});
    while (port != ports_.end() && port->first.name_space == name_space &&
           port->first.name == name) {
        set_claims(*port->second.wanted, false, touched);
        if (is_kept(port->first)) {
            ++port;
        } else {
            updates.push_back({port->first, nullptr});
            port = ports_.erase(port);
        }
    }
    for (auto& input : inputs) {
        set_claims(*input, true, touched);
        touched.insert(input->name);
        auto& entry = ports_[input->name];
        entry.wanted = std::move(input);
    }
    for (const auto& one : touched) {
        settle(one, updates);
    }
    return updates;
}

std::vector<ServicePortUpdate>
ServiceMap::update(const Service& service, std::span<const EndpointSlice* const> slices) {
    return replace(service.name_space, service.name, service_port_inputs(service, slices, family_));
}

std::vector<ServicePortUpdate>
ServiceMap::remove(const std::string& name_space, const std::string& name) {
    return replace(name_space, name, {});
}

std::vector<ServicePortUpdate> ServiceMap::all() const {
    std::vector<ServicePortUpdate> updates;
    updates.reserve(ports_.size());
    for (const auto& [name, port] : ports_) {
        updates.push_back({name, port.granted});
    }
    return updates;
}

ServicePortInputPtr ServiceMap::find(const ServicePortName& name) const {
    const auto found = ports_.find(name);
    return found == ports_.end() ? nullptr : found->second.granted;
}

} // namespace services
