#include "labctl/compile/control.h"

#include "labctl/api/naming.h"
#include "labctl/compile/attached_pod.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/pod_status.h"
#include "labctl/compile/pod_termination.h"
#include "labctl/compile/sidecar_objects.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr std::size_t kAdoptersMax = 20000;

void merge_labels(Json& metadata, const char* field, const api::Labels& extra) {
    for (const auto& [key, value] : extra) {
        metadata[field][key] = value;
    }
}

/// What the DaemonSet controller adds so that the scheduler puts the pod onto just that node.
void bind_to_node(Json& spec, const std::string& node) {
    const Json requirement{
        {"key", "metadata.name"}, {"operator", "In"}, {"values", Json::array({node})}};
    auto& terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                      ["nodeSelectorTerms"];
    if (!terms.is_array() || terms.empty()) {
        terms = Json::array({Json::object()});
    }
    for (auto& term : terms) {
        term["matchFields"] = Json::array({requirement});
    }
}

Json make_pod(const api::Object& owner, const Json& pod_template, const PodRequest& request) {
    Json pod;
    api::add_field(pod, "apiVersion", "v1");
    api::add_field(pod, "kind", "Pod");
    auto& metadata = pod["metadata"];
    const auto& from = api::at(pod_template, "metadata");
    for (const auto* field : {"labels", "annotations", "finalizers"}) {
        if (const auto& value = api::at(from, field); !value.empty()) {
            metadata[field] = value;
        }
    }
    merge_labels(metadata, "labels", request.labels);
    merge_labels(metadata, "annotations", request.annotations);
    if (!request.name.empty()) {
        metadata["name"] = request.name;
    }
    metadata["namespace"] = owner.ns();
    if (!request.generate_name.empty()) {
        metadata["generateName"] = request.generate_name;
    }
    metadata["ownerReferences"] = Json::array();
    metadata["ownerReferences"].push_back(controller_reference(owner));
    auto& spec = pod["spec"];
    spec = api::at(pod_template, "spec");
    if (!request.hostname.empty()) {
        spec["hostname"] = request.hostname;
    }
    if (!request.subdomain.empty()) {
        spec["subdomain"] = request.subdomain;
    }
    if (!request.only_node.empty()) {
        bind_to_node(spec, request.only_node);
    }
    return pod;
}

void set_deletion(Json& body, std::int64_t grace) {
    auto& metadata = body["metadata"];
    metadata["deletionTimestamp"] = api::timestamp_in(grace);
    metadata["deletionGracePeriodSeconds"] = grace;
}

/// Those of kWantedAddresses; what cannot be read is an address that no node has.
std::vector<netemu::IpAddress> wanted_addresses(const Json& pod) {
    std::vector<netemu::IpAddress> result;
    const auto& annotations = api::at(pod, "metadata.annotations");
    const auto found = annotations.find(kWantedAddresses);
    if (!annotations.is_object() || found == annotations.end() || !found->is_string()) {
        return result;
    }
    const auto text = found->get<std::string>();
    for (const auto part : netemu::split(text, ',')) {
        result.push_back(
            netemu::IpAddress::parse(netemu::trim(part)).value_or(netemu::IpAddress()));
    }
    return result;
}

std::vector<std::string> texts(const std::vector<netemu::IpAddress>& addresses) {
    std::vector<std::string> result;
    result.reserve(addresses.size());
    for (const auto& address : addresses) {
        result.push_back(address.to_string());
    }
    return result;
}

} // namespace

