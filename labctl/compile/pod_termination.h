#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"

/// What happens between the deletion of a pod and its end. Pure. Sources: the Kubernetes
/// documentation, "Pod Lifecycle", Termination of Pods; KEP-3960 (sleep as a lifecycle action).
namespace labctl::compile {

/// On a Pod: how many seconds, decimals allowed, the built-in workload goes on serving after it was
/// told to end. Without it there is nothing for it to finish, and it ends at once.
inline constexpr const char* kTerminationAnnotation = "labctl.dev/termination-seconds";

/// The grace period of a pod that names none.
inline constexpr std::int64_t kGraceSecondsDefault = 30;

struct Termination {
    /// Before it is told to end: the longest sleep among its containers' preStop hooks (`sleep`, or
    /// an `exec` that only sleeps). Other hooks have nobody to run them and take no time.
    std::chrono::milliseconds pre_stop{0};
    /// From then to its end; nullopt for a real process, which ends when it likes.
    std::optional<std::chrono::milliseconds> work;

    /// Whether the pod outlives the moment of its deletion.
    [[nodiscard]] bool takes_time() const {
        return !work || pre_stop + *work > std::chrono::milliseconds(0);
    }
};

/// `process`: a command runs in it (runs_process).
Termination termination_of(const api::Json& pod, bool process);

/// What is wrong with the pod's kTerminationAnnotation, or nothing.
std::optional<std::string> termination_problem(const api::Json& pod);

/// spec.terminationGracePeriodSeconds, or the default.
std::int64_t grace_seconds(const api::Json& pod);

/// The first of the lab's rules for this container's image; nullptr without one.
const ImageRule* image_rule(const std::vector<ImageRule>& rules, const api::Json& container);

/// Whether a real command runs in the pod: the first container that a rule is for decides.
bool runs_process(const std::vector<ImageRule>& rules, const api::Json& pod);

} // namespace labctl::compile
