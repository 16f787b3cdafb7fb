#include <algorithm>

#include "labctl/compile/control.h"
#include "labctl/compile/workloads.h"
#include "labctl/compile/workloads_deployment.h"

namespace labctl::compile {

namespace {

using api::Json;

std::int64_t
sum(const Rollout& rollout, bool with_current, std::int64_t (*number)(const api::ObjectPtr&)) {
    auto result = with_current ? number(rollout.current) : 0;
    for (const auto& object : rollout.old) {
        result += number(object);
    }
    return result;
}

/// reconcileNewReplicaSet of rolling.go.
bool grow(Control& control, const Rollout& rollout) {
    const auto current = replicas_of(rollout.current);
    auto wanted = rollout.replicas;
    if (current < rollout.replicas) {
        const auto room = rollout.replicas + rollout.max_surge - sum(rollout, true, replicas_of);
        wanted = room <= 0 ? current : current + std::min(room, rollout.replicas - current);
    }
    scale_replica_set(control, rollout, rollout.current, wanted);
    return wanted != current;
}

/// reconcileOldReplicaSets of rolling.go: first pods that are not available anyway, then as many
/// more as leave enough available ones.
bool shrink(Control& control, const Rollout& rollout) {
    if (sum(rollout, false, replicas_of) == 0) {
        return false;
    }
    const auto minimum = rollout.replicas - rollout.max_unavailable;
    const auto new_unavailable = replicas_of(rollout.current) - available_of(rollout.current);
    auto budget = sum(rollout, true, replicas_of) - minimum - new_unavailable;
    if (budget <= 0) {
        return false;
    }
    auto spare = std::max<std::int64_t>(0, sum(rollout, true, available_of) - minimum);
    bool changed = false;
    for (const auto& object : rollout.old) {
        const auto replicas = replicas_of(object);
        const auto unhealthy = std::clamp<std::int64_t>(replicas - available_of(object), 0, budget);
        const auto healthy =
            std::clamp<std::int64_t>(replicas - unhealthy, 0, std::min(spare, budget - unhealthy));
        budget -= unhealthy + healthy;
        spare -= healthy;
        if (unhealthy + healthy > 0) {
            scale_replica_set(control, rollout, object, replicas - unhealthy - healthy);
            changed = true;
        }
    }
    return changed;
}

Json dated(Json condition, const Json& previous_status, const std::string& now) {
    for (const auto& old : api::at(previous_status, "conditions")) {
        if (api::string_at(old, "type") == condition["type"] &&
            api::string_at(old, "status") == condition["status"] &&
            api::string_at(old, "reason") == condition["reason"]) {
            condition["lastUpdateTime"] = api::string_at(old, "lastUpdateTime", now);
            return condition;
        }
    }
    condition["lastUpdateTime"] = now;
    return condition;
}

Json conditions(const Control& control, const Rollout& rollout, bool complete) {
    const auto& before = api::at(rollout.deployment->body, "status");
    const bool available =
        sum(rollout, true, available_of) >= rollout.replicas - rollout.max_unavailable;
    const auto name = rollout.current ? "ReplicaSet \"" + rollout.current->name() + "\""
                                      : std::string("Deployment");
    Json result = Json::array();
    result.push_back(dated(
        make_condition(
            before,
            {"Available",
             available,
             available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
             available ? "Deployment has minimum availability."
                       : "Deployment does not have minimum availability."},
            control.now),
        before,
        control.now));
    result.push_back(dated(
        make_condition(
            before,
            {"Progressing",
             true,
             complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
             name + (complete ? " has successfully progressed." : " is progressing.")},
            control.now),
        before,
        control.now));
    if (rollout.current) {
        for (const auto& failure : api::at(rollout.current->body, "status.conditions")) {
            result.push_back(dated(failure, before, control.now));
        }
    }
    return result;
}

} // namespace

bool roll(Control& control, const Rollout& rollout) {
    return grow(control, rollout) || shrink(control, rollout);
}

bool recreate(Control& control, const Rollout& rollout) {
    bool changed = false;
    for (const auto& object : rollout.old) {
        changed = changed || replicas_of(object) > 0;
        scale_replica_set(control, rollout, object, 0);
    }
    const bool old_pods =
        std::any_of(rollout.old.begin(), rollout.old.end(), [&](const auto& object) {
            return !control.state.pods_of(object->uid()).empty();
        });
    if (changed || old_pods) {
        return true;
    }
    changed = replicas_of(rollout.current) != rollout.replicas;
    scale_replica_set(control, rollout, rollout.current, rollout.replicas);
    return changed;
}

void update_deployment_status(Control& control, const Rollout& rollout) {
    const auto number = [](const char* field) {
        return [field](const api::ObjectPtr& object) {
            return object ? api::int_at(object->body, std::string("status.") + field, 0)
                          : std::int64_t{0};
        };
    };
    const auto total_of = [&](const char* field) {
        auto result = number(field)(rollout.current);
        for (const auto& object : rollout.old) {
            result += number(field)(object);
        }
        return result;
    };
    const auto total = total_of("replicas");
    const auto available = total_of("availableReplicas");
    const auto updated = number("replicas")(rollout.current);
    const bool complete =
        updated == rollout.replicas && total == rollout.replicas && available == rollout.replicas;
    Json status{
        {"observedGeneration", api::int_at(rollout.deployment->body, "metadata.generation", 1)},
        {"conditions", conditions(control, rollout, complete)}};
    const auto set = [&](const char* field, std::int64_t value) {
        if (value != 0) {
            status[field] = value; // omitempty
        }
    };
    set("replicas", total);
    set("updatedReplicas", updated);
    set("readyReplicas", total_of("readyReplicas"));
    set("availableReplicas", available);
    set("terminatingReplicas", total_of("terminatingReplicas"));
    set("unavailableReplicas",
        std::max<std::int64_t>(0, std::max(total, rollout.replicas) - available));
    control.set_status(rollout.deployment, std::move(status));
}

} // namespace labctl::compile
