#include "labctl/compile/pod_status.h"

#include <algorithm>

#include "labctl/api/containers.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::Json;

/// The entry of a list of objects whose `key` is `value`; null when there is none.
const Json& entry(const Json& list, const char* key, const std::string& value) {
    static const Json kNoEntry;
    if (list.is_array()) {
        for (const auto& item : list) {
            if (api::string_at(item, key) == value) {
                return item;
            }
        }
    }
    return kNoEntry;
}

class Builder {
public:
    Builder(const Json& pod, const PodFacts& facts, const std::string& now)
        : spec_(api::at(pod, "spec")), before_(api::at(pod, "status")), facts_(facts), now_(now) {
        runtime_ = facts.runtime.value_or(RuntimeState{});
        const auto word = api::at(pod, "metadata.annotations");
        const auto override_of_user =
            word.is_object() ? word.value(kReadyAnnotation, std::string{}) : std::string{};
        ready_ = runtime_.started && !runtime_.held &&
                 (override_of_user.empty() ? runtime_.ready : override_of_user == "true");
        running_ = runtime_.started;
        ended_ = runtime_.phase == "Succeeded" || runtime_.phase == "Failed";
        if (ended_) {
            ready_ = false;
        }
    }

    Json build() {
        Json status;
        api::add_field(status, "phase", phase());
        api::add_field(status, "qosClass", qos_class(spec_));
        if (!facts_.scheduled) {
            add_condition(status, "PodScheduled", false, "Unschedulable", facts_.problem);
            return status;
        }
        add_addresses(status);
        add_conditions(status);
        status["containerStatuses"] = containers("containers", "containerStatuses", false);
        if (const auto& init = api::at(spec_, "initContainers"); !init.empty()) {
            status["initContainerStatuses"] =
                containers("initContainers", "initContainerStatuses", running_ || ended_);
        }
        if (ended_ && !runtime_.reason.empty()) {
            status["reason"] = runtime_.reason;
        }
        if (!runtime_.message.empty()) {
            status["message"] = runtime_.message;
        }
        return status;
    }

private:
    /// The pod's network could not be made: its containers have to wait.
    [[nodiscard]] bool no_sandbox() const { return runtime_.reason == kNoSandbox; }

    [[nodiscard]] std::string phase() const {
        return ended_ ? runtime_.phase : running_ ? "Running" : "Pending";
    }

    void add_addresses(Json& status) {
        const auto list = [](const std::vector<std::string>& addresses) {
            Json result = Json::array();
            for (const auto& address : addresses) {
                Json item;
                api::add_field(item, "ip", address);
                result.push_back(std::move(item));
            }
            return result;
        };
        status["startTime"] = api::string_at(before_, "startTime", now_);
        if (!facts_.host_ips.empty()) {
            status["hostIP"] = facts_.host_ips.front();
            status["hostIPs"] = list(facts_.host_ips);
        }
        if (!facts_.pod_ips.empty()) {
            status["podIP"] = facts_.pod_ips.front();
            status["podIPs"] = list(facts_.pod_ips);
        }
    }

    void add_conditions(Json& status) {
        const auto& problem = no_sandbox() ? runtime_.message : facts_.problem;
        const bool sandbox = running_ || (ended_ && !facts_.pod_ips.empty());
        add_condition(
            status,
            "PodReadyToStartContainers",
            sandbox && !ended_,
            problem.empty() ? "" : kNoSandbox,
            problem);
        const bool initialized = running_ || ended_ || api::at(spec_, "initContainers").empty();
        add_condition(
            status, "Initialized", initialized, initialized ? "" : "ContainersNotInitialized", "");
        const auto reason = ready_                          ? ""
                            : runtime_.phase == "Succeeded" ? "PodCompleted"
                            : runtime_.phase == "Failed"    ? "PodFailed"
                                                            : "ContainersNotReady";
        const auto message = ready_ || ended_
                                 ? std::string{}
                                 : "containers with unready status: [" + container_names() + "]";
        add_condition(status, "Ready", ready_, reason, message);
        add_condition(status, "ContainersReady", ready_, reason, message);
        add_condition(status, "PodScheduled", true, "", "");
    }

    [[nodiscard]] std::string container_names() const {
        std::vector<std::string> names;
        for (const auto& container : api::at(spec_, "containers")) {
            names.push_back(api::string_at(container, "name"));
        }
        return netemu::join(names, " ");
    }

