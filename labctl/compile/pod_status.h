#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/runtime_state.h"

/// A Pod's status as Kubernetes shows it, out of what scheduler, IPAM and runtime know. Pure.
namespace labctl::compile {

/// On a Pod, "true" or "false": the user's word on its readiness (`labctl set ready=`).
inline constexpr const char* kReadyAnnotation = "labctl.dev/ready";

/// RuntimeState::reason of a pod whose network could not be made; the message says why.
inline constexpr const char* kNoSandbox = "FailedCreatePodSandBox";

struct PodFacts {
    bool scheduled = false;
    std::string problem; // why it is not scheduled or has no address; empty otherwise
    std::vector<std::string> host_ips;
    std::vector<std::string> pod_ips;
    std::optional<RuntimeState> runtime;
};

/// The whole status. Times of the previous status in `pod` are kept for what has not changed; `now`
/// is a metav1.Time.
api::Json pod_status(const api::Json& pod, const PodFacts& facts, const std::string& now);

/// "Guaranteed", "Burstable" or "BestEffort": the rules of the Kubernetes documentation, "Pod
/// Quality of Service Classes", over the containers' and init containers' requests and limits.
std::string qos_class(const api::Json& pod_spec);

} // namespace labctl::compile
