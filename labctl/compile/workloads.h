#pragma once

#include <string>

#include "labctl/api/object.h"

/// The workload controllers: each brings one object's pods (or ReplicaSets) and status nearer to
/// what the object says, given what there is now, and returns. Called again whenever something of
/// it has changed. Internal to this folder. Sources:
/// pkg/controller/{deployment,replicaset,statefulset,daemon,job} of Kubernetes 1.31.
namespace labctl::compile {

class Control;
struct PodInfo;

/// The label by which a StatefulSet or DaemonSet knows which template a pod was made from.
inline constexpr const char* kRevisionLabel = "controller-revision-hash";

void sync_replica_set(Control& control, const api::ObjectPtr& object);
void sync_deployment(Control& control, const api::ObjectPtr& object);
void sync_stateful_set(Control& control, const api::ObjectPtr& object);
void sync_daemon_set(Control& control, const api::ObjectPtr& object);
void sync_job(Control& control, const api::ObjectPtr& object);

/// intstr.IntOrString: 3, or "25%" of `total`, rounded up or down.
std::int64_t int_or_percent(
    const api::Json& value, std::int64_t fallback_percent, std::int64_t total, bool round_up);

/// The value of a pod's label, or "".
std::string label_of(const PodInfo& pod, const std::string& key);

} // namespace labctl::compile