std::optional<std::string>
admit_pod(const store::Store& store, Json& pod, const std::string& mesh) {
    auto& spec = pod["spec"];
    const auto ns = api::string_at(pod, "metadata.namespace");
    auto account =
        api::string_at(spec, "serviceAccountName", api::string_at(spec, "serviceAccount"));
    account = account.empty() ? "default" : account;
    spec["serviceAccountName"] = account;
    spec["serviceAccount"] = account;
    const auto name =
        api::string_at(pod, "metadata.name", api::string_at(pod, "metadata.generateName"));
    const auto refusal = "pods \"" + name + "\" is forbidden: ";
    if (!store.get({"ServiceAccount", ns, account})) {
        return refusal + "error looking up service account " + ns + "/" + account +
               ": serviceaccount \"" + account + "\" not found";
    }
    if (auto problem = termination_problem(pod)) {
        return refusal + *problem;
    }
    if (store.size("Pod") >= netemu::limits::kPodsMax) {
        return refusal + "a lab has at most " + std::to_string(netemu::limits::kPodsMax) + " pods";
    }
    if (mesh == kMeshProfileIstio && wants_sidecar(store, pod)) {
        inject_sidecar(pod);
    } else if (mesh == kMeshProfileLinkerd && wants_linkerd_proxy(store, pod)) {
        inject_linkerd_proxy(store, pod);
    }
    return std::nullopt;
}

Json controller_reference(const api::Object& owner) {
    Json reference;
    api::add_field(reference, "apiVersion", owner.api_version());
    api::add_field(reference, "blockOwnerDeletion", true);
    api::add_field(reference, "controller", true);
    api::add_field(reference, "kind", owner.kind());
    api::add_field(reference, "name", owner.name());
    api::add_field(reference, "uid", owner.uid());
    return reference;
}

Json make_condition(const Json& previous_status, const Condition& wanted, const std::string& now) {
    std::string since = now;
    for (const auto& old : api::at(previous_status, "conditions")) {
        if (api::string_at(old, "type") == wanted.type &&
            api::string_at(old, "status") == (wanted.value ? "True" : "False")) {
            since = api::string_at(old, "lastTransitionTime", now);
        }
    }
    Json condition{
        {"type", wanted.type},
        {"status", wanted.value ? "True" : "False"},
        {"lastTransitionTime", since}};
    if (!wanted.reason.empty()) {
        condition["reason"] = wanted.reason;
    }
    if (!wanted.message.empty()) {
        condition["message"] = wanted.message;
    }
    return condition;
}

Control::Control(store::Store& the_store, ClusterState& the_state, EventRecorder& the_events)
    : store(the_store), state(the_state), events(the_events), now(api::timestamp_now()) {
}

std::string
Control::free_name(const std::string& kind, const std::string& ns, const std::string& base) {
    auto& counter = name_counters_[ns + "/" + base];
    for (;;) {
        auto name = api::generated_name(base, api::name_suffix(ns + "/" + base, counter++));
        if (!store.get({kind, ns, name})) {
            return name;
        }
    }
}

Control::Spot
Control::find_spot(const Json& pod, const std::string& lease, const std::string& owner_uid) {
    Spot spot;
    const auto& spec = api::at(pod, "spec");
    const NodeDemand demand(spec);
    if (const auto name = api::string_at(spec, "nodeName"); !name.empty()) {
        spot.node = state.node_index(name);
        if (!spot.node) {
            spot.problem = "node \"" + name + "\" not found";
            return spot;
        }
    } else {
        const auto placement = place(
            demand,
            owner_uid,
            state.nodes(),
            [this](std::size_t node) { return state.ipam().has_room(node); },
            [this](std::size_t node) { return state.ipam().exhaustion(node); });
        if (!placement.node) {
            spot.problem = placement.message;
            return spot;
        }
        spot.node = placement.node;
        spot.bound_by_scheduler = true;
    }
    if (demand.host_network()) {
        return spot;
    }
    if (const auto wanted = wanted_addresses(pod); !wanted.empty()) {
        if (state.ipam().claim(*spot.node, lease, wanted)) {
            spot.ips = wanted;
        } else {
            spot.problem = "failed to set up the pod's network: annotation " +
                           std::string(kWantedAddresses) +
                           ": not a free address of each family of the node's ranges";
        }
        return spot;
    }
    if (auto ips = state.ipam().allocate(*spot.node, lease)) {
        spot.ips = std::move(*ips);
    } else {
        spot.problem = "failed to set up the pod's network: no IP addresses available: " +
                       state.ipam().exhaustion(*spot.node);
    }
    return spot;
}

