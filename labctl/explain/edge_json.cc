#include "labctl/explain/edge_json.h"

#include <map>
#include <string>

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;

/// By every address that they have.
std::map<std::string, api::ObjectPtr> pods_by_address(const store::Store& store) {
    std::map<std::string, api::ObjectPtr> pods;
    for (const auto& pod : store.list("Pod")) {
        for (const auto& ip : api::at(pod->body, "status.podIPs")) {
            pods[string_at(ip, "ip")] = pod;
        }
    }
    return pods;
}

} // namespace

Json edge_source_json(const ExplainSource& source) {
    return {
        {"name", source.name},
        {"node", source.node},
        {"address", source.addresses.empty() ? "" : source.addresses.front().to_string()}};
}

Json edge_endpoints_json(const store::Store& store, const services::IngressBackend& backend) {
    auto endpoints = Json::array();
    const auto pods = pods_by_address(store);
    for (const auto& endpoint : backend.endpoints) {
        Json entry{
            {"address", endpoint.to_string()},
            {"probability", 1.0 / static_cast<double>(backend.endpoints.size())}};
        if (const auto pod = pods.find(endpoint.address.to_string()); pod != pods.end()) {
            entry["pod"] = pod->second->ns() + "/" + pod->second->name();
            entry["node"] = string_at(pod->second->body, "spec.nodeName");
        }
        endpoints.push_back(std::move(entry));
    }
    return endpoints;
}

Json edge_pod_json(const api::Object& pod) {
    return {
        {"pod", pod.ns() + "/" + pod.name()},
        {"node", string_at(pod.body, "spec.nodeName")},
        {"address", string_at(pod.body, "status.podIP")}};
}

} // namespace labctl::explain
