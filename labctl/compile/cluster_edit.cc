#include <algorithm>
#include <charconv>

#include "labctl/api/naming.h"
#include "labctl/api/status_error.h"
#include "labctl/compile/bootstrap.h"
#include "labctl/compile/cluster.h"
#include "labctl/compile/cluster_impl.h"
#include "labctl/compile/immutable.h"
#include "labctl/compile/merge.h"
#include "labctl/compile/pod_status.h"
#include "labctl/compile/service_admission.h"
#include "labctl/compile/strategic_patch.h"
#include "netemu/base/limits.h"

namespace labctl::compile {

namespace {

using api::Json;
using api::ObjectPtr;
using api::StatusError;

constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

std::string plural(const std::string& kind) {
    const auto* info = api::find_kind(kind);
    return info != nullptr ? info->plural : api::guess_plural(kind);
}

/// "deployments.apps": resources of other groups than the core carry their group.
std::string resource(const Json& body) {
    const auto version = api::string_at(body, "apiVersion");
    const auto slash = version.find('/');
    const auto name = plural(api::string_at(body, "kind"));
    return slash == std::string::npos ? name : name + "." + version.substr(0, slash);
}

std::string resource(const api::ObjectKey& key) {
    const auto* info = api::find_kind(key.kind);
    return resource(
        Json{{"kind", key.kind}, {"apiVersion", info != nullptr ? info->api_version : "v1"}});
}

bool is_typed(const std::string& kind) {
    return api::find_kind(kind) != nullptr;
}

/// Takes out what a user cannot set, and puts a namespaced object into its namespace.
void normalise(api::Object& object) {
    if (!object.body.is_object() || !object.body.contains("kind")) {
        throw StatusError::bad_request("the object provided has no kind");
    }
    auto& metadata = object.body["metadata"];
    for (const auto* field :
         {"uid",
          "deletionTimestamp",
          "deletionGracePeriodSeconds",
          "resourceVersion",
          "generation",
          "creationTimestamp",
          "managedFields",
          "selfLink"}) {
        metadata.erase(field);
    }
    const auto* info = api::find_kind(object.kind());
    if (info == nullptr) {
        return;
    }
    object.body.erase("status");
    if (info->namespaced && object.ns().empty()) {
        metadata["namespace"] = "default";
    } else if (!info->namespaced) {
        metadata.erase("namespace");
    }
}

void erase_if_empty(Json& parent, const char* field) {
    if (parent.contains(field) && parent[field].empty()) {
        parent.erase(field);
    }
}

/// A Job selects its pods by its own uid (kubernetes pkg/registry/batch/job/strategy.go,
/// generateSelector).
api::Object with_job_selector(const api::Object& job) {
    auto selecting = job;
    auto& spec = selecting.body["spec"];
    spec["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", job.uid()}}}};
    spec["template"]["metadata"]["labels"].update(Json(api::job_labels(job.name(), job.uid())));
    return selecting;
}

/// The uid is ours to give, so nobody can know what a new Job's selector is.
void check_new_job(const Json& job) {
    if (!api::at(job, "spec.selector").is_null() &&
        !api::bool_at(job, "spec.manualSelector", false)) {
        throw StatusError::invalid(
            qualified_kind(job),
            api::string_at(job, "metadata.name"),
            "spec.selector: Invalid value: " + api::at(job, "spec.selector").dump() +
                ": `selector` not auto-generated");
    }
}

void check_replicas(const Json& body, std::int64_t replicas) {
    const auto text = "spec.replicas: Invalid value: " + std::to_string(replicas) + ": ";
    const auto name = api::string_at(body, "metadata.name");
    if (replicas < 0) {
        throw StatusError::invalid(
            qualified_kind(body), name, text + "must be greater than or equal to 0");
    }
    if (replicas > static_cast<std::int64_t>(netemu::limits::kPodsMax)) {
        throw StatusError::invalid(
            qualified_kind(body),
            name,
            text + "a lab has at most " + std::to_string(netemu::limits::kPodsMax) + " pods");
    }
}

} // namespace