    void add_condition(
        Json& status,
        const char* type,
        bool value,
        const std::string& reason,
        const std::string& message) {
        const char* text = value ? "True" : "False";
        const auto& old = entry(api::at(before_, "conditions"), "type", type);
        const bool same = api::string_at(old, "status") == text;
        Json condition;
        api::add_field(
            condition,
            "lastTransitionTime",
            same ? api::string_at(old, "lastTransitionTime", now_) : now_);
        if (!message.empty()) {
            api::add_field(condition, "message", message);
        }
        if (!reason.empty()) {
            api::add_field(condition, "reason", reason);
        }
        api::add_field(condition, "status", text);
        api::add_field(condition, "type", type);
        status["conditions"].push_back(std::move(condition));
    }

    /// `done`: these are init containers that have run.
    Json containers(const char* field, const char* old_field, bool done) {
        Json result = Json::array();
        for (const auto& container : api::at(spec_, field)) {
            const auto name = api::string_at(container, "name");
            const auto& old = entry(api::at(before_, old_field), "name", name);
            const bool is_init = std::string_view(field) == "initContainers" &&
                                 !(done && api::is_sidecar_container(container));
            Json entry_of_it;
            api::add_field(entry_of_it, "image", api::string_at(container, "image"));
            api::add_field(entry_of_it, "imageID", "");
            api::add_field(entry_of_it, "lastState", Json::object());
            api::add_field(entry_of_it, "name", name);
            api::add_field(entry_of_it, "ready", is_init ? done : ready_);
            api::add_field(entry_of_it, "restartCount", is_init ? 0 : runtime_.restarts);
            api::add_field(entry_of_it, "started", !is_init && running_ && !ended_);
            api::add_field(entry_of_it, "state", is_init ? init_state(old, done) : state(old));
            result.push_back(std::move(entry_of_it));
        }
        return result;
    }

    [[nodiscard]] Json init_state(const Json& old, bool done) const {
        if (!done) {
            return {{"waiting", {{"reason", "PodInitializing"}}}};
        }
        const auto finished = api::string_at(old, "state.terminated.finishedAt", now_);
        return {
            {"terminated",
             {{"exitCode", 0},
              {"reason", "Completed"},
              {"startedAt", finished},
              {"finishedAt", finished}}}};
    }

    [[nodiscard]] Json state(const Json& old) const {
        if (ended_) {
            const auto reason = !runtime_.reason.empty()        ? runtime_.reason
                                : runtime_.phase == "Succeeded" ? "Completed"
                                                                : "Error";
            Json terminated{
                {"exitCode", runtime_.exit_code},
                {"reason", reason},
                {"finishedAt", api::string_at(old, "state.terminated.finishedAt", now_)}};
            const auto started = api::string_at(
                old,
                "state.terminated.startedAt",
                api::string_at(old, "state.running.startedAt", now_));
            terminated["startedAt"] = started;
            return {{"terminated", std::move(terminated)}};
        }
        if (running_) {
            const bool same = api::int_at(old, "restartCount", 0) == runtime_.restarts;
            const auto since = same ? api::string_at(old, "state.running.startedAt", now_) : now_;
            Json running;
            api::add_field(running, "startedAt", since);
            Json state;
            api::add_field(state, "running", std::move(running));
            return state;
        }
        Json waiting;
        if (!runtime_.message.empty()) {
            api::add_field(waiting, "message", runtime_.message);
        }
        api::add_field(
            waiting,
            "reason",
            runtime_.reason.empty() || no_sandbox() ? "ContainerCreating" : runtime_.reason);
        Json state;
        api::add_field(state, "waiting", std::move(waiting));
        return state;
    }

    const Json& spec_;
    const Json& before_;
    const PodFacts& facts_;
    const std::string& now_;
    RuntimeState runtime_;
    bool running_ = false;
    bool ready_ = false;
    bool ended_ = false;
};

} // namespace

Json pod_status(const Json& pod, const PodFacts& facts, const std::string& now) {
    const auto& before = api::at(pod, "status");
    const auto phase = api::string_at(before, "phase");
    if (!facts.runtime && (phase == "Succeeded" || phase == "Failed")) {
        return before; // it ended in an earlier life of the lab
    }
    return Builder(pod, facts, now).build();
}

std::string qos_class(const Json& pod_spec) {
    bool any = false;
    bool guaranteed = true;
    for (const auto* field : {"containers", "initContainers"}) {
        for (const auto& container : api::at(pod_spec, field)) {
            for (const auto* resource : {"cpu", "memory"}) {
                const auto& limit = api::at(api::at(container, "resources.limits"), resource);
                const auto& request = api::at(api::at(container, "resources.requests"), resource);
                any = any || !limit.is_null() || !request.is_null();
                guaranteed =
                    guaranteed && !limit.is_null() && (request.is_null() || request == limit);
            }
        }
    }
    return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

} // namespace labctl::compile
