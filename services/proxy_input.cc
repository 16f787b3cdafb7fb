#include "services/proxy_input.h"

#include <algorithm>

#include "services/topology.h"

namespace services {
namespace {

std::vector<IpAddress> of_family(const std::vector<IpAddress>& addresses, Family family) {
    std::vector<IpAddress> kept;
    for (const auto& address : addresses) {
        // A repeated address would make the same rule twice.
        if (address.family() == family &&
            std::find(kept.begin(), kept.end(), address) == kept.end()) {
            kept.push_back(address);
        }
    }
    return kept;
}

std::vector<IpAddress> captured_vips(const Service& service, Family family) {
    std::vector<IpAddress> vips;
    for (const auto& entry : service.load_balancer) {
        if (entry.mode == IpMode::Vip) {
            vips.push_back(entry.address);
        }
    }
    return of_family(vips, family);
}

std::vector<IpPrefix> allowed_sources(const Service& service, Family family) {
    std::vector<IpPrefix> ranges;
    for (const auto& range : service.source_ranges) {
        if (range.address.family() != family) {
            continue;
        }
        if (range.length == 0) {
            return {};
        }
        ranges.push_back(range.network());
    }
    std::sort(ranges.begin(), ranges.end());
    std::vector<IpPrefix> disjoint; // a set of intervals refuses overlapping ones
    for (const auto& range : ranges) {
        if (disjoint.empty() || !disjoint.back().contains(range.address)) {
            disjoint.push_back(range);
        }
    }
    return disjoint;
}

/// One address of a Service may be named several times; it leads to one chain.
void drop_repeated(ServicePortInput& input) {
    const auto is_cluster_ip = [&](const IpAddress& a) { return a == input.cluster_ip; };
    std::erase_if(input.vips, is_cluster_ip);
    std::erase_if(input.external_ips, [&](const IpAddress& a) {
        return is_cluster_ip(a) ||
               std::find(input.vips.begin(), input.vips.end(), a) != input.vips.end();
    });
}

} // namespace

std::string ProxyEndpoint::to_string() const {
    return netemu::Endpoint{endpoint.address, port}.to_string();
}

const IpAddress* ProxyNode::primary(Family family) const {
    for (const auto& address : addresses) {
        if (address.family() == family) {
            return &address;
        }
    }
    return nullptr;
}

const IpPrefix* ProxyConfig::cluster_cidr(Family family) const {
    for (const auto& cidr : cluster_cidrs) {
        if (cidr.address.family() == family) {
            return &cidr;
        }
    }
    return nullptr;
}

std::vector<ServicePortInputPtr> service_port_inputs(
    const Service& service, std::span<const EndpointSlice* const> slices, Family family) {
    const auto cluster_ips = of_family(service.cluster_ips, family);
    if (service.skipped_by_proxy() || cluster_ips.empty()) {
        return {};
    }
    std::vector<ServicePortInputPtr> inputs;
    for (const auto& port : service.ports) {
        ServicePortInput input;
        input.name = {service.name_space, service.name, port.name, port.protocol};
        input.family = family;
        input.port = port.port;
        input.node_port = port.node_port;
        input.health_check_node_port = service.health_check_node_port;
        input.cluster_ip = cluster_ips.front();
        input.external_ips = of_family(service.external_ips, family);
        input.vips = captured_vips(service, family);
        drop_repeated(input);
        input.source_ranges = allowed_sources(service, family);
        input.external_policy = service.external_policy;
        input.internal_policy = service.internal_policy;
        input.affinity_seconds = service.client_ip_affinity ? service.affinity_timeout_seconds : 0;
        input.owns_cluster_ip = inputs.empty();
        input.endpoints = merge_endpoints(slices, port, family);
        inputs.push_back(std::make_shared<const ServicePortInput>(std::move(input)));
    }
    return inputs;
}

} // namespace services