ObjectPtr Cluster::Impl::existing(const api::ObjectKey& key) const {
    auto object = store.get(key);
    if (!object) {
        throw StatusError::not_found(resource(key), key.name);
    }
    return object;
}

ObjectPtr Cluster::Impl::create(api::Object object) {
    if (defaulter) {
        defaulter(object, true);
    }
    const auto kind = object.kind();
    if (object.name().empty()) {
        throw StatusError::invalid(
            qualified_kind(object.body),
            "",
            "metadata.name: Required value: name or generateName is required");
    }
    if (const auto ns = object.ns(); !ns.empty() && !store.get({"Namespace", {}, ns})) {
        throw StatusError::not_found("namespaces", ns);
    }
    check_replicas(object.body, api::int_at(object.body, "spec.replicas", 0));
    if (kind == "Node" && !state.node_index(object.name())) {
        auto error =
            StatusError::forbidden("nodes", object.name(), "a running lab takes no new nodes");
        error.set_hint("write it into spec.nodes of the lab file and bring the lab up again");
        throw error;
    }
    if (kind == "Lab" && store.size("Lab") != 0) {
        auto error = StatusError::forbidden(
            "labs", object.name(), "this is the control plane of another lab");
        error.set_hint("`labctl up -f FILE` brings a lab up");
        throw error;
    }
    if (kind == "Pod") {
        if (const auto words = admit_pod(store, object.body, control.mesh)) {
            throw StatusError(403, "Forbidden", *words);
        }
    }
    if (kind == "Namespace") {
        default_namespace(object.body);
    }
    if (kind == "Service") {
        admit_new_service(state.services(), object.body);
    }
    if (kind == "Job") {
        check_new_job(object.body);
    }
    auto stored = store.put(std::move(object));
    if (kind == "Job" && api::at(stored->body, "spec.selector").is_null()) {
        stored = store.put(with_job_selector(*stored));
    }
    if (kind == "Namespace") {
        ensure_default_account(store, stored->name()); // pods may follow in the same request
    }
    return stored;
}

ObjectPtr Cluster::Impl::update(const ObjectPtr& before, api::Object after) {
    if (after.key() != before->key()) {
        throw StatusError::bad_request(
            "the name of the object (" + after.name() + ") does not match the name on the URL (" +
            before->name() + ")");
    }
    if (is_typed(after.kind())) {
        if (const auto found = before->body.find("status"); found != before->body.end()) {
            after.body["status"] = *found; // a subresource: only controllers write it
        } else {
            after.body.erase("status");
        }
    }
    after.body["metadata"]["uid"] = before->uid(); // the rules for a Job ask for it
    for (const auto* field : {"deletionTimestamp", "deletionGracePeriodSeconds"}) {
        if (const auto& value = api::at(before->body["metadata"], field); !value.is_null()) {
            after.body["metadata"][field] = value; // no edit brings a deleted pod back
        } else {
            after.body["metadata"].erase(field);
        }
    }
    if (after.kind() == "Lab") {
        check_lab_unchanged(before->body, after.body);
    }
    if (after.kind() == "Service") {
        prepare_changed_service(before->body, after.body);
    }
    if (defaulter) {
        defaulter(after, false);
    }
    if (after.kind() == "Namespace") {
        default_namespace(after.body);
    }
    check_replicas(after.body, api::int_at(after.body, "spec.replicas", 0));
    check_immutable(before->body, after.body);
    if (after.kind() == "Service") {
        admit_changed_service(state.services(), before->body, after.body);
    }
    return store.put(std::move(after));
}

namespace {

void forget_last_applied(api::Object& object) {
    auto& metadata = object.body["metadata"];
    if (auto& annotations = metadata["annotations"]; annotations.is_object()) {
        annotations.erase(kLastApplied);
    }
    erase_if_empty(metadata, "annotations");
}

/// The object as it was written, where it belongs.
Json written_body(const api::Object& desired) {
    auto body = Json::parse(desired.written, nullptr, false);
    if (!body.is_object()) {
        return desired.body;
    }
    api::Object written{std::move(body), {}};
    written.body["apiVersion"] = desired.body["apiVersion"];
    if (!desired.ns().empty()) {
        written.body["metadata"]["namespace"] = desired.ns();
    }
    normalise(written);
    forget_last_applied(written);
    return std::move(written.body);
}

} // namespace

