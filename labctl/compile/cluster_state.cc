#include "labctl/compile/cluster_state.h"

#include <algorithm>
#include <tuple>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/conflist_profile.h"
#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/gateways.h"
#include "labctl/compile/ingress_objects.h"

namespace labctl::compile {

namespace {

using api::Json;
using store::EventType;

PodPhase phase_of(const Json& body) {
    const auto phase = api::string_at(body, "status.phase");
    return phase == "Running"     ? PodPhase::Running
           : phase == "Succeeded" ? PodPhase::Succeeded
           : phase == "Failed"    ? PodPhase::Failed
                                  : PodPhase::Pending;
}

bool is_ready(const Json& body) {
    const auto& conditions = api::at(body, "status.conditions");
    return std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
        return api::string_at(condition, "type") == "Ready" &&
               api::string_at(condition, "status") == "True";
    });
}

std::vector<netemu::IpAddress> pod_ips(const Json& body) {
    std::vector<netemu::IpAddress> result;
    for (const auto& entry : api::at(body, "status.podIPs")) {
        if (const auto address = netemu::IpAddress::parse(api::string_at(entry, "ip"))) {
            result.push_back(*address);
        }
    }
    return result;
}

bool is_controller_kind(const std::string& kind) {
    return kind == "ReplicaSet" || kind == "Deployment" || kind == "StatefulSet" ||
           kind == "DaemonSet" || kind == "Job";
}

template <typename Map>
const typename Map::mapped_type& find_or_empty(const Map& map, const typename Map::key_type& key) {
    static const typename Map::mapped_type kEmpty;
    const auto found = map.find(key);
    return found == map.end() ? kEmpty : found->second;
}

std::string zone_in(const api::Labels& labels) {
    const auto found = labels.find("topology.kubernetes.io/zone");
    return found == labels.end() ? std::string{} : found->second;
}

/// What an endpoint is made of, besides the labels that select its pod and what cannot change.
auto endpoint_facts(const PodInfo& pod) {
    return std::tuple(
        pod.ips, pod.node_name, pod.ready, pod.ended(), pod.terminating, pod.object->uid());
}

const Json& owner_references(const api::ObjectPtr& object) {
    return api::at(object->body, "metadata.ownerReferences");
}

} // namespace

std::optional<OwnerRef> controller_of(const Json& body) {
    for (const auto& reference : api::at(body, "metadata.ownerReferences")) {
        if (api::bool_at(reference, "controller", false)) {
            return OwnerRef{
                api::string_at(reference, "kind"),
                api::string_at(reference, "name"),
                api::string_at(reference, "uid")};
        }
    }
    return std::nullopt;
}

bool Dirty::any() const {
    return pending || !controllers.empty() || !statuses.empty() || !relabelled.empty() ||
           !orphans.empty() || !accounts.empty() || !nodes.empty() || !namespaces_new.empty() ||
           !namespaces_gone.empty() || !owners_gone.empty() || !owned_by_someone.empty();
}

namespace {

/// The nodes with the ranges that addresses are given out of; without, where plugins do.
std::vector<NodePlan> address_givers(const ClusterConfig& config, std::vector<NodePlan> plans) {
    for (auto& plan : plans) {
        if (config.cni_profile == kConflist) {
            plan.pod_cidrs.clear();
        }
    }
    return plans;
}

} // namespace

ClusterState::ClusterState(store::Store& store, const ClusterConfig& config)
    : store_(store), plans_(plan_nodes(config)), ipam_(address_givers(config, plans_)),
      services_(config) {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
        node_indices_[plans_[i].name] = i;
        NodeInfo node;
        node.name = plans_[i].name;
        node.index = i;
        nodes_.push_back(std::move(node));
    }
    for (const auto& kind : store.kinds()) {
        for (auto& object : store.list(kind)) {
            on_event({EventType::Added, std::move(object), store.revision()});
        }
    }
    watch_ = store.watch([this](const store::Event& event) { on_event(event); });
}

ClusterState::~ClusterState() {
    store_.unwatch(watch_);
}

PodInfo* ClusterState::pod(const PodKey& key) {
    const auto found = pods_.find(key);
    return found == pods_.end() ? nullptr : found->second.get();
}

const PodsBySeq& ClusterState::pods_of(const std::string& uid) const {
    return find_or_empty(by_controller_, uid);
}

PodsBySeq ClusterState::pods_on(const std::string& node) const {
    PodsBySeq result;
    for (const auto& [key, info] : pods_) {
        if (info->node_name == node) {
            result.emplace(info->seq, info.get());
        }
    }
    return result;
}

const std::set<api::ObjectKey>& ClusterState::dependents(const std::string& uid) const {
    return find_or_empty(dependents_, uid);
}

const Orphans& ClusterState::orphans(const std::string& kind, const std::string& ns) const {
    return find_or_empty(orphans_, {kind, ns});
}

