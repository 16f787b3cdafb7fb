#include "labctl/compile/garbage.h"

#include <algorithm>

#include "labctl/compile/control.h"

namespace labctl::compile {

namespace {

using api::Json;

/// Drops references to owners that do not exist; the object goes when none is left.
void verify_owners(Control& control, const api::ObjectKey& key) {
    const auto object = control.store.get(key);
    if (!object) {
        return;
    }
    const auto& references = api::at(object->body, "metadata.ownerReferences");
    std::size_t live = 0;
    std::string gone;
    for (const auto& reference : references) {
        const auto uid = api::string_at(reference, "uid");
        if (control.state.uid_lives(uid)) {
            ++live;
        } else {
            gone = uid;
        }
    }
    if (gone.empty()) {
        return;
    }
    if (live > 0) {
        control.release(object, gone);
        return;
    }
    if (key.kind == "Pod") {
        if (const auto* pod = control.state.pod({key.ns, key.name})) {
            control.delete_pod("garbage-collector", nullptr, *pod);
        }
        return;
    }
    control.store.remove(key);
}

bool user_named_node(const api::Object& pod) {
    const auto& annotations = api::at(pod.body, "metadata.annotations");
    const auto applied =
        annotations.is_object()
            ? annotations.value("kubectl.kubernetes.io/last-applied-configuration", std::string{})
            : std::string{};
    const auto json = Json::parse(applied, nullptr, false);
    return !api::string_at(json, "spec.nodeName").empty();
}

} // namespace

void purge_namespaces(Control& control) {
    const auto gone = std::exchange(control.state.dirty().namespaces_gone, {});
    for (const auto& ns : gone) {
        if (control.store.get({"Namespace", {}, ns})) {
            continue; // made again at once
        }
        control.state.dirty().namespaces_new.erase(ns);
        // Controllers first, so that they do not replace the pods that go after them.
        auto kinds = control.store.kinds();
        std::stable_partition(
            kinds.begin(), kinds.end(), [](const auto& kind) { return kind != "Pod"; });
        for (const auto& kind : kinds) {
            for (const auto& key : control.store.keys(kind, ns)) {
                control.store.remove(key);
            }
        }
    }
}

void collect_garbage(Control& control) {
    auto& dirty = control.state.dirty();
    auto keys = std::exchange(dirty.owned_by_someone, {});
    for (const auto& uid : std::exchange(dirty.owners_gone, {})) {
        const auto& dependents = control.state.dependents(uid);
        keys.insert(dependents.begin(), dependents.end());
    }
    for (const auto& key : keys) {
        verify_owners(control, key);
    }
}

void release_relabelled(Control& control) {
    for (const auto& key : std::exchange(control.state.dirty().relabelled, {})) {
        const auto* pod = control.state.pod(key);
        if (pod == nullptr || !pod->owner) {
            continue;
        }
        const auto owner = control.store.get({pod->owner->kind, pod->ns, pod->owner->name});
        const auto& selector = owner ? api::at(owner->body, "spec.selector") : Json();
        if (owner && selector.is_object() &&
            !api::Selector::from_json(selector).matches(pod->object->labels())) {
            control.release(pod->object, pod->owner->uid);
        }
    }
}

void evict(Control& control) {
    for (const auto& name : std::exchange(control.state.dirty().nodes, {})) {
        const auto index = control.state.node_index(name);
        const auto& node = control.state.nodes().at(*index);
        // DaemonSets look at all nodes anew.
        for (const auto& key : control.store.keys("DaemonSet")) {
            control.state.dirty().controllers.insert(key);
        }
        if (node.taints.empty()) {
            continue;
        }
        for (const auto& [seq, pod] : control.state.pods_on(name)) {
            const NodeDemand demand(api::at(pod->object->body, "spec"));
            if (pod->active() && demand.untolerated_taint(node, true) != nullptr) {
                control.events.normal(
                    "taint-eviction-controller",
                    *pod->object,
                    "TaintManagerEviction",
                    "Marking for deletion Pod " + pod->ns + "/" + pod->name);
                control.delete_pod("taint-eviction-controller", nullptr, *pod);
            }
        }
    }
}

void rescue_from_lost_nodes(Control& control) {
    for (const auto& object : control.store.list("Pod")) {
        const auto node = api::string_at(object->body, "spec.nodeName");
        if (node.empty() || control.state.node_index(node)) {
            continue;
        }
        if (controller_of(object->body)) {
            control.store.remove(object->key());
        } else if (!user_named_node(*object)) {
            control.edit(object, [](Json& body) {
                body["spec"].erase("nodeName");
                body.erase("status");
            });
        }
    }
}

} // namespace labctl::compile
