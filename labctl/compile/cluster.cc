#include "labctl/compile/cluster.h"

#include <algorithm>

#include "labctl/api/naming.h"
#include "labctl/compile/bootstrap.h"
#include "labctl/compile/bootstrap_dns.h"
#include "labctl/compile/bootstrap_ingress.h"
#include "labctl/compile/cluster_impl.h"
#include "labctl/compile/controller_gateway.h"
#include "labctl/compile/controller_ingress.h"
#include "labctl/compile/garbage.h"
#include "labctl/compile/node_health.h"
#include "labctl/compile/service_controllers.h"
#include "labctl/compile/wireguard.h"
#include "labctl/compile/workloads.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

void sync(Control& control, const api::ObjectKey& key) {
    const auto object = control.store.get(key);
    if (!object) {
        return;
    }
    if (key.kind == "ReplicaSet") {
        sync_replica_set(control, object);
    } else if (key.kind == "Deployment") {
        sync_deployment(control, object);
    } else if (key.kind == "StatefulSet") {
        sync_stateful_set(control, object);
    } else if (key.kind == "DaemonSet") {
        sync_daemon_set(control, object);
    } else if (key.kind == "Job") {
        sync_job(control, object);
    }
}

void mark_controllers(Control& control, const std::string& ns) {
    for (const auto* kind : {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"}) {
        for (auto& key : control.store.keys(kind, ns)) {
            control.state.dirty().controllers.insert(std::move(key));
        }
    }
}

/// All controllers that have something to do, but a Deployment only when no ReplicaSet has: it
/// decides by their status.
void sync_controllers(Control& control) {
    auto& dirty = control.state.dirty();
    auto keys = std::exchange(dirty.controllers, {});
    const bool replica_sets = std::any_of(
        keys.begin(), keys.end(), [](const auto& key) { return key.kind == "ReplicaSet"; });
    for (const auto& key : keys) {
        if (key.kind == "Deployment" && replica_sets) {
            dirty.controllers.insert(key);
        } else {
            sync(control, key);
        }
    }
}

void refresh_statuses(Control& control) {
    for (const auto& key : std::exchange(control.state.dirty().statuses, {})) {
        if (auto* pod = control.state.pod(key)) {
            control.refresh_status(*pod);
        }
    }
}

void run_once(Control& control) {
    auto& dirty = control.state.dirty();
    for (const auto& ns : std::exchange(dirty.namespaces_new, {})) {
        if (control.store.get({"Namespace", {}, ns})) {
            ensure_default_account(control.store, ns);
        }
    }
    purge_namespaces(control);
    collect_garbage(control);
    release_relabelled(control);
    evict(control);
    for (const auto& ns : std::exchange(dirty.accounts, {})) {
        mark_controllers(control, ns);
    }
    for (const auto& ns : std::exchange(dirty.orphans, {})) {
        mark_controllers(control, ns);
    }
    refresh_statuses(control);
    sync_controllers(control);
    if (std::exchange(dirty.pending, false)) {
        control.place_pending();
        dirty.pending = false; // binding a pod does not make room for another
    }
}

} // namespace

std::string to_string(Applied applied) {
    switch (applied) {
    case Applied::Created:
        return "created";
    case Applied::Configured:
        return "configured";
    case Applied::Unchanged:
        return "unchanged";
    }
    return {};
}

Cluster::Cluster(store::Store& store, ClusterConfig config)
    : impl_(std::make_unique<Impl>(store, std::move(config))) {
}

Cluster::~Cluster() = default;

