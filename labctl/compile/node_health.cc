#include "labctl/compile/node_health.h"

namespace labctl::compile {

void remove_unreachable_taint(api::Json& spec) {
    const auto taints = spec.find("taints");
    if (taints == spec.end() || !taints->is_array()) {
        return;
    }
    api::Json kept = api::Json::array();
    for (auto& taint : *taints) {
        if (api::string_at(taint, "key") != kUnreachableTaint) {
            kept.push_back(std::move(taint));
        }
    }
    if (kept.empty()) {
        spec.erase(taints);
    } else {
        *taints = std::move(kept);
    }
}

api::Object with_node_ready(const api::Object& node, bool ready, const std::string& now) {
    auto result = node;
    auto& spec = result.body["spec"];
    remove_unreachable_taint(spec);
    if (!ready) {
        // Without the eviction after five minutes: a lab's fault is there to be looked at.
        spec["taints"].push_back({{"key", kUnreachableTaint}, {"effect", "NoSchedule"}});
    }
    for (auto& condition : result.body["status"]["conditions"]) {
        if (api::string_at(condition, "type") == "Ready") {
            condition["status"] = ready ? "True" : "Unknown";
            condition["reason"] = ready ? "KubeletReady" : "NodeStatusUnknown";
            condition["message"] =
                ready ? "kubelet is posting ready status" : "Kubelet stopped posting node status.";
            condition["lastTransitionTime"] = now;
        }
    }
    return result;
}

} // namespace labctl::compile
