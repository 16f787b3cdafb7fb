#include "labctl/compile/workloads_deployment.h"

#include <algorithm>
#include <charconv>

#include "labctl/api/naming.h"
#include "labctl/compile/control.h"
#include "labctl/compile/workloads.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kDeploymentController = "deployment-controller";
constexpr const char* kHashLabel = "pod-template-hash";
constexpr const char* kRevision = "deployment.kubernetes.io/revision";
constexpr const char* kDesired = "deployment.kubernetes.io/desired-replicas";
constexpr const char* kMaximum = "deployment.kubernetes.io/max-replicas";
constexpr std::int64_t kDefaultRevisionHistory = 10;

std::int64_t revision_of(const api::ObjectPtr& object) {
    const auto& annotations = api::at(object->body, "metadata.annotations");
    const auto text =
        annotations.is_object() ? annotations.value(kRevision, std::string{}) : std::string{};
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// EqualIgnoreHash of deployment_util.go.
bool same_template(const Json& of_replica_set, const Json& of_deployment) {
    if (api::at(of_replica_set, "spec") != api::at(of_deployment, "spec")) {
        return false;
    }
    auto metadata = api::at(of_replica_set, "metadata");
    if (metadata.is_object() && metadata.contains("labels")) {
        metadata["labels"].erase(kHashLabel);
    }
    return metadata == api::at(of_deployment, "metadata");
}

/// The Deployment's ReplicaSets by age; those that no longer match are let go.
std::vector<api::ObjectPtr> claim(Control& control, const api::ObjectPtr& deployment) {
    const auto selector = api::Selector::from_json(api::at(deployment->body, "spec.selector"));
    control.adopt(*deployment, "ReplicaSet", selector);
    std::vector<api::ObjectPtr> result;
    const auto keys = control.state.dependents(deployment->uid()); // a copy: releasing changes it
    for (const auto& key : keys) {
        const auto object = key.kind == "ReplicaSet" ? control.store.get(key) : nullptr;
        if (!object) {
            continue;
        }
        if (selector.matches(object->labels())) {
            result.push_back(object);
        } else {
            control.release(object, deployment->uid());
        }
    }
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
        const auto revision_a = revision_of(a);
        const auto revision_b = revision_of(b);
        return revision_a != revision_b ? revision_a < revision_b : a->name() < b->name();
    });
    return result;
}

Rollout look(Control& control, const api::ObjectPtr& deployment) {
    Rollout rollout;
    rollout.deployment = deployment;
    const auto& spec = api::at(deployment->body, "spec");
    rollout.replicas = api::int_at(spec, "replicas", 1);
    if (api::string_at(spec, "strategy.type", "RollingUpdate") == "RollingUpdate") {
        const auto& surge = api::at(spec, "strategy.rollingUpdate.maxSurge");
        const auto& unavailable = api::at(spec, "strategy.rollingUpdate.maxUnavailable");
        rollout.max_surge = int_or_percent(surge, 25, rollout.replicas, true);
        rollout.max_unavailable = int_or_percent(unavailable, 25, rollout.replicas, false);
        if (rollout.max_surge == 0 && rollout.max_unavailable == 0) {
            rollout.max_unavailable = 1; // ResolveFenceposts
        }
        rollout.max_unavailable = std::min(rollout.max_unavailable, rollout.replicas);
    }
    for (auto& object : claim(control, deployment)) {
        if (!rollout.current &&
            same_template(api::at(object->body, "spec.template"), api::at(spec, "template"))) {
            rollout.current = std::move(object);
        } else {
            rollout.old.push_back(std::move(object));
        }
    }
    return rollout;
}

std::int64_t next_revision(const Rollout& rollout) {
    std::int64_t newest = 0;
    for (const auto& object : rollout.old) {
        newest = std::max(newest, revision_of(object));
    }
    return newest + 1;
}

void set_revision(Control& control, const api::ObjectPtr& object, std::int64_t revision) {
    if (revision_of(object) != revision) {
        control.edit(object, [&](Json& body) {
            body["metadata"]["annotations"][kRevision] = std::to_string(revision);
        });
    }
}

/// How many replicas the current ReplicaSet may have now: NewRSNewReplicas of deployment_util.go.
std::int64_t allowed_replicas(const Rollout& rollout) {
    const auto& strategy = api::at(rollout.deployment->body, "spec.strategy");
    if (api::string_at(strategy, "type", "RollingUpdate") == "Recreate") {
        return rollout.replicas;
    }
    auto pods = replicas_of(rollout.current);
    for (const auto& object : rollout.old) {
        pods += replicas_of(object);
    }
    const auto current = replicas_of(rollout.current);
    const auto room = rollout.replicas + rollout.max_surge - pods;
    return room <= 0 ? current : current + std::min(room, rollout.replicas - current);
}

Json annotations_for(const Rollout& rollout, std::int64_t revision) {
    Json annotations = Json::object();
    for (const auto& [key, value] : rollout.deployment->annotations()) {
        if (key != "kubectl.kubernetes.io/last-applied-configuration") {
            annotations[key] = value;
        }
    }
    annotations[kRevision] = std::to_string(revision);
    annotations[kDesired] = std::to_string(rollout.replicas);
    annotations[kMaximum] = std::to_string(rollout.replicas + rollout.max_surge);
    return annotations;
}

