#include <algorithm>
#include <optional>
#include <utility>

#include "labctl/report/duration.h"
#include "labctl/report/printer.h"

/// The rules of printPod in pkg/printers/internalversion/printers.go of Kubernetes.
namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;

/// Why a terminated container ended: its reason, or its signal or exit code.
std::string ended_because(const Json& terminated, const std::string& prefix) {
    const auto reason = string_at(terminated, "reason");
    if (!reason.empty()) {
        return prefix + reason;
    }
    const auto signal = int_at(terminated, "signal", 0);
    return signal != 0 ? prefix + "Signal:" + std::to_string(signal)
                       : prefix + "ExitCode:" + std::to_string(int_at(terminated, "exitCode", 0));
}

bool condition_is_true(const Json& pod, std::string_view type) {
    const auto& conditions = at(pod, "status.conditions");
    return std::any_of(conditions.begin(), conditions.end(), [&](const Json& condition) {
        return string_at(condition, "type") == type && string_at(condition, "status") == "True";
    });
}

bool is_restartable_init(const Json& pod, const std::string& name) {
    const auto& containers = at(pod, "spec.initContainers");
    return std::any_of(containers.begin(), containers.end(), [&](const Json& container) {
        return string_at(container, "name") == name &&
               string_at(container, "restartPolicy") == "Always";
    });
}

/// What the first unfinished init container says; nullopt when all are through.
std::optional<std::string> init_status(const Json& pod) {
    const auto total = at(pod, "spec.initContainers").size();
    std::size_t index = 0;
    for (const auto& container : at(pod, "status.initContainerStatuses")) {
        const auto& terminated = at(container, "state.terminated");
        const bool done = terminated.is_object() && int_at(terminated, "exitCode", 0) == 0;
        const bool serving = is_restartable_init(pod, string_at(container, "name")) &&
                             api::bool_at(container, "started", false);
        if (!done && !serving) {
            if (terminated.is_object()) {
                return ended_because(terminated, "Init:");
            }
            const auto waiting = string_at(container, "state.waiting.reason");
            return waiting.empty() || waiting == "PodInitializing"
                       ? "Init:" + std::to_string(index) + "/" + std::to_string(total)
                       : "Init:" + waiting;
        }
        ++index;
    }
    return std::nullopt;
}

/// The last container that has something to say comes first in the list, so it is read backwards.
std::string container_status(const Json& pod, std::string reason) {
    const auto& statuses = at(pod, "status.containerStatuses");
    bool running = false;
    for (auto i = statuses.size(); i-- > 0;) {
        const auto& state = at(statuses[i], "state");
        const auto waiting = string_at(state, "waiting.reason");
        if (!waiting.empty()) {
            reason = waiting;
        } else if (at(state, "terminated").is_object()) {
            reason = ended_because(at(state, "terminated"), "");
        } else if (api::bool_at(statuses[i], "ready", false) && at(state, "running").is_object()) {
            running = true;
        }
    }
    if (reason == "Completed" && running) {
        return condition_is_true(pod, "Ready") ? "Running" : "NotReady";
    }
    return reason;
}

} // namespace

std::string pod_status(const Json& pod) {
    const auto phase = string_at(pod, "status.phase", "Unknown");
    auto reason = string_at(pod, "status.reason", phase);
    for (const auto& condition : at(pod, "status.conditions")) {
        if (string_at(condition, "type") == "PodScheduled" &&
            string_at(condition, "reason") == "SchedulingGated") {
            reason = "SchedulingGated";
        }
    }
    const auto init = init_status(pod);
    if (init && !condition_is_true(pod, "Initialized")) {
        reason = *init;
    } else {
        reason = container_status(pod, init.value_or(reason));
    }
    const bool deleted = at(pod, "metadata.deletionTimestamp").is_string();
    if (deleted && string_at(pod, "status.reason") == "NodeLost") {
        return "Unknown";
    }
    return deleted && phase != "Succeeded" && phase != "Failed" ? "Terminating" : reason;
}

std::string pod_ready(const Json& pod) {
    auto total = at(pod, "spec.containers").size();
    std::size_t ready = 0;
    for (const auto& status : at(pod, "status.containerStatuses")) {
        const bool running = at(status, "state.running").is_object();
        ready += running && api::bool_at(status, "ready", false) ? 1U : 0U;
    }
    for (const auto& container : at(pod, "spec.initContainers")) {
        total += string_at(container, "restartPolicy") == "Always" ? 1U : 0U;
    }
    for (const auto& status : at(pod, "status.initContainerStatuses")) {
        const bool counts = is_restartable_init(pod, string_at(status, "name"));
        ready += counts && api::bool_at(status, "ready", false) ? 1U : 0U;
    }
    return std::to_string(ready) + "/" + std::to_string(total);
}

std::string pod_restarts(const Json& pod, std::int64_t now) {
    std::int64_t restarts = 0;
    std::optional<std::int64_t> last;
    for (const auto& status : at(pod, "status.containerStatuses")) {
        restarts += int_at(status, "restartCount", 0);
        const auto finished = parse_time(string_at(status, "lastState.terminated.finishedAt"));
        last = std::max(last, finished);
    }
    const auto text = std::to_string(restarts);
    return restarts == 0 || !last ? text : text + " (" + human_duration(now - *last) + " ago)";
}

} // namespace labctl::report