std::optional<std::size_t> ClusterState::node_index(const std::string& name) const {
    const auto found = node_indices_.find(name);
    return found == node_indices_.end() ? std::nullopt : std::optional(found->second);
}

void ClusterState::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    if (kind == "Event") {
        return;
    }
    if (!event.status_only) {
        index_owners(event);
    }
    mark_ingresses(event);
    mark_gateways(event);
    if (kind == "Pod") {
        on_pod(event);
    } else if (kind == "Node") {
        on_node(event);
    } else if (kind == "Service") {
        services_.on_service(event);
    } else if (kind == "EndpointSlice") {
        services_.on_slice(event);
    } else if (kind == "Endpoints") {
        services_.on_endpoints(event);
    } else {
        mark(event);
    }
    if (!event.status_only && (kind == "Pod" || kind == "ReplicaSet")) {
        index_orphan(event);
    }
}

void ClusterState::mark_ingresses(const store::Event& event) {
    const auto kind = event.object->kind();
    const bool concerned = kind == "Ingress" ? !event.status_only // which is their controllers' own
                           : kind == "Pod"   ? !ingress_controller_of(event.object->body).empty()
                           : kind == "Service"
                               ? api::string_at(event.object->body, "spec.type") == "LoadBalancer"
                               : kind == "IngressClass";
    dirty_ingresses_ = dirty_ingresses_ || concerned;
}

/// What their statuses speak of: the Gateway API's kinds, Services, Secrets, and the Deployments
/// that were made for Gateways.
void ClusterState::mark_gateways(const store::Event& event) {
    const auto kind = event.object->kind();
    if (dirty_gateways_) {
        return;
    }
    if (is_gateway_kind(kind)) {
        dirty_gateways_ = !event.status_only;
    } else if (store_.size("Gateway") == 0) {
        return;
    } else if (kind == "Deployment") {
        dirty_gateways_ = event.object->labels().contains(kGatewayNameLabel);
    } else {
        dirty_gateways_ = kind == "Secret" || kind == "Service";
    }
}

void ClusterState::index_owners(const store::Event& event) {
    const auto key = event.object->key();
    if (event.type == EventType::Modified) {
        for (const auto& reference : owner_references(event.previous)) {
            dependents_[api::string_at(reference, "uid")].erase(key);
        }
    }
    for (const auto& reference : owner_references(event.object)) {
        const auto uid = api::string_at(reference, "uid");
        if (event.type == EventType::Deleted) {
            dependents_[uid].erase(key);
            continue;
        }
        dependents_[uid].insert(key);
        if (!uids_.contains(uid)) {
            dirty_.owned_by_someone.insert(key);
        }
    }
    const auto uid = event.object->uid();
    if (event.type == EventType::Deleted) {
        uids_.erase(uid);
        if (const auto found = dependents_.find(uid); found != dependents_.end()) {
            if (found->second.empty()) {
                dependents_.erase(found);
            } else {
                dirty_.owners_gone.insert(uid);
            }
        }
    } else if (event.type == EventType::Added) {
        uids_.insert(uid);
    }
}

void ClusterState::index_orphan(const store::Event& event) {
    const auto key = event.object->key();
    auto& orphans = orphans_[{key.kind, key.ns}];
    if (event.type == EventType::Deleted || controller_of(event.object->body)) {
        if (orphans.labels.erase(key.name) > 0 && event.type == EventType::Deleted) {
            dirty_.orphans.insert(key.ns); // its name is free again: a StatefulSet may wait for it
        }
        return;
    }
    auto labels = event.object->labels();
    const auto [found, is_new] = orphans.labels.try_emplace(key.name);
    if (is_new || found->second != labels) {
        found->second = std::move(labels);
        ++orphans.revision;
        dirty_.orphans.insert(key.ns);
    }
}

void ClusterState::mark(const store::Event& event) {
    const auto key = event.object->key();
    if (is_controller_kind(key.kind)) {
        dirty_.controllers.insert(key);
        const auto mark_owner = [&](const api::Object& object) {
            if (const auto owner = controller_of(object.body)) {
                dirty_.controllers.insert({owner->kind, key.ns, owner->name});
            }
        };
        if (key.kind == "ReplicaSet") {
            mark_owner(*event.object);
        }
        if (key.kind == "ReplicaSet" && event.type == EventType::Modified) {
            mark_owner(*event.previous);
        }
    } else if (key.kind == "Namespace") {
        if (event.type == EventType::Deleted) {
            dirty_.namespaces_gone.insert(key.name);
        } else if (event.type == EventType::Added) {
            dirty_.namespaces_new.insert(key.name);
        }
    } else if (key.kind == "ServiceAccount") {
        if (event.type == EventType::Added) {
            dirty_.accounts.insert(key.ns);
        } else if (event.type == EventType::Deleted && key.name == "default") {
            dirty_.namespaces_new.insert(key.ns); // every namespace has one: it comes back
        }
    }
}

