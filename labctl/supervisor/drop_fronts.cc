#include "labctl/supervisor/drop_fronts.h"

#include <utility>

#include "labctl/compile/host_ports.h"
#include "labctl/compile/proxies.h"

namespace labctl::supervisor {

using netemu::Endpoint;
using netemu::IpAddress;

namespace {

Endpoint any_address(netemu::Family family, std::uint16_t port) {
    const std::uint8_t zeros[16] = {};
    return {IpAddress::from_bytes(family, zeros), port};
}

std::vector<IpAddress> addresses_of(const api::Object& pod) {
    std::vector<IpAddress> addresses;
    for (const auto& entry : api::at(pod.body, "status.podIPs")) {
        if (const auto address = IpAddress::parse(api::string_at(entry, "ip"))) {
            addresses.push_back(*address);
        }
    }
    return addresses;
}

std::vector<Endpoint> fronts_of(const services::ServicePortInput& port) {
    std::vector<Endpoint> fronts{{port.cluster_ip, port.port}};
    for (const auto* addresses : {&port.external_ips, &port.vips}) {
        for (const auto& address : *addresses) {
            fronts.push_back({address, port.port});
        }
    }
    if (port.node_port != 0) {
        fronts.push_back(any_address(port.family, port.node_port));
    }
    return fronts;
}

} // namespace

DropFronts::DropFronts(store::Store& store)
    : store_(store), watch_(store.watch([this](const store::Event& event) {
          stale_ = stale_ || event.object->kind() == "Pod";
      })) {
}

DropFronts::~DropFronts() {
    store_.unwatch(watch_);
}

const std::vector<Endpoint>&
DropFronts::of(std::uint8_t protocol, const Endpoint& endpoint, const compile::Proxies& proxies) {
    static const std::vector<Endpoint> kNone;
    if (std::exchange(stale_, false)) {
        fronts_.clear();
        learn_services(proxies);
        learn_host_ports();
    }
    const auto found = fronts_.find({protocol, endpoint});
    return found == fronts_.end() ? kNone : found->second;
}

void DropFronts::learn_services(const compile::Proxies& proxies) {
    for (const auto& key : store_.keys("Service")) {
        for (const auto& port : proxies.ports_of(key.ns, key.name)) {
            const auto fronts = fronts_of(*port);
            const auto protocol = services::protocol_number(port->name.protocol);
            for (const auto& endpoint : port->endpoints) {
                auto& all = fronts_[{protocol, {endpoint.endpoint.address, endpoint.port}}];
                all.insert(all.end(), fronts.begin(), fronts.end());
            }
        }
    }
}

void DropFronts::learn_host_ports() {
    for (const auto& pod : store_.list("Pod")) {
        for (const auto& mapping : compile::host_port_mappings(pod->body)) {
            for (const auto& address : addresses_of(*pod)) {
                fronts_[{mapping.protocol, {address, mapping.container_port}}].push_back(
                    any_address(address.family(), mapping.host_port));
            }
        }
    }
}

} // namespace labctl::supervisor