/// A ReplicaSet of the present template. `collisions` keeps its name from being taken already.
api::Object make_replica_set(const Rollout& rollout, std::int64_t collisions) {
    const auto& spec = api::at(rollout.deployment->body, "spec");
    auto pod_template = api::at(spec, "template");
    const auto hash = api::pod_template_hash(pod_template, collisions);
    pod_template["metadata"]["labels"][kHashLabel] = hash;
    auto selector = api::at(spec, "selector");
    selector["matchLabels"][kHashLabel] = hash;
    api::Object object;
    object.source = rollout.deployment->source;
    object.body = {
        {"apiVersion", "apps/v1"},
        {"kind", "ReplicaSet"},
        {"metadata",
         {{"name", rollout.deployment->name() + "-" + hash},
          {"namespace", rollout.deployment->ns()},
          {"labels", pod_template["metadata"]["labels"]},
          {"annotations", annotations_for(rollout, next_revision(rollout))},
          {"ownerReferences", Json::array({controller_reference(*rollout.deployment)})}}},
        {"spec", {{"replicas", 0}, {"selector", std::move(selector)}}}};
    object.body["spec"]["template"] = std::move(pod_template);
    if (const auto ready = api::int_at(spec, "minReadySeconds", 0); ready > 0) {
        object.body["spec"]["minReadySeconds"] = ready;
    }
    return object;
}

void create_current(Control& control, const Rollout& rollout) {
    constexpr std::int64_t kCollisionsMax = 100;
    std::int64_t collisions = 0;
    auto object = make_replica_set(rollout, collisions);
    while (control.store.get(object.key()) && collisions < kCollisionsMax) {
        object = make_replica_set(rollout, ++collisions); // another's, or of another template
    }
    const bool waits =
        api::string_at(rollout.deployment->body, "spec.strategy.type") == "Recreate" &&
        std::any_of(rollout.old.begin(), rollout.old.end(), [&](const auto& old) {
            return !control.state.pods_of(old->uid()).empty();
        });
    const auto replicas = waits ? 0 : allowed_replicas(rollout);
    object.body["spec"]["replicas"] = replicas;
    const auto name = object.name();
    control.store.put(std::move(object));
    if (replicas > 0) {
        control.events.normal(
            kDeploymentController,
            *rollout.deployment,
            "ScalingReplicaSet",
            "Scaled up replica set " + name + " from 0 to " + std::to_string(replicas));
    }
}

bool complete(const Rollout& rollout) {
    const auto all_gone = std::all_of(rollout.old.begin(), rollout.old.end(), [](const auto& old) {
        return replicas_of(old) == 0 && api::int_at(old->body, "status.replicas", 0) == 0;
    });
    return all_gone && available_of(rollout.current) == rollout.replicas;
}

void drop_old_history(Control& control, const Rollout& rollout) {
    const auto limit =
        api::int_at(rollout.deployment->body, "spec.revisionHistoryLimit", kDefaultRevisionHistory);
    auto excess = static_cast<std::int64_t>(rollout.old.size()) - limit;
    for (const auto& object : rollout.old) { // oldest revision first
        if (excess-- <= 0) {
            return;
        }
        control.store.remove(object->key());
    }
}

} // namespace

std::int64_t replicas_of(const api::ObjectPtr& replica_set) {
    return replica_set ? api::int_at(replica_set->body, "spec.replicas", 1) : 0;
}

std::int64_t available_of(const api::ObjectPtr& replica_set) {
    return replica_set ? api::int_at(replica_set->body, "status.availableReplicas", 0) : 0;
}

void scale_replica_set(
    Control& control,
    const Rollout& rollout,
    const api::ObjectPtr& replica_set,
    std::int64_t replicas) {
    const auto before = replicas_of(replica_set);
    if (before == replicas) {
        return;
    }
    control.edit(replica_set, [&](Json& body) {
        body["spec"]["replicas"] = replicas;
        auto& annotations = body["metadata"]["annotations"];
        annotations[kDesired] = std::to_string(rollout.replicas);
        annotations[kMaximum] = std::to_string(rollout.replicas + rollout.max_surge);
    });
    control.events.normal(
        kDeploymentController,
        *rollout.deployment,
        "ScalingReplicaSet",
        std::string("Scaled ") + (replicas > before ? "up" : "down") + " replica set " +
            replica_set->name() + " from " + std::to_string(before) + " to " +
            std::to_string(replicas));
}

void sync_deployment(Control& control, const api::ObjectPtr& object) {
    const auto rollout = look(control, object);
    if (api::bool_at(object->body, "spec.paused", false)) {
        // Scaling still works: of the ReplicaSet that is alone in having pods.
        if (rollout.current &&
            std::all_of(rollout.old.begin(), rollout.old.end(), [](const auto& old) {
                return replicas_of(old) == 0;
            })) {
            scale_replica_set(control, rollout, rollout.current, rollout.replicas);
        }
        update_deployment_status(control, rollout);
        return;
    }
    if (!rollout.current) {
        create_current(control, rollout); // which brings us here again
        update_deployment_status(control, rollout);
        return;
    }
    const auto revision = std::max(next_revision(rollout), revision_of(rollout.current));
    if (revision_of(rollout.current) != revision) {
        set_revision(control, rollout.current, revision);
        return;
    }
    if (revision_of(object) != revision) {
        set_revision(control, object, revision);
        return;
    }
    const bool rolling =
        api::string_at(object->body, "spec.strategy.type", "RollingUpdate") != "Recreate";
    const bool changed = rolling ? roll(control, rollout) : recreate(control, rollout);
    if (!changed && complete(rollout)) {
        drop_old_history(control, rollout);
    }
    update_deployment_status(control, rollout);
}

} // namespace labctl::compile
