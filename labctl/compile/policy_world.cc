#include "labctl/compile/policy_world.h"

#include <algorithm>
#include <charconv>

#include "labctl/compile/policy_values.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

/// "deployment/web" for a pod of a ReplicaSet of the Deployment web.
std::string workload_of_pod(const store::Store& store, const api::Object& pod) {
    std::string kind = "Pod";
    std::string name = pod.name();
    const api::Object* current = &pod;
    api::ObjectPtr owner;
    for (int level = 0; level < 3 && current != nullptr; ++level) { // Pod, ReplicaSet, Deployment
        const auto& owners = api::at(current->body, "metadata.ownerReferences");
        if (!owners.is_array() || owners.empty()) {
            break;
        }
        kind = api::string_at(owners.front(), "kind");
        name = api::string_at(owners.front(), "name");
        owner = store.get({kind, pod.ns(), name});
        current = owner.get();
    }
    return pod.ns() + "/" + netemu::to_lower(kind) + "/" + name;
}

} // namespace

std::string FlowPort::to_string() const {
    return std::to_string(port) + "/" + std::string(services::to_text(protocol));
}

FlowPort parse_flow_port(const std::string& text, services::Protocol otherwise) {
    FlowPort made{otherwise, 0};
    const auto slash = std::min(text.find('/'), text.size());
    const auto result = std::from_chars(text.data(), text.data() + slash, made.port);
    bool valid = slash > 0 && result.ec == std::errc{} && result.ptr == text.data() + slash &&
                 made.port != 0;
    if (slash < text.size()) {
        auto name = text.substr(slash + 1);
        std::transform(name.begin(), name.end(), name.begin(), [](char c) {
            return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        });
        const auto protocol = services::parse_protocol(name);
        valid = valid && protocol.has_value() && !name.empty();
        made.protocol = protocol.value_or(otherwise);
    }
    if (!valid) {
        throw netemu::UsageError("no port '" + text + "'", "write 80, 80/TCP, 53/UDP or 7/SCTP");
    }
    return made;
}

std::vector<FlowPort> PolicyWorld::flow_ports(const services::PolicyPod& pod) const {
    std::vector<FlowPort> made;
    const auto found = ports.find({pod.ns, pod.name});
    if (found != ports.end()) {
        for (const auto& port : found->second) {
            made.push_back({port.protocol, port.number});
        }
    }
    std::sort(made.begin(), made.end());
    made.erase(std::unique(made.begin(), made.end()), made.end());
    return made;
}

PolicyWorld policy_world(const store::Store& store) {
    PolicyWorld world;
    world.cluster = policy_cluster(store);
    for (const auto& [key, pod] : world.cluster.pods) {
        const auto object = store.get({"Pod", pod.ns, pod.name});
        world.workloads[key] = workload_of_pod(store, *object);
        world.ports[key] = declared_ports(*object);
    }
    return world;
}

} // namespace labctl::compile