Json Control::status_for(
    const Json& pod, const Spot& spot, const std::optional<RuntimeState>& runtime) const {
    PodFacts facts;
    facts.scheduled = spot.node.has_value();
    facts.problem = spot.problem;
    facts.runtime = runtime;
    if (spot.node) {
        for (const auto& address : state.plans().at(*spot.node).underlay) {
            facts.host_ips.push_back(address.address.to_string());
        }
        const bool host_network = api::bool_at(pod, "spec.hostNetwork", false);
        facts.pod_ips = host_network ? facts.host_ips : texts(spot.ips);
    }
    if (assume_ready && !facts.pod_ips.empty() && !facts.runtime) {
        facts.runtime = RuntimeState{true, true, {}, {}, {}, 0, 0};
    }
    return pod_status(pod, facts, now);
}

void Control::report(const api::Object& pod, const Spot& spot) {
    if (spot.bound_by_scheduler) {
        events.normal(
            "default-scheduler",
            pod,
            "Scheduled",
            "Successfully assigned " + pod.ns() + "/" + pod.name() + " to " +
                state.plans().at(*spot.node).name);
    }
    if (!spot.problem.empty()) {
        const char* reason = spot.node ? "FailedCreatePodSandBox" : "FailedScheduling";
        events.warning(spot.node ? "kubelet" : "default-scheduler", pod, reason, spot.problem);
    }
}

PodInfo* Control::create_pod(
    const char* component,
    const api::Object& owner,
    const Json& pod_template,
    PodRequest request,
    std::string& refusal) {
    const auto ns = owner.ns();
    api::Object pod{make_pod(owner, pod_template, request), owner.source};
    if (auto words = admit_pod(store, pod.body, mesh)) {
        refusal = std::move(*words);
        events.warning(component, owner, "FailedCreate", "Error creating: " + refusal);
        return nullptr;
    }
    if (request.name.empty()) {
        request.name = free_name("Pod", ns, request.generate_name);
        pod.body["metadata"]["name"] = request.name;
    }
    const auto spot = find_spot(pod.body, ns + "/" + request.name, owner.uid());
    if (spot.node) {
        pod.body["spec"]["nodeName"] = state.plans().at(*spot.node).name;
    }
    pod.body["status"] = status_for(pod.body, spot, std::nullopt);
    const auto stored = store.put(std::move(pod));
    auto* info = state.pod({ns, request.name});
    info->problem = spot.problem;
    events.normal(
        component,
        owner,
        "SuccessfulCreate",
        owner.kind() == "StatefulSet"
            ? "create Pod " + request.name + " in StatefulSet " + owner.name() + " successful"
            : "Created pod: " + request.name);
    report(*stored, spot);
    return info;
}

/// A pod in which nothing runs has nothing to finish.
bool Control::takes_time_to_end(const PodInfo& pod) const {
    const auto& body = pod.object->body;
    return pod.phase == PodPhase::Running &&
           termination_of(body, images != nullptr && runs_process(*images, body)).takes_time();
}

void Control::shorten_end(const PodInfo& pod, std::int64_t grace) {
    const auto object = pod.object;
    if (grace <= 0) {
        store.remove(object->key());
    } else if (grace < api::int_at(object->body, "metadata.deletionGracePeriodSeconds", 0)) {
        edit(object, [&](Json& body) { set_deletion(body, grace); });
    }
}

void Control::delete_pod(
    const char* component,
    const api::Object* owner,
    const PodInfo& pod,
    std::optional<std::int64_t> grace) {
    const auto object = pod.object; // the info goes away with the pod
    const auto seconds = grace.value_or(grace_seconds(object->body));
    if (pod.terminating) {
        shorten_end(pod, seconds);
        return;
    }
    if (pod.node && !pod.ended()) {
        for (const auto& container : api::at(object->body, "spec.containers")) {
            events.normal(
                "kubelet",
                *object,
                "Killing",
                "Stopping container " + api::string_at(container, "name"));
        }
    }
    if (seconds > 0 && takes_time_to_end(pod)) {
        edit(object, [&](Json& body) { set_deletion(body, seconds); });
    } else {
        store.remove(object->key());
    }
    if (owner != nullptr) {
        const bool stateful = owner->kind() == "StatefulSet";
        events.normal(
            component,
            *owner,
            "SuccessfulDelete",
            stateful ? "delete Pod " + object->name() + " in StatefulSet " + owner->name() +
                           " successful"
                     : "Deleted pod: " + object->name());
    }
}

