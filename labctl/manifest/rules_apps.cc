#include <algorithm>
#include <array>
#include <charconv>

#include "labctl/api/naming.h"
#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "labctl/manifest/rules_meta.h"
#include "labctl/manifest/rules_pod.h"

namespace labctl::manifest {

namespace {

using api::Json;

/// Fills `rollingUpdate` of a strategy that rolls.
void default_rolling(Json& strategy, std::initializer_list<std::pair<const char*, Json>> values) {
    const auto type = api::string_at(strategy, "type");
    if (!type.empty() && type != "RollingUpdate") {
        return;
    }
    auto& rolling = strategy["rollingUpdate"];
    if (rolling.is_null()) {
        rolling = Json::object();
    }
    for (const auto& [name, value] : values) {
        if (rolling.is_object() && api::at(rolling, name).is_null()) {
            rolling[name] = value;
        }
    }
}

/// A number that is not negative, or a percentage up to 100%.
void check_share(const Cursor& share, bool limited) {
    if (share.is_number() && share.number() < 0) {
        share.invalid("must be greater than or equal to 0");
    }
    if (!share.is_text()) {
        return;
    }
    const auto why = percent_or_number(share.text());
    share.check(why);
    int percent = 0;
    std::from_chars(share.text().data(), share.text().data() + share.text().size(), percent);
    if (why.empty() && limited && percent > 100) {
        share.invalid("must not be greater than 100%");
    }
}

bool is_zero(const Cursor& share) {
    return (share.is_number() && share.number() == 0) || share.is("0%");
}

void check_restart_policy(const Cursor& pod_spec, std::span<const std::string_view> allowed) {
    const auto policy = pod_spec["restartPolicy"];
    const bool known = policy.is("Always") || policy.is("OnFailure") || policy.is("Never");
    if (known && std::find(allowed.begin(), allowed.end(), policy.text()) == allowed.end()) {
        policy.unsupported(allowed);
    }
}

/// What all controllers that keep pods running have in common.
void check_running_workload(const Cursor& spec, std::string_view kind) {
    constexpr std::array<std::string_view, 1> kAlways{"Always"};
    check_workload_selector(spec, kind);
    const auto pod_spec = spec["template"]["spec"];
    check_restart_policy(pod_spec, kAlways);
    if (pod_spec["activeDeadlineSeconds"].present()) {
        pod_spec["activeDeadlineSeconds"].forbidden(
            "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
    check_volume_mounts(pod_spec, spec["volumeClaimTemplates"]);
}

} // namespace

void default_deployment_strategy(Json& strategy) {
    default_rolling(strategy, {{"maxSurge", "25%"}, {"maxUnavailable", "25%"}});
}

void check_deployment_strategy(const Cursor& strategy) {
    const auto rolling = strategy["rollingUpdate"];
    if (strategy["type"].is("Recreate") && rolling.present()) {
        rolling.forbidden("may not be specified when strategy `type` is 'Recreate'");
        return;
    }
    check_share(rolling["maxUnavailable"], true);
    check_share(rolling["maxSurge"], false);
    if (is_zero(rolling["maxUnavailable"]) && is_zero(rolling["maxSurge"])) {
        rolling["maxUnavailable"].invalid("may not be 0 when `maxSurge` is 0");
    }
}

void check_deployment_spec(const Cursor& spec) {
    check_running_workload(spec, "deployment");
    const auto deadline = spec["progressDeadlineSeconds"];
    if (deadline.is_number() && deadline.number() <= spec["minReadySeconds"].number()) {
        deadline.invalid("must be greater than minReadySeconds");
    }
}

void check_replica_set_spec(const Cursor& spec) {
    check_running_workload(spec, "deployment"); // the API server says "deployment" here too
}

void default_stateful_set_strategy(Json& strategy) {
    default_rolling(strategy, {{"partition", 0}});
}

void check_stateful_set_spec(const Cursor& spec) {
    check_running_workload(spec, "statefulset");
    if (!spec["serviceName"].text().empty()) {
        spec["serviceName"].check(dns_label(spec["serviceName"].text()));
    }
}

void default_daemon_set_strategy(Json& strategy) {
    default_rolling(strategy, {{"maxUnavailable", 1}, {"maxSurge", 0}});
}

void check_daemon_set_strategy(const Cursor& strategy) {
    const auto rolling = strategy["rollingUpdate"];
    check_share(rolling["maxUnavailable"], true);
    check_share(rolling["maxSurge"], true);
    if (strategy["type"].is("RollingUpdate") && is_zero(rolling["maxUnavailable"]) &&
        is_zero(rolling["maxSurge"])) {
        rolling["maxUnavailable"].required("cannot be 0 when maxSurge is 0");
    }
}

void check_daemon_set_spec(const Cursor& spec) {
    check_running_workload(spec, "daemonset");
}

void default_job_spec(Json& spec) {
    const bool completions = !api::at(spec, "completions").is_null();
    const bool parallelism = !api::at(spec, "parallelism").is_null();
    if (!completions && !parallelism) {
        spec["completions"] = 1;
    }
    if (!parallelism) {
        spec["parallelism"] = 1;
    }
    if (api::at(spec, "podReplacementPolicy").is_null()) {
        const bool failures = !api::at(spec, "podFailurePolicy").is_null();
        spec["podReplacementPolicy"] = failures ? "Failed" : "TerminatingOrFailed";
    }
}

void check_job_spec(const Cursor& spec) {
    constexpr std::array<std::string_view, 2> kJobPolicies{"Never", "OnFailure"};
    const auto pod_spec = spec["template"]["spec"];
    check_restart_policy(pod_spec, kJobPolicies);
    check_volume_mounts(pod_spec, spec["volumeClaimTemplates"]);
    if (spec["completionMode"].is("Indexed") && !spec["completions"].present()) {
        spec["completions"].required("when completion mode is Indexed");
    }
}

/// A selector is either the user's own or the one that was made for this very Job
/// (validateGeneratedSelector of pkg/apis/batch/validation).
void check_job(const Cursor& job) {
    const auto spec = job["spec"];
    const auto selector = spec["selector"];
    if (!selector.present()) {
        return;
    }
    if (spec["manualSelector"].flag()) {
        check_workload_selector(spec, "job");
        return;
    }
    const auto metadata = job["metadata"];
    const auto uid = metadata["uid"].text();
    const Json labels(api::job_labels(metadata["name"].text(), uid));
    if (uid.empty() || selector.size() == 0 ||
        !selector_matches(selector, Cursor(job.report(), labels, selector.path()))) {
        selector.invalid(
            "`selector` not auto-generated", "leave it out: a Job's selector is made for it");
    }
}

} // namespace labctl::manifest
