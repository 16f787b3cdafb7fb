#include "labctl/explain/endpoints.h"

#include <algorithm>

#include "labctl/compile/service_index.h"

namespace labctl::explain {

namespace {

using api::Json;

bool says_ready(const Json& pod) {
    const auto& conditions = api::at(pod, "status.conditions");
    return conditions.is_array() &&
           std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
               return condition.value("type", "") == "Ready" &&
                      condition.value("status", "") == "True";
           });
}

bool has_port_named(const Json& pod, const std::string& name) {
    const auto& containers = api::at(pod, "spec.containers");
    return containers.is_array() &&
           std::any_of(containers.begin(), containers.end(), [&](const Json& container) {
               const auto& ports = api::at(container, "ports");
               return ports.is_array() &&
                      std::any_of(ports.begin(), ports.end(), [&](const Json& port) {
                          return port.value("name", "") == name;
                      });
           });
}

/// The targetPort of a Service's port, if it is a name.
std::string target_name(const Json& service, const std::string& port) {
    const auto& ports = api::at(service, "spec.ports");
    if (!ports.is_array()) {
        return {};
    }
    for (const auto& entry : ports) {
        const auto& target = api::at(entry, "targetPort");
        if (entry.value("name", "") == port && target.is_string()) {
            return target.get<std::string>();
        }
    }
    return {};
}

} // namespace

std::string why_no_endpoint(const store::Store& store, const services::ServicePortName& port) {
    const auto service = store.get({"Service", port.name_space, port.name});
    const auto selector = service == nullptr ? std::nullopt : compile::selector_of(service->body);
    if (!selector) {
        return {};
    }
    const auto wanted = api::Selector::from_labels(*selector);
    const auto pods = store.list("Pod", port.name_space, wanted);
    if (pods.empty()) {
        return "no pod of " + port.name_space + " has the labels " + wanted.to_string();
    }
    const auto ready = std::count_if(
        pods.begin(), pods.end(), [](const auto& pod) { return says_ready(pod->body); });
    if (ready == 0) {
        return pods.size() == 1 ? "pod " + pods.front()->name() + " is not ready"
                                : "none of the " + std::to_string(pods.size()) + " pods is ready";
    }
    const auto name = target_name(service->body, port.port);
    const bool named = name.empty() || std::any_of(pods.begin(), pods.end(), [&](const auto& pod) {
                           return has_port_named(pod->body, name);
                       });
    return named ? "" : "no container of its pods has a port called '" + name + "'";
}

} // namespace labctl::explain
