#include "labctl/check/world.h"

#include <algorithm>
#include <map>

#include "netemu/base/address.h"

namespace labctl::check {

namespace {

using api::Json;
using OwnerMap = std::map<api::ObjectKey, const api::Object*>;

bool is_workload(const std::string& kind) {
    return kind == "Deployment" || kind == "ReplicaSet" || kind == "StatefulSet" ||
           kind == "DaemonSet" || kind == "Job";
}

/// The controller among the owner references, or the first of them.
const Json* controller_of(const Json& body) {
    const auto& references = api::at(body, "metadata.ownerReferences");
    const Json* first = nullptr;
    for (const auto& reference : references) {
        if (api::bool_at(reference, "controller", false)) {
            return &reference;
        }
        first = first == nullptr ? &reference : first;
    }
    return first;
}

std::vector<std::pair<std::string, std::string>>
owners_of(const api::Object& pod, const OwnerMap& workloads) {
    constexpr std::size_t kChainMax = 8; // a cycle of owners must not hang us
    std::vector<std::pair<std::string, std::string>> chain;
    const auto ns = pod.ns();
    const Json* body = &pod.body;
    while (body != nullptr && chain.size() < kChainMax) {
        const auto* owner = controller_of(*body);
        if (owner == nullptr) {
            break;
        }
        chain.emplace_back(api::string_at(*owner, "kind"), api::string_at(*owner, "name"));
        const auto found = workloads.find({chain.back().first, ns, chain.back().second});
        body = found == workloads.end() ? nullptr : &found->second->body;
    }
    return chain;
}

std::vector<PortView> ports_of(const Json& list, const char* number_field) {
    std::vector<PortView> ports;
    for (const auto& port : list) {
        PortView view;
        view.name = api::string_at(port, "name");
        view.number = static_cast<std::uint16_t>(api::int_at(port, number_field, 0));
        view.protocol = api::string_at(port, "protocol", "TCP");
        ports.push_back(std::move(view));
    }
    return ports;
}

PodView pod_view(const api::Object& object, const OwnerMap& workloads) {
    PodView pod;
    pod.ns = object.ns();
    pod.name = object.name();
    pod.labels = object.labels();
    pod.node = api::string_at(object.body, "spec.nodeName");
    pod.phase = api::string_at(object.body, "status.phase", "Pending");
    pod.terminating = !api::at(object.body, "metadata.deletionTimestamp").is_null();
    pod.host_network = api::bool_at(object.body, "spec.hostNetwork", false);
    for (const auto& entry : api::at(object.body, "status.podIPs")) {
        pod.ips.push_back(api::string_at(entry, "ip"));
    }
    const auto ip = api::string_at(object.body, "status.podIP");
    if (pod.ips.empty() && !ip.empty()) {
        pod.ips.push_back(ip);
    }
    for (const char* field : {"spec.initContainers", "spec.containers"}) {
        for (const auto& container : api::at(object.body, field)) {
            const bool plain_init = std::string_view(field) == "spec.initContainers" &&
                                    api::string_at(container, "restartPolicy") != "Always";
            if (!plain_init) {
                std::ranges::move(
                    ports_of(api::at(container, "ports"), "containerPort"),
                    std::back_inserter(pod.ports));
            }
        }
    }
    pod.owners = owners_of(object, workloads);
    return pod;
}

NodeView node_view(const api::Object& object) {
    NodeView node;
    node.name = object.name();
    for (const auto& address : api::at(object.body, "status.addresses")) {
        if (api::string_at(address, "type") == "InternalIP") {
            node.ips.push_back(api::string_at(address, "address"));
        }
    }
    return node;
}

ServiceView service_view(const api::Object& object) {
    ServiceView service{object.ns(), object.name(), {}, {}};
    for (const auto& ip : api::at(object.body, "spec.clusterIPs")) {
        service.ips.push_back(ip.is_string() ? ip.get<std::string>() : std::string{});
    }
    const auto ip = api::string_at(object.body, "spec.clusterIP");
    if (service.ips.empty() && !ip.empty()) {
        service.ips.push_back(ip);
    }
    std::erase_if(service.ips, [](const auto& text) { return text.empty() || text == "None"; });
    service.ports = ports_of(api::at(object.body, "spec.ports"), "port");
    return service;
}

} // namespace

bool PodView::alive() const {
    return !terminating && phase != "Succeeded" && phase != "Failed";
}

World World::from_objects(std::span<const api::ObjectPtr> objects) {
    World world;
    OwnerMap workloads;
    for (const auto& object : objects) {
        if (is_workload(object->kind())) {
            workloads[object->key()] = object.get();
            world.workloads.push_back({object->kind(), object->ns(), object->name()});
        }
    }
    for (const auto& object : objects) {
        const auto kind = object->kind();
        if (kind == "Pod") {
            world.pods.push_back(pod_view(*object, workloads));
        } else if (kind == "Node") {
            world.nodes.push_back(node_view(*object));
        } else if (kind == "Service") {
            world.services.push_back(service_view(*object));
        }
    }
    std::ranges::sort(world.pods, [](const PodView& a, const PodView& b) {
        return std::tie(a.ns, a.name) < std::tie(b.ns, b.name);
    });
    std::ranges::sort(world.nodes, {}, &NodeView::name);
    return world;
}

} // namespace labctl::check
