#include "labctl/compile/bootstrap.h"

#include <sys/utsname.h>

#include "labctl/compile/control.h"
#include "labctl/compile/node_health.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kKubeletVersion = "v1.31.0"; // the Kubernetes whose behaviour is emulated

std::string architecture(const utsname& host) {
    const std::string machine = host.machine;
    return machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
}

Json node_info() {
    utsname host{};
    ::uname(&host);
    return {
        {"architecture", architecture(host)},
        {"operatingSystem", "linux"},
        {"kernelVersion", host.release},
        {"osImage", "labctl emulated node"},
        {"containerRuntimeVersion", "labctl://0.1.0"},
        {"kubeletVersion", kKubeletVersion},
        {"kubeProxyVersion", ""},
        {"machineID", ""},
        {"systemUUID", ""},
        {"bootID", ""}};
}

Json addresses(const NodePlan& plan) {
    Json result = Json::array();
    for (const auto& address : plan.underlay) {
        result.push_back({{"type", "InternalIP"}, {"address", address.address.to_string()}});
    }
    result.push_back({{"type", "Hostname"}, {"address", plan.name}});
    return result;
}

Json conditions(const Json& before, const std::string& now) {
    Json result = Json::array();
    const auto add = [&](const char* type, bool value, const char* reason, const char* message) {
        result.push_back(make_condition(before, {type, value, reason, message}, now));
        result.back()["lastHeartbeatTime"] = result.back()["lastTransitionTime"];
    };
    add("MemoryPressure",
        false,
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available");
    add("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure");
    add("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available");
    add("Ready", true, "KubeletReady", "kubelet is posting ready status");
    return result;
}

Json capacity(const NodePlan& plan) {
    std::uint64_t pods = 110;
    if (!plan.pod_cidrs.empty()) {
        pods = std::min<std::uint64_t>(AddressPool(plan.pod_cidrs.front()).capacity(), 10000);
    }
    return {{"cpu", "8"}, {"memory", "16Gi"}, {"pods", std::to_string(pods)}};
}

} // namespace

api::Object make_node(
    const NodeConfig& node,
    const NodePlan& plan,
    const api::ObjectPtr& before,
    const std::string& now) {
    utsname host{};
    ::uname(&host);
    api::Object object;
    if (before) {
        object = *before;
    }
    auto& body = object.body;
    body["apiVersion"] = "v1";
    body["kind"] = "Node";
    body["metadata"]["name"] = node.name;
    auto& labels = body["metadata"]["labels"];
    labels["kubernetes.io/hostname"] = node.name;
    labels["kubernetes.io/os"] = "linux";
    labels["kubernetes.io/arch"] = architecture(host);
    if (!node.zone.empty()) {
        labels["topology.kubernetes.io/zone"] = node.zone;
    }
    for (const auto& [key, value] : node.labels) {
        labels[key] = value;
    }
    auto& spec = body["spec"];
    if (!before && !node.taints.empty()) {
        spec["taints"] = node.taints;
    }
    remove_unreachable_taint(spec); // of a fault that ended with the lab
    spec["podCIDRs"] = Json::array();
    for (const auto& cidr : plan.pod_cidrs) {
        spec["podCIDRs"].push_back(cidr.to_string());
    }
    spec["podCIDR"] = spec["podCIDRs"].front();
    body["status"] = {
        {"addresses", addresses(plan)},
        {"conditions", conditions(before ? api::at(before->body, "status") : Json(), now)},
        {"capacity", capacity(plan)},
        {"allocatable", capacity(plan)},
        {"nodeInfo", node_info()}};
    return object;
}

void default_namespace(Json& body) {
    body["metadata"]["labels"]["kubernetes.io/metadata.name"] = body["metadata"]["name"];
    if (!body.contains("spec")) {
        body["spec"] = {{"finalizers", Json::array({"kubernetes"})}};
    }
    body["status"] = {{"phase", "Active"}};
}

void ensure_namespace(store::Store& store, const std::string& name) {
    if (!store.get({"Namespace", {}, name})) {
        api::Object object;
        object.body = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
        default_namespace(object.body);
        store.put(std::move(object));
    }
    ensure_default_account(store, name);
}

void ensure_default_account(store::Store& store, const std::string& ns) {
    if (!store.get({"ServiceAccount", ns, "default"})) {
        store.put(
            {{{"apiVersion", "v1"},
              {"kind", "ServiceAccount"},
              {"metadata", {{"name", "default"}, {"namespace", ns}}}},
             {}});
    }
}

} // namespace labctl::compile