/// As kubectl's client-side apply: what the manifest does not mention, and did not before, stays as
/// it is; so the manifest is kept without its defaults.
ApplyResult Cluster::apply_object(api::Object desired) {
    normalise(desired);
    forget_last_applied(desired);
    const auto written = desired.written.empty() ? desired.body : written_body(desired);
    desired.written.clear();
    auto text = written.dump();
    text.shrink_to_fit(); // it is kept
    const auto before = impl_->store.get(desired.key());
    if (!before) {
        desired.body["metadata"]["annotations"][kLastApplied] = std::move(text);
        return {Applied::Created, impl_->create(std::move(desired))};
    }
    const auto& old_annotations = api::at(before->body, "metadata.annotations");
    const auto last = old_annotations.is_object()
                          ? old_annotations.value(kLastApplied, std::string{})
                          : std::string{};
    const auto original = last.empty() ? Json() : Json::parse(last, nullptr, false);
    // Without somebody who puts defaults in, they have to come from the manifest.
    const auto& modified = impl_->defaulter ? written : desired.body;
    api::Object merged{
        three_way_merge(original, modified, before->body, is_typed(desired.kind())),
        desired.source};
    merged.body["metadata"]["annotations"][kLastApplied] = std::move(text);
    auto stored = impl_->update(before, std::move(merged));
    return {stored == before ? Applied::Unchanged : Applied::Configured, std::move(stored)};
}

ObjectPtr Cluster::create_object(api::Object object) {
    normalise(object);
    if (object.name().empty()) {
        const auto base = api::string_at(object.body, "metadata.generateName");
        if (!base.empty()) {
            object.body["metadata"]["name"] =
                impl_->control.free_name(object.kind(), object.ns(), base);
        }
    }
    if (impl_->store.get(object.key())) {
        throw StatusError::already_exists(resource(object.body), object.name());
    }
    return impl_->create(std::move(object));
}

ObjectPtr Cluster::replace_object(api::Object object) {
    const auto wanted = api::string_at(object.body, "metadata.resourceVersion");
    normalise(object);
    const auto before = impl_->existing(object.key());
    if (!wanted.empty() && wanted != api::string_at(before->body, "metadata.resourceVersion")) {
        throw StatusError::conflict(
            resource(object.body),
            object.name(),
            "the object has been modified; please apply your changes to the latest version and try "
            "again");
    }
    return impl_->update(before, std::move(object));
}

ObjectPtr Cluster::patch(const api::ObjectKey& key, PatchKind kind, const Json& patch) {
    const auto before = impl_->existing(key);
    if (kind == PatchKind::Json ? !patch.is_array() : !patch.is_object()) {
        throw StatusError::bad_request(
            kind == PatchKind::Json ? "a JSON patch is a list of operations"
                                    : "a merge patch is a JSON object");
    }
    auto after = *before;
    switch (kind) {
    case PatchKind::Merge:
        after.body.merge_patch(patch);
        break;
    case PatchKind::Strategic:
        after.body = strategic_merge(after.body, patch);
        break;
    case PatchKind::Json:
        try {
            after.body = after.body.patch(patch);
        } catch (const Json::exception& error) {
            throw StatusError::invalid(qualified_kind(before->body), key.name, error.what());
        }
        break;
    }
    return impl_->update(before, std::move(after));
}

