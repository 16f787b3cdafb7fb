#pragma once

#include <cstdint>
#include <vector>

#include "labctl/api/object.h"

/// Parts of the Deployment controller. Internal to this folder.
namespace labctl::compile {

class Control;

/// A Deployment with its ReplicaSets, as one pass of the controller sees them.
struct Rollout {
    api::ObjectPtr deployment;
    api::ObjectPtr current; // the ReplicaSet of the present template; null before it exists
    std::vector<api::ObjectPtr> old; // the others, oldest first
    std::int64_t replicas = 1;
    std::int64_t max_surge = 0;
    std::int64_t max_unavailable = 0;
};

std::int64_t replicas_of(const api::ObjectPtr& replica_set); // spec.replicas; 0 for null
std::int64_t
available_of(const api::ObjectPtr& replica_set); // status.availableReplicas; 0 for null

/// One step of strategy RollingUpdate: scales at most the current ReplicaSet or some of the old
/// ones. Returns whether it did.
bool roll(Control& control, const Rollout& rollout);
/// Strategy Recreate: first no old pod, then all the new ones.
bool recreate(Control& control, const Rollout& rollout);
void update_deployment_status(Control& control, const Rollout& rollout);
/// Sets spec.replicas of a ReplicaSet and says so in an event of the Deployment.
void scale_replica_set(
    Control& control,
    const Rollout& rollout,
    const api::ObjectPtr& replica_set,
    std::int64_t replicas);

} // namespace labctl::compile