void Control::bind(PodInfo& pod) {
    const auto object = pod.object;
    const auto spot = find_spot(object->body, pod.lease(), pod.owner ? pod.owner->uid : "");
    const bool has_place = pod.node && spot.problem.empty() && spot.ips.empty();
    if (has_place || (!spot.problem.empty() && spot.problem == pod.problem)) {
        return; // nothing new to say; a plugin will give it its addresses
    }
    pod.problem = spot.problem;
    const auto runtime = pod.runtime;
    edit(object, [&](Json& body) {
        if (spot.node) {
            body["spec"]["nodeName"] = state.plans().at(*spot.node).name;
        }
        body["status"] = status_for(body, spot, runtime);
    });
    report(*object, spot);
}

void Control::place_pending() {
    const auto pending = state.pending(); // a copy: binding changes it
    for (const auto& [seq, pod] : pending) {
        bind(*pod);
    }
}

void Control::refresh_status(PodInfo& pod) {
    const bool placed = pod.node && (pod.host_network || !pod.ips.empty());
    Spot spot{pod.node, pod.ips, placed ? std::string{} : pod.problem, false};
    auto status = status_for(pod.object->body, spot, pod.runtime);
    set_status(pod.object, std::move(status));
}

api::ObjectPtr
Control::edit(const api::ObjectPtr& object, const std::function<void(Json& body)>& change) {
    auto copy = *object;
    change(copy.body);
    return store.put(std::move(copy));
}

void Control::set_status(const api::ObjectPtr& object, Json status) {
    if (api::at(object->body, "status") == status) {
        return;
    }
    api::Object copy{Json::object(), object->source};
    for (const auto& [name, value] : object->body.items()) {
        if (name != "status") {
            copy.body[name] = value;
        }
    }
    copy.body["status"] = std::move(status);
    store.put(std::move(copy));
}

void Control::adopt(
    const api::Object& owner,
    const std::string& kind,
    const api::Selector& selector,
    const std::function<bool(const std::string& name)>& eligible) {
    const auto& orphans = state.orphans(kind, owner.ns());
    if (adopted_.size() > kAdoptersMax) {
        adopted_.clear(); // mostly of owners long gone; the others look once more
    }
    auto& seen = adopted_[owner.uid()];
    if (seen == orphans.revision) {
        return; // none of them is new to this owner, and selectors do not change
    }
    seen = orphans.revision;
    std::vector<std::string> matching; // first: adopting changes the orphans
    for (const auto& [name, labels] : orphans.labels) {
        if ((!eligible || eligible(name)) && selector.matches(labels)) {
            matching.push_back(name);
        }
    }
    for (const auto& name : matching) {
        const auto* pod = kind == "Pod" ? state.pod({owner.ns(), name}) : nullptr;
        const auto object = store.get({kind, owner.ns(), name});
        if (object && (pod == nullptr || pod->active())) {
            edit(object, [&](Json& body) {
                body["metadata"]["ownerReferences"].push_back(controller_reference(owner));
            });
        }
    }
}

void Control::release(const api::ObjectPtr& object, const std::string& owner_uid) {
    edit(object, [&](Json& body) {
        auto& references = body["metadata"]["ownerReferences"];
        Json kept = Json::array();
        for (auto& reference : references) {
            if (api::string_at(reference, "uid") != owner_uid) {
                kept.push_back(reference);
            }
        }
        if (kept.empty()) {
            body["metadata"].erase("ownerReferences");
        } else {
            references = std::move(kept);
        }
    });
}

} // namespace labctl::compile