void Cluster::delete_object(
    const api::ObjectKey& key, Propagation propagation, std::optional<std::int64_t> grace) {
    const auto object = impl_->existing(key);
    static const std::vector<std::string> kImmortal{"default", "kube-public", "kube-system"};
    if (key.kind == "Namespace" &&
        std::find(kImmortal.begin(), kImmortal.end(), key.name) != kImmortal.end()) {
        throw StatusError::forbidden("namespaces", key.name, "this namespace may not be deleted");
    }
    if (key.kind == "Node") {
        throw StatusError::forbidden(
            "nodes", key.name, "the nodes of a lab live as long as the lab");
    }
    if (key.kind == "Lab") {
        auto error = StatusError::forbidden("labs", key.name, "it is up");
        error.set_hint("`labctl down " + key.name + "` takes it down");
        throw error;
    }
    if (propagation == Propagation::Orphan) {
        const auto dependents = impl_->state.dependents(object->uid()); // a copy
        for (const auto& dependent : dependents) {
            if (const auto owned = impl_->store.get(dependent)) {
                impl_->control.release(owned, object->uid());
            }
        }
    }
    const auto* pod = key.kind == "Pod" ? impl_->state.pod({key.ns, key.name}) : nullptr;
    if (pod != nullptr) {
        impl_->control.delete_pod("kubectl", nullptr, *pod, grace);
    } else {
        impl_->store.remove(key);
    }
}

void Cluster::end_pod(const api::ObjectKey& key, const std::string& uid) {
    const auto* pod = impl_->state.pod({key.ns, key.name});
    if (pod != nullptr && pod->terminating && pod->object->uid() == uid) {
        impl_->store.remove(key);
    }
}

ObjectPtr Cluster::scale(const api::ObjectKey& key, std::int64_t replicas) {
    const auto before = impl_->existing(key);
    static const std::vector<std::string> kScalable{"Deployment", "ReplicaSet", "StatefulSet"};
    if (std::find(kScalable.begin(), kScalable.end(), key.kind) == kScalable.end()) {
        throw StatusError(
            404,
            "NotFound",
            "a " + key.kind + " has no scale",
            "what can be scaled: Deployment, ReplicaSet, StatefulSet");
    }
    check_replicas(before->body, replicas);
    auto after = *before;
    after.body["spec"]["replicas"] = replicas;
    return impl_->update(before, std::move(after));
}

api::Object Cluster::Impl::edited_map(
    const api::Object& before,
    const char* field,
    const LabelChanges& changes,
    bool overwrite) const {
    auto after = before;
    auto& metadata = after.body["metadata"];
    auto& map = metadata[field];
    for (const auto& [name, value] : changes) {
        if (!value) {
            if (map.is_object()) {
                map.erase(name);
            }
            continue;
        }
        if (!overwrite && map.is_object() && map.contains(name) && map[name] != *value) {
            throw netemu::UsageError(
                "'" + name + "' already has a value (" + map[name].get<std::string>() +
                    "), and --overwrite is false",
                "add --overwrite to change it");
        }
        map[name] = *value;
    }
    erase_if_empty(metadata, field);
    return after;
}

ObjectPtr Cluster::Impl::edit_map(
    const api::ObjectKey& key, const char* field, const LabelChanges& changes, bool overwrite) {
    const auto before = existing(key);
    return update(before, edited_map(*before, field, changes, overwrite));
}

ObjectPtr Cluster::label(const api::ObjectKey& key, const LabelChanges& changes, bool overwrite) {
    return impl_->edit_map(key, "labels", changes, overwrite);
}

void Cluster::label(
    const std::vector<api::ObjectKey>& keys, const LabelChanges& changes, bool overwrite) {
    std::vector<std::pair<ObjectPtr, api::Object>> edits;
    for (const auto& key : keys) { // before the first is stored, so that none is if one cannot be
        auto before = impl_->existing(key);
        auto after = impl_->edited_map(*before, "labels", changes, overwrite);
        edits.emplace_back(std::move(before), std::move(after));
    }
    for (auto& [before, after] : edits) {
        impl_->update(before, std::move(after));
    }
}

ObjectPtr
Cluster::annotate(const api::ObjectKey& key, const LabelChanges& changes, bool overwrite) {
    return impl_->edit_map(key, "annotations", changes, overwrite);
}

ObjectPtr Cluster::set_ready(const api::ObjectKey& pod, std::optional<bool> ready) {
    if (pod.kind != "Pod") {
        throw StatusError::bad_request("only a Pod can be set ready, not a " + pod.kind);
    }
    std::optional<std::string> text;
    if (ready) {
        text = *ready ? "true" : "false";
    }
    return annotate(pod, {{kReadyAnnotation, text}}, true);
}

} // namespace labctl::compile