void ClusterState::on_node(const store::Event& event) {
    const auto name = event.object->name();
    const auto index = node_index(name);
    if (!index || event.status_only) {
        return;
    }
    auto& node = nodes_[*index];
    auto labels = event.object->labels();
    if (zone_in(labels) != zone_in(node.labels)) {
        services_.on_zones_changed();
    }
    node.labels = std::move(labels);
    const auto& taints = api::at(event.object->body, "spec.taints");
    node.taints = taints.is_array() ? taints : Json::array();
    node.unschedulable = api::bool_at(event.object->body, "spec.unschedulable", false);
    dirty_.nodes.insert(name);
    dirty_.pending = true;
}

void ClusterState::on_pod(const store::Event& event) {
    const PodKey key{event.object->ns(), event.object->name()};
    auto& slot = pods_[key];
    if (event.type == EventType::Deleted) {
        if (slot) {
            services_.on_pod(*slot, slot->object->labels(), std::nullopt, true);
            detach(*slot);
            ipam_.release(slot->lease());
        }
        pods_.erase(key);
        dirty_.pending = true; // a place may have become free
        return;
    }
    if (!slot) {
        slot = std::make_unique<PodInfo>();
        slot->ns = key.first;
        slot->name = key.second;
        slot->seq = next_seq_++;
    } else {
        detach(*slot);
    }
    const bool is_new = slot->object == nullptr;
    const auto labels = event.object->labels();
    const auto had_labels = event.previous ? event.previous->labels() : labels;
    const auto before = is_new ? std::nullopt : std::optional(endpoint_facts(*slot));
    read_pod(*slot, event.object);
    attach(*slot);
    services_.on_pod(
        *slot,
        is_new ? std::nullopt : std::optional(had_labels),
        labels,
        before != endpoint_facts(*slot));
    const bool has_status = !api::at(event.object->body, "status.conditions").empty();
    if (event.type == EventType::Modified ? !event.status_only : !has_status) {
        dirty_.statuses.insert(key);
    }
    if (slot->owner && had_labels != labels) {
        dirty_.relabelled.insert(key);
    }
}

void ClusterState::read_pod(PodInfo& pod, const api::ObjectPtr& object) {
    const auto& body = object->body;
    pod.object = object;
    pod.owner = controller_of(body);
    pod.node_name = api::string_at(body, "spec.nodeName");
    pod.node = node_index(pod.node_name);
    pod.host_network = api::bool_at(body, "spec.hostNetwork", false);
    pod.host_ports = NodeDemand(api::at(body, "spec")).host_ports();
    pod.phase = phase_of(body);
    pod.ready = is_ready(body);
    pod.terminating = !api::at(body, "metadata.deletionTimestamp").is_null();
    pod.ips = pod_ips(body);
    if (pod.ended()) {
        ipam_.release(pod.lease()); // its network is gone; the status still says what it had
    } else if (
        pod.node && !pod.host_network && !pod.ips.empty() &&
        !ipam_.claim(*pod.node, pod.lease(), pod.ips)) {
        pod.ips.clear(); // someone else's or another range's: it gets new ones
    }
}

void ClusterState::attach(PodInfo& pod) {
    const bool unplaced = !pod.node || (!pod.host_network && pod.ips.empty());
    if (unplaced && !pod.ended()) {
        pending_[pod.seq] = &pod;
        dirty_.pending = true;
    }
    if (pod.owner) {
        by_controller_[pod.owner->uid][pod.seq] = &pod;
        dirty_.controllers.insert({pod.owner->kind, pod.ns, pod.owner->name});
    }
    if (pod.node && !pod.ended()) {
        auto& node = nodes_[*pod.node];
        ++node.pods;
        ++node.owners[pod.owner ? pod.owner->uid : std::string{}];
        node.host_ports.insert(pod.host_ports.begin(), pod.host_ports.end());
        pod.counted = true;
    }
}

void ClusterState::detach(PodInfo& pod) {
    pending_.erase(pod.seq);
    if (pod.owner) {
        const auto found = by_controller_.find(pod.owner->uid);
        found->second.erase(pod.seq);
        if (found->second.empty()) {
            by_controller_.erase(found);
        }
        dirty_.controllers.insert({pod.owner->kind, pod.ns, pod.owner->name});
    }
    if (std::exchange(pod.counted, false)) {
        auto& node = nodes_[*pod.node];
        --node.pods;
        const auto owner = node.owners.find(pod.owner ? pod.owner->uid : std::string{});
        if (--owner->second == 0) {
            node.owners.erase(owner);
        }
        for (const auto& port : pod.host_ports) {
            node.host_ports.erase(node.host_ports.find(port));
        }
    }
}

} // namespace labctl::compile
