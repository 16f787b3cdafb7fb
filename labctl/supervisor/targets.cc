#include "labctl/supervisor/targets.h"

#include <vector>

#include "labctl/compile/network.h"
#include "labctl/compile/pod_target.h"
#include "labctl/compile/topology.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

[[noreturn]] void
no_target(const store::Store& store, const std::string& what, const std::string& name, bool node) {
    std::vector<std::string> names;
    for (const auto& object : store.list(node ? "Node" : "Pod")) {
        names.push_back(node ? object->name() : object->ns() + "/" + object->name());
    }
    const auto near = netemu::nearest(name, names);
    throw netemu::UsageError(
        what,
        near ? "did you mean '" + (node ? "node/" + *near : *near) + "'?"
             : std::string(
                   node ? "`labctl get nodes` lists them"
                        : "`labctl get pods -A` lists them; nodes are node/NAME"));
}

void find_node(const store::Store& store, const std::string& name, Target& target) {
    target.kind = Target::Kind::Node;
    target.object = store.get({"Node", "", name});
    if (!target.object) {
        no_target(store, "there is no node '" + name + "'", name, true);
    }
    target.name = "node/" + name;
    target.ns = compile::node_namespace(name);
}

void find_pod(
    const store::Store& store,
    const std::string& text,
    const std::string& default_ns,
    Target& target) {
    target.object = compile::find_pod_target(store, text, default_ns);
    if (!target.object) {
        const auto slash = text.find('/');
        const auto full = slash == std::string::npos ? default_ns + "/" + text : text;
        no_target(store, "there is no pod '" + full + "'", full, false);
    }
    const auto full = target.object->ns() + "/" + target.object->name();
    const auto& body = target.object->body;
    const auto phase = api::string_at(body, "status.phase");
    if (api::at(body, "status.podIPs").empty() || phase == "Succeeded" || phase == "Failed") {
        throw netemu::UsageError(
            "pod '" + full + "' has no network (" + (phase.empty() ? "Pending" : phase) + ")");
    }
    target.name = full;
    target.ns = api::bool_at(body, "spec.hostNetwork", false)
                    ? compile::node_namespace(api::string_at(body, "spec.nodeName"))
                    : compile::pod_namespace(target.object->ns(), target.object->name());
}

/// Whether the text names a device of the topology; throws for one that is not there.
bool find_device(const compile::Topology& topology, const std::string& name, Target& target) {
    if (name == "underlay") {
        throw netemu::UsageError(
            "this lab's underlay is a topology: name one of its devices",
            "switch/NAME, router/NAME or host/NAME");
    }
    const auto* device = topology.find_ns(name);
    if (device == nullptr) {
        return false;
    }
    if (device->interfaces.empty()) {
        throw netemu::UsageError("'" + name + "' is linked to nothing");
    }
    if (device->kind != compile::DeviceKind::Node &&
        device->kind != compile::DeviceKind::External) {
        target.kind = Target::Kind::Device;
        target.name = name;
        target.ns = name;
        return true;
    }
    return false;
}

} // namespace

Target find_target(
    const store::Store& store,
    const compile::Topology* topology,
    const std::string& text,
    const std::string& default_ns,
    bool with_interface) {
    Target target;
    auto name = text;
    if (const auto colon = text.find(':'); with_interface && colon != std::string::npos) {
        name = text.substr(0, colon);
        target.interface = text.substr(colon + 1);
        if (target.interface.empty()) {
            throw netemu::UsageError("'" + text + "' names no interface behind the colon");
        }
    }
    if (name.empty()) {
        throw netemu::UsageError("the name of a target is empty");
    }
    if (topology != nullptr && find_device(*topology, name, target)) {
        return target;
    }
    if (name == "external" || name == "underlay") {
        target.kind = name == "external" ? Target::Kind::External : Target::Kind::Underlay;
        target.name = name;
        target.ns = name;
    } else if (name.starts_with("node/")) {
        find_node(store, name.substr(5), target);
    } else {
        find_pod(store, name, default_ns, target);
    }
    return target;
}

} // namespace labctl::supervisor
