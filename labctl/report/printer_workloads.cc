#include <algorithm>
#include <map>

#include "labctl/report/duration.h"
#include "labctl/report/printer_kinds.h"

namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;
using Cells = std::vector<Cell>;

Colour colour_of_status(const std::string& status) {
    if (status == "Running" || status == "Completed" || status == "Succeeded") {
        return Colour::Green;
    }
    const bool waits = status == "Pending" || status == "ContainerCreating" ||
                       status == "PodInitializing" || status == "Terminating" ||
                       status == "NotReady" || status.starts_with("Init:");
    return waits ? Colour::Yellow : Colour::Red;
}

Cells pod_row(const Json& pod, const PrintOptions& options) {
    const auto status = pod_status(pod);
    const auto gates = at(pod, "spec.readinessGates").size();
    return {
        pod_ready(pod),
        Cell(status, colour_of_status(status)),
        pod_restarts(pod, options.now),
        age_of(pod, options),
        or_none(string_at(pod, "status.podIP")),
        or_none(string_at(pod, "spec.nodeName")),
        or_none(string_at(pod, "status.nominatedNodeName")),
        gates == 0 ? "<none>" : "0/" + std::to_string(gates)};
}

/// The wide columns of everything that has a pod template.
Cells template_cells(const Json& body) {
    const auto& containers = at(body, "spec.template.spec.containers");
    return {
        joined(containers, "name"),
        joined(containers, "image"),
        format_selector(at(body, "spec.selector"))};
}

Cells append(Cells cells, const Cells& more) {
    cells.insert(cells.end(), more.begin(), more.end());
    return cells;
}

std::string ready_of(const Json& body) {
    return number_at(body, "status.readyReplicas") + "/" +
           std::to_string(int_at(body, "spec.replicas", 1));
}

Cells deployment_row(const Json& body, const PrintOptions& options) {
    return append(
        {ready_of(body),
         number_at(body, "status.updatedReplicas"),
         number_at(body, "status.availableReplicas"),
         age_of(body, options)},
        template_cells(body));
}

Cells replicaset_row(const Json& body, const PrintOptions& options) {
    return append(
        {std::to_string(int_at(body, "spec.replicas", 1)),
         number_at(body, "status.replicas"),
         number_at(body, "status.readyReplicas"),
         age_of(body, options)},
        template_cells(body));
}

Cells statefulset_row(const Json& body, const PrintOptions& options) {
    auto cells = template_cells(body);
    cells.pop_back(); // it has no SELECTOR column
    return append({ready_of(body), age_of(body, options)}, cells);
}

Cells daemonset_row(const Json& body, const PrintOptions& options) {
    return append(
        {number_at(body, "status.desiredNumberScheduled"),
         number_at(body, "status.currentNumberScheduled"),
         number_at(body, "status.numberReady"),
         number_at(body, "status.updatedNumberScheduled"),
         number_at(body, "status.numberAvailable"),
         format_labels(at(body, "spec.template.spec.nodeSelector")),
         age_of(body, options)},
        template_cells(body));
}

/// The first of these counts (kubernetes pkg/printers/internalversion/printers.go, printJob).
std::string job_status(const Json& job) {
    const auto has = [&](const char* type) {
        const auto& conditions = at(job, "status.conditions");
        return std::any_of(conditions.begin(), conditions.end(), [type](const Json& condition) {
            return string_at(condition, "type") == type && string_at(condition, "status") == "True";
        });
    };
    const bool ends = at(job, "metadata.deletionTimestamp").is_string();
    for (const auto* type : {"Complete", "Failed"}) {
        if (has(type)) {
            return type;
        }
    }
    for (const auto* type : {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
        if (!ends && has(type)) {
            return type;
        }
    }
    return ends ? "Terminating" : "Running";
}

std::string job_completions(const Json& job) {
    const auto succeeded = number_at(job, "status.succeeded");
    const auto completions = int_at(job, "spec.completions", 0);
    const auto parallelism = int_at(job, "spec.parallelism", 0);
    if (completions > 0) {
        return succeeded + "/" + std::to_string(completions);
    }
    return parallelism > 1 ? succeeded + "/1 of " + std::to_string(parallelism) : succeeded + "/1";
}

std::string job_duration(const Json& job, std::int64_t now) {
    const auto start = parse_time(string_at(job, "status.startTime"));
    const auto end = parse_time(string_at(job, "status.completionTime"));
    return start ? human_duration(end.value_or(now) - *start) : "";
}

Cells job_row(const Json& job, const PrintOptions& options) {
    return append(
        {job_status(job),
         job_completions(job),
         job_duration(job, options.now),
         age_of(job, options)},
        template_cells(job));
}

} // namespace

const KindPrinter* workload_printer(const std::string& kind) {
    static const std::map<std::string, KindPrinter> kPrinters{
        {"Pod",
         {{{"READY"},
           {"STATUS"},
           {"RESTARTS"},
           {"AGE"},
           {"IP", true},
           {"NODE", true},
           {"NOMINATED NODE", true},
           {"READINESS GATES", true}},
          pod_row}},
        {"Deployment",
         {{{"READY"},
           {"UP-TO-DATE"},
           {"AVAILABLE"},
           {"AGE"},
           {"CONTAINERS", true},
           {"IMAGES", true},
           {"SELECTOR", true}},
          deployment_row}},
        {"ReplicaSet",
         {{{"DESIRED"},
           {"CURRENT"},
           {"READY"},
           {"AGE"},
           {"CONTAINERS", true},
           {"IMAGES", true},
           {"SELECTOR", true}},
          replicaset_row}},
        {"StatefulSet",
         {{{"READY"}, {"AGE"}, {"CONTAINERS", true}, {"IMAGES", true}}, statefulset_row}},
        {"DaemonSet",
         {{{"DESIRED"},
           {"CURRENT"},
           {"READY"},
           {"UP-TO-DATE"},
           {"AVAILABLE"},
           {"NODE SELECTOR"},
           {"AGE"},
           {"CONTAINERS", true},
           {"IMAGES", true},
           {"SELECTOR", true}},
          daemonset_row}},
        {"Job",
         {{{"STATUS"},
           {"COMPLETIONS"},
           {"DURATION"},
           {"AGE"},
           {"CONTAINERS", true},
           {"IMAGES", true},
           {"SELECTOR", true}},
          job_row}},
    };
    const auto found = kPrinters.find(kind);
    return found == kPrinters.end() ? nullptr : &found->second;
}

} // namespace labctl::report
