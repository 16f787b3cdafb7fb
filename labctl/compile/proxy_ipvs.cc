#include "labctl/compile/proxy_ipvs.h"

#include <algorithm>
#include <iterator>

#include "labctl/compile/network.h"
#include "services/ipvs_rules.h"

namespace labctl::compile {

namespace {

using netemu::NamespaceSpec;
using netemu::RealServer;
using netemu::VirtualServer;

bool drains(const VirtualServer& server) {
    return server.key.protocol == services::protocol_number(services::Protocol::Tcp);
}

bool is_draining(const RealServer& real) {
    return real.weight == 0; // endpoints have all the same weight, and it is not this one
}

const VirtualServer*
find_virtual(const std::vector<VirtualServer>& list, const netemu::VirtualServerKey& key) {
    const auto found = std::find_if(
        list.begin(), list.end(), [&](const VirtualServer& each) { return each.key == key; });
    return found == list.end() ? nullptr : &*found;
}

bool serves(const VirtualServer& server, const netemu::Endpoint& address) {
    return std::any_of(server.servers.begin(), server.servers.end(), [&](const auto& each) {
        return each.address == address;
    });
}

/// What served before and is not wanted any more stays, without new connections.
void keep_draining(const NamespaceSpec& before, NamespaceSpec& after) {
    for (auto& server : after.virtual_servers) {
        const auto* old =
            drains(server) ? find_virtual(before.virtual_servers, server.key) : nullptr;
        if (old == nullptr) {
            continue;
        }
        for (const auto& real : old->servers) {
            if (!serves(server, real.address)) {
                server.servers.push_back({real.address, 0});
            }
        }
        std::sort(server.servers.begin(), server.servers.end());
    }
}

/// Whether the kernel has connections to it, or nobody knows.
bool is_busy(
    const std::vector<netemu::VirtualServerInfo>& there,
    const VirtualServer& server,
    const RealServer& real) {
    for (const auto& info : there) {
        for (const auto& each : info.servers) {
            if (info.server.key == server.key && each.server.address == real.address) {
                return each.active + each.inactive != 0;
            }
        }
    }
    return false;
}

} // namespace

IpvsBackend::IpvsBackend(
    netemu::Family family,
    const services::ProxyConfig& config,
    std::string scheduler,
    const std::vector<services::ProxyNode>& nodes)
    : ProxyBackend(family), config_(config), scheduler_(std::move(scheduler)), nodes_(nodes) {
    for (const auto& node : nodes_) {
        parts_[node.name] = part_of(node, {});
    }
}

NamespaceSpec IpvsBackend::part_of(const services::ProxyNode& node, const Ports& ports) const {
    const auto state = services::ipvs_state(ports, node, scheduler_);
    NamespaceSpec part;
    part.role = netemu::NamespaceRole::Node;
    netemu::LinkSpec device;
    device.name = kIpvsDevice;
    device.index = kIpvsDeviceIndex;
    device.kind = netemu::DummySpec{};
    device.mac = netemu::MacAddress::for_ip(config_.service_cidrs.front().network().address);
    device.up = false;
    for (const auto& address : state.addresses) {
        device.addresses.push_back(netemu::IpPrefix::host(address));
    }
    part.links.push_back(std::move(device));
    part.virtual_servers = services::ipvs_servers(state);
    part.tables.push_back(services::ipvs_table(state, family(), config_));
    return part;
}

void IpvsBackend::renew(Parts next, ProxyWork& work) {
    netemu::DesiredState before;
    netemu::DesiredState after;
    for (const auto& [node, part] : next) {
        if (const auto known = parts_.find(node); known != parts_.end()) {
            before.namespaces[node_namespace(node)] = known->second;
            after.namespaces[node_namespace(node)] = part;
        }
    }
    auto plan = netemu::make_plan(after, netemu::expected_observation(before));
    std::move(plan.operations.begin(), plan.operations.end(), std::back_inserter(work.operations));
    parts_ = std::move(next);
}

void IpvsBackend::update(std::vector<services::ServicePortUpdate> /*updates*/, ProxyWork& work) {
    rebuild(work);
}

void IpvsBackend::rebuild(ProxyWork& work) {
    Ports ports;
    for (auto& port : services_.all()) {
        ports.push_back(std::move(port.now));
    }
    Parts next;
    for (const auto& node : nodes_) {
        auto part = part_of(node, ports);
        if (const auto known = parts_.find(node.name); known != parts_.end()) {
            keep_draining(known->second, part);
        }
        next.emplace(node.name, std::move(part));
    }
    renew(std::move(next), work);
}

bool IpvsBackend::has_stale() const {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) {
        const auto& servers = part.second.virtual_servers;
        return std::any_of(servers.begin(), servers.end(), [](const VirtualServer& server) {
            return std::any_of(server.servers.begin(), server.servers.end(), is_draining);
        });
    });
}

void IpvsBackend::sweep(ProxyWork& work, const ServerReader& servers) {
    if (!servers || !has_stale()) {
        return;
    }
    auto next = parts_;
    for (auto& [node, part] : next) {
        const auto there = servers(node_namespace(node));
        for (auto& server : part.virtual_servers) {
            std::erase_if(server.servers, [&](const RealServer& real) {
                return is_draining(real) && !is_busy(there, server, real);
            });
        }
    }
    renew(std::move(next), work);
}

void IpvsBackend::add_devices(std::size_t node, NamespaceSpec& spec) const {
    const auto& part = parts_.at(nodes_.at(node).name);
    const auto& device = part.links.front();
    const auto there = std::find_if(spec.links.begin(), spec.links.end(), [&](const auto& link) {
        return link.name == device.name;
    });
    if (there == spec.links.end()) {
        spec.links.push_back(device);
    } else { // the other family's addresses are on it
        there->addresses.insert(
            there->addresses.end(), device.addresses.begin(), device.addresses.end());
    }
    spec.virtual_servers.insert(
        spec.virtual_servers.end(), part.virtual_servers.begin(), part.virtual_servers.end());
}

} // namespace labctl::compile