void Cluster::bootstrap() {
    auto& impl = *impl_;
    impl.control.now = api::timestamp_now();
    const bool first_start = !impl.store.get({"Namespace", {}, "kube-system"});
    for (const auto* ns : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
        ensure_namespace(impl.store, ns);
    }
    for (const auto& key : impl.store.keys("Node")) {
        if (!impl.state.node_index(key.name)) {
            impl.store.remove(key);
        }
    }
    for (std::size_t i = 0; i < impl.config.nodes.size(); ++i) {
        const auto& node = impl.config.nodes[i];
        const auto before = impl.store.get({"Node", {}, node.name});
        auto object = make_node(node, impl.state.plans()[i], before, impl.control.now);
        annotate_key(impl.config, object);
        impl.store.put(std::move(object));
    }
    rescue_from_lost_nodes(impl.control);
    repair_services(impl.control);
    ensure_kubernetes_service(impl.control);
    if (impl.control.mesh != "none") {
        ensure_namespace(
            impl.store,
            impl.control.mesh == kMeshProfileLinkerd ? kLinkerdNamespace : kMeshNamespace);
    }
    if (first_start && impl.config.ingress_enabled.value_or(false)) {
        ensure_ingress_controller(impl.control, impl.config);
    }
    if (first_start && impl.config.dns_enabled) { // what a user has deleted does not come back
        ensure_cluster_dns(impl.control, impl.config);
        if (impl.config.dns_node_local) {
            ensure_node_cache(impl.control, impl.config);
        }
    }
}

void Cluster::reconcile() {
    // Each round of a rolling update takes one pass or two; far more than any real input needs.
    constexpr std::size_t kRoundsMax = 100000;
    auto& control = impl_->control;
    control.now = api::timestamp_now();
    auto& state = impl_->state;
    const auto unsettled = [&state] {
        return state.dirty().any() || !state.services().dirty.empty() || state.dirty_ingresses() ||
               state.dirty_gateways();
    };
    for (std::size_t round = 0; unsettled(); ++round) {
        if (round == kRoundsMax) {
            throw netemu::Error(
                "the controllers do not settle: two of them undo each other's work");
        }
        if (state.dirty().any()) {
            run_once(control);
        } else if (!state.services().dirty.empty()) {
            sync_services(control); // when the pods have settled, so that each is looked at once
        } else if (state.dirty_ingresses()) {
            sync_ingresses(control, impl_->config);
        } else {
            sync_gateways(control, impl_->config);
        }
    }
    impl_->events.flush();
}

bool Cluster::set_runtime(const api::ObjectKey& pod, const RuntimeState& state) {
    auto* info = impl_->state.pod({pod.ns, pod.name});
    if (info == nullptr) {
        return false;
    }
    if (info->ended() && state.phase.empty()) {
        return true; // an end is final
    }
    if (info->runtime != state) {
        info->runtime = state;
        impl_->state.dirty().statuses.insert({pod.ns, pod.name});
    }
    return true;
}

bool Cluster::hold(const api::ObjectKey& pod, bool held) {
    auto* info = impl_->state.pod({pod.ns, pod.name});
    if (info == nullptr) {
        return false;
    }
    if (info->runtime && info->runtime->held != held) {
        info->runtime->held = held;
        impl_->state.dirty().statuses.insert({pod.ns, pod.name});
    }
    return true;
}

void Cluster::set_node_ready(const std::string& node, bool ready) {
    const auto before = impl_->store.get({"Node", {}, node});
    if (before) {
        impl_->store.put(with_node_ready(*before, ready, api::timestamp_now()));
    }
}

void Cluster::assume_ready() {
    impl_->control.assume_ready = true;
    for (const auto& key : impl_->store.keys("Pod")) {
        impl_->state.dirty().statuses.insert({key.ns, key.name});
    }
}

void Cluster::set_defaulter(Defaulter defaulter) {
    impl_->defaulter = std::move(defaulter);
}

void Cluster::note(
    const char* component, const api::Object& about, const char* reason, std::string message) {
    impl_->events.normal(component, about, reason, std::move(message));
    impl_->events.flush();
}

void Cluster::warn(
    const char* component, const api::Object& about, const char* reason, std::string message) {
    impl_->events.warning(component, about, reason, std::move(message));
    impl_->events.flush();
}

const ClusterConfig& Cluster::config() const {
    return impl_->config;
}

void Cluster::set_proxy_mode(const std::string& mode) {
    check_proxy_mode(mode, "proxy mode");
    impl_->config.proxy_mode = mode;
    if (const auto lab = impl_->store.get({"Lab", {}, impl_->config.name})) {
        auto changed = *lab;
        changed.body["spec"]["proxy"]["mode"] = mode;
        impl_->store.put(std::move(changed));
    }
}

const std::vector<NodePlan>& Cluster::nodes() const {
    return impl_->state.plans();
}

} // namespace labctl::compile
