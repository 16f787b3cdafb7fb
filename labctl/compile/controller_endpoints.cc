#include <algorithm>

#include "labctl/compile/control.h"
#include "labctl/compile/service_controllers.h"
#include "labctl/compile/service_endpoints.h"
#include "labctl/compile/service_families.h"
#include "labctl/compile/service_slices.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr std::size_t kEndpointsMax = 1000; // maxCapacity of endpoints_controller.go
constexpr const char* kOverCapacity = "endpoints.kubernetes.io/over-capacity";
constexpr const char* kEndpointsManager = "endpoints.kubernetes.io/managed-by";
constexpr const char* kEndpointsTrigger = "endpoints.kubernetes.io/last-change-trigger-time";

Json address_json(const services::PlacedEndpoint& placed) {
    const auto& endpoint = placed.endpoint;
    Json address;
    if (!endpoint.hostname.empty()) {
        api::add_field(address, "hostname", endpoint.hostname);
    }
    api::add_field(address, "ip", endpoint.address.to_string());
    api::add_field(address, "nodeName", endpoint.node);
    api::add_field(address, "targetRef", pod_reference(placed));
    return address;
}

Json subset_ports(const std::vector<services::SlicePort>& ports) {
    Json list = Json::array();
    for (const auto& port : ports) {
        Json json;
        if (!port.app_protocol.empty()) {
            json["appProtocol"] = port.app_protocol;
        }
        if (!port.name.empty()) {
            json["name"] = port.name;
        }
        json["port"] = *port.port;
        json["protocol"] = services::to_text(port.protocol);
        list.push_back(std::move(json));
    }
    return list;
}

/// Ready ones first: they are what is left when there are too many.
std::vector<ServicePod> within_capacity(std::vector<ServicePod> pods) {
    std::stable_sort(pods.begin(), pods.end(), [](const ServicePod& left, const ServicePod& right) {
        return left.endpoint.endpoint.ready && !right.endpoint.endpoint.ready;
    });
    pods.resize(std::min(pods.size(), kEndpointsMax));
    std::sort(pods.begin(), pods.end(), [](const ServicePod& left, const ServicePod& right) {
        return left.endpoint.endpoint.address < right.endpoint.endpoint.address;
    });
    return pods;
}

Json subsets_json(const std::vector<ServicePod>& pods) {
    std::map<SliceFamily, Json> by_ports;
    for (const auto& pod : pods) {
        const auto& endpoint = pod.endpoint.endpoint;
        auto& subset = by_ports[{endpoint.address.family(), pod.ports}];
        subset[endpoint.ready ? "addresses" : "notReadyAddresses"].push_back(
            address_json(pod.endpoint));
    }
    Json subsets = Json::array();
    for (auto& [group, subset] : by_ports) {
        if (!group.ports.empty()) {
            subset["ports"] = subset_ports(group.ports);
        }
        subsets.push_back(std::move(subset));
    }
    return subsets;
}

/// A named port that a pod lacks leaves it out here, where slices keep it without ports.
void leave_out_portless(std::vector<ServicePod>& pods, const Json& service) {
    if (!api::at(service, "spec.ports").empty()) {
        std::erase_if(pods, [](const ServicePod& pod) { return pod.ports.empty(); });
    }
    const bool publish = api::bool_at(service, "spec.publishNotReadyAddresses", false);
    std::erase_if(
        pods, [&](const ServicePod& pod) { return pod.endpoint.endpoint.terminating && !publish; });
}

} // namespace

void sync_endpoints(Control& control, const ServiceKey& key, const api::ObjectPtr& service) {
    const api::ObjectKey own{"Endpoints", key.first, key.second};
    const auto before = control.store.get(own);
    if (!service || !selector_of(service->body)) {
        const bool ours = before && before->labels().contains(kEndpointsManager);
        const bool external =
            service && api::string_at(service->body, "spec.type") == "ExternalName";
        if (ours && (!service || external)) {
            control.store.remove(own);
        }
        return;
    }
    auto pods = service_pods(control.state, *service, service_families(service->body).front());
    leave_out_portless(pods, service->body);
    const bool truncated = pods.size() > kEndpointsMax;
    auto subsets = subsets_json(within_capacity(std::move(pods)));
    auto labels = service->labels();
    labels[kEndpointsManager] = "endpoint-controller";
    if (is_headless_service(service->body)) {
        labels["service.kubernetes.io/headless"] = "";
    }
    const auto annotations = before ? before->annotations() : api::Labels{};
    if (before && before->labels() == labels && annotations.contains(kOverCapacity) == truncated &&
        (subsets.empty() ? !before->body.contains("subsets")
                         : api::at(before->body, "subsets") == subsets)) {
        return;
    }
    api::Object object{{}, service->source};
    auto& body = object.body;
    body["apiVersion"] = "v1";
    body["kind"] = "Endpoints";
    auto& metadata = body["metadata"];
    metadata["name"] = key.second;
    metadata["namespace"] = key.first;
    metadata["annotations"][kEndpointsTrigger] = control.now;
    if (truncated) {
        metadata["annotations"][kOverCapacity] = "truncated";
    }
    for (const auto& [name, value] : labels) {
        metadata["labels"][name] = value;
    }
    if (!subsets.empty()) {
        body["subsets"] = std::move(subsets);
    }
    control.store.put(std::move(object));
}

} // namespace labctl::compile
