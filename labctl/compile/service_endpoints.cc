#include "labctl/compile/service_endpoints.h"

#include <algorithm>

#include "labctl/api/containers.h"

namespace labctl::compile {

namespace {

using api::Json;

services::Protocol protocol_at(const Json& port) {
    return services::parse_protocol(api::string_at(port, "protocol"))
        .value_or(services::Protocol::Tcp);
}

std::uint16_t port_number(const Json& json, std::string_view field) {
    const auto number = api::int_at(json, field, 0);
    return number > 0 && number <= 0xFFFF ? static_cast<std::uint16_t>(number) : 0;
}

std::string zone_of_node(const ClusterState& state, const PodInfo& pod) {
    if (!pod.node) {
        return {};
    }
    const auto& labels = state.nodes().at(*pod.node).labels;
    const auto zone = labels.find("topology.kubernetes.io/zone");
    return zone == labels.end() ? std::string{} : zone->second;
}

void add_ports(std::vector<services::ContainerPort>& ports, const Json& container) {
    for (const auto& port : api::at(container, "ports")) {
        ports.push_back(
            {api::string_at(port, "name"), protocol_at(port), port_number(port, "containerPort")});
    }
}

} // namespace

std::vector<services::ServiceTarget> service_targets(const Json& service) {
    std::vector<services::ServiceTarget> targets;
    for (const auto& port : api::at(service, "spec.ports")) {
        services::ServiceTarget target;
        target.name = api::string_at(port, "name");
        target.protocol = protocol_at(port);
        target.port = port_number(port, "port");
        target.target = port_number(port, "targetPort");
        target.target_name = api::string_at(port, "targetPort");
        target.app_protocol = api::string_at(port, "appProtocol");
        targets.push_back(std::move(target));
    }
    return targets;
}

std::vector<services::ContainerPort> container_ports(const Json& pod) {
    std::vector<services::ContainerPort> ports;
    for (const Json& container : api::running_containers(pod)) {
        add_ports(ports, container);
    }
    return ports;
}

std::vector<ServicePod>
service_pods(const ClusterState& state, const api::Object& service, netemu::Family family) {
    std::vector<ServicePod> result;
    const auto selector = selector_of(service.body);
    if (!selector) {
        return result;
    }
    const auto name = service.name();
    const auto ns = service.ns();
    const auto targets = service_targets(service.body);
    const bool named = std::any_of(targets.begin(), targets.end(), [](const auto& target) {
        return !target.target_name.empty();
    });
    const bool publish = api::bool_at(service.body, "spec.publishNotReadyAddresses", false);
    const auto fixed = services::slice_ports(targets, {});
    for (const auto* pod : state.services().pods_with(ns, *selector)) {
        const auto ip = std::find_if(pod->ips.begin(), pod->ips.end(), [&](const auto& address) {
            return address.family() == family;
        });
        if (ip == pod->ips.end() || pod->ended() || !pod->node) {
            continue;
        }
        const auto& body = pod->object->body;
        const services::PodState facts{
            pod->ready,
            pod->terminating,
            api::string_at(body, "spec.hostname"),
            api::string_at(body, "spec.subdomain")};
        ServicePod found;
        found.pod = pod;
        auto& endpoint = found.endpoint.endpoint;
        endpoint.address = *ip;
        services::set_conditions(endpoint, facts, publish);
        endpoint.node = pod->node_name;
        endpoint.zone = zone_of_node(state, *pod);
        endpoint.hostname = services::endpoint_hostname(facts, name);
        endpoint.pod_namespace = ns;
        endpoint.pod_name = pod->name;
        found.endpoint.pod_uid = pod->object->uid();
        found.ports = named ? services::slice_ports(targets, container_ports(body)) : fixed;
        result.push_back(std::move(found));
    }
    return result;
}

std::vector<netemu::Family> service_families(const Json& service) {
    std::vector<netemu::Family> families;
    for (const auto& family : api::at(service, "spec.ipFamilies")) {
        families.push_back(family == "IPv6" ? netemu::Family::V6 : netemu::Family::V4);
    }
    return families.empty() ? std::vector{netemu::Family::V4} : families;
}

} // namespace labctl::compile
