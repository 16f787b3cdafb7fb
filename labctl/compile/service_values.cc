#include "labctl/compile/service_values.h"

#include "labctl/compile/service_index.h"
#include "labctl/compile/service_slices.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::int_at;
using api::string_at;
using netemu::IpAddress;
using netemu::IpPrefix;

constexpr std::int64_t kPortNumberMax = 65535;

std::uint16_t port_at(const api::Json& json, std::string_view path) {
    const auto value = int_at(json, path, 0);
    return value > 0 && value <= kPortNumberMax ? static_cast<std::uint16_t>(value)
                                                : std::uint16_t{0};
}

std::vector<IpAddress> addresses_of(const api::Json& list) {
    std::vector<IpAddress> addresses;
    for (const auto& text : list) {
        if (const auto address = IpAddress::parse(text.get<std::string>())) {
            addresses.push_back(*address); // "None" is none
        }
    }
    return addresses;
}

std::vector<services::LoadBalancerAddress> load_balancer_of(const api::Json& service) {
    std::vector<services::LoadBalancerAddress> addresses;
    for (const auto& ingress : at(service, "status.loadBalancer.ingress")) {
        if (const auto address = IpAddress::parse(string_at(ingress, "ip"))) {
            const bool proxied = string_at(ingress, "ipMode") == "Proxy";
            addresses.push_back(
                {*address, proxied ? services::IpMode::Proxy : services::IpMode::Vip});
        }
    }
    return addresses;
}

std::vector<IpPrefix> source_ranges_of(const api::Json& spec) {
    std::vector<IpPrefix> ranges;
    for (const auto& text : at(spec, "loadBalancerSourceRanges")) {
        const auto trimmed = std::string(netemu::trim(text.get<std::string>()));
        if (const auto range = IpPrefix::parse(trimmed)) {
            ranges.push_back(range->network());
        }
    }
    return ranges;
}

services::TrafficPolicy policy_at(const api::Json& spec, std::string_view field) {
    return string_at(spec, field) == "Local" ? services::TrafficPolicy::Local
                                             : services::TrafficPolicy::Cluster;
}

services::ServicePort service_port(const api::Json& json) {
    services::ServicePort port;
    port.name = string_at(json, "name");
    port.protocol =
        services::parse_protocol(string_at(json, "protocol")).value_or(services::Protocol::Tcp);
    port.port = port_at(json, "port");
    port.node_port = port_at(json, "nodePort");
    port.app_protocol = string_at(json, "appProtocol");
    return port;
}

} // namespace

services::Service service_value(const api::Json& service) {
    const auto& spec = at(service, "spec");
    services::Service value;
    value.name_space = string_at(service, "metadata.namespace");
    value.name = string_at(service, "metadata.name");
    value.headless = string_at(spec, "clusterIP") == "None";
    value.external_name = string_at(spec, "type") == "ExternalName";
    value.cluster_ips = addresses_of(at(spec, "clusterIPs"));
    if (value.cluster_ips.empty()) {
        if (const auto address = IpAddress::parse(string_at(spec, "clusterIP"))) {
            value.cluster_ips.push_back(*address);
        }
    }
    value.external_ips = addresses_of(at(spec, "externalIPs"));
    value.load_balancer = load_balancer_of(service);
    value.source_ranges = source_ranges_of(spec);
    value.health_check_node_port = port_at(spec, "healthCheckNodePort");
    value.external_policy = policy_at(spec, "externalTrafficPolicy");
    value.internal_policy = policy_at(spec, "internalTrafficPolicy");
    value.client_ip_affinity = string_at(spec, "sessionAffinity") == "ClientIP";
    value.affinity_timeout_seconds = static_cast<std::uint32_t>(int_at(
        spec,
        "sessionAffinityConfig.clientIP.timeoutSeconds",
        services::kAffinityTimeoutSecondsDefault));
    for (const auto& port : at(spec, "ports")) {
        value.ports.push_back(service_port(port));
    }
    return value;
}

std::optional<services::EndpointSlice> slice_value(const api::Json& slice) {
    const auto type = string_at(slice, "addressType");
    if (type != "IPv4" && type != "IPv6") {
        return std::nullopt;
    }
    services::EndpointSlice value;
    value.name_space = string_at(slice, "metadata.namespace");
    value.name = string_at(slice, "metadata.name");
    const auto labels = api::labels_at(slice, "metadata.labels");
    if (const auto found = labels.find(kServiceNameLabel); found != labels.end()) {
        value.service = found->second;
    }
    value.family = type == "IPv4" ? netemu::Family::V4 : netemu::Family::V6;
    for (const auto& port : at(slice, "ports")) {
        value.ports.push_back(read_slice_port(port));
    }
    for (const auto& endpoint : at(slice, "endpoints")) {
        auto read = read_endpoint(endpoint).endpoint;
        if (read.address != IpAddress()) {
            value.endpoints.push_back(std::move(read));
        }
    }
    return value;
}

} // namespace labctl::compile
