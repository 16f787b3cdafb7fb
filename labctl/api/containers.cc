#include "labctl/api/containers.h"

namespace labctl::api {

bool is_sidecar_container(const Json& container) {
    return string_at(container, "restartPolicy") == "Always";
}

std::vector<std::reference_wrapper<const Json>> running_containers(const Json& pod) {
    std::vector<std::reference_wrapper<const Json>> running;
    for (const auto& container : at(pod, "spec.containers")) {
        running.emplace_back(container);
    }
    for (const auto& container : at(pod, "spec.initContainers")) {
        if (is_sidecar_container(container)) {
            running.emplace_back(container);
        }
    }
    return running;
}

} // namespace labctl::api
