#include "labctl/report/describe_parts.h"
#include "labctl/report/duration.h"
#include "labctl/report/printer.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;

std::string number(const Json& body, std::string_view path, std::int64_t fallback = 0) {
    return std::to_string(int_at(body, path, fallback));
}

std::string amount(const Json& value, const char* fallback) {
    return value.is_null() ? fallback : plain(value);
}

struct PodCounts {
    std::size_t running = 0;
    std::size_t waiting = 0;
    std::size_t succeeded = 0;
    std::size_t failed = 0;
};

PodCounts count_pods(const DescribeInput& input) {
    PodCounts counts;
    for (const auto& candidate : input.options.related) {
        if (candidate->kind() != "Pod" || !owned_by(*candidate, input.object)) {
            continue;
        }
        const auto phase = string_at(candidate->body, "status.phase");
        ++(phase == "Running"     ? counts.running
           : phase == "Succeeded" ? counts.succeeded
           : phase == "Failed"    ? counts.failed
                                  : counts.waiting);
    }
    return counts;
}

void deployment_numbers(Description& out, const Json& body) {
    out.line(
        0,
        "Replicas:\t" + number(body, "spec.replicas", 1) + " desired | " +
            number(body, "status.updatedReplicas") + " updated | " +
            number(body, "status.replicas") + " total | " +
            number(body, "status.availableReplicas") + " available | " +
            number(body, "status.unavailableReplicas") + " unavailable");
    const auto type = string_at(body, "spec.strategy.type", "RollingUpdate");
    out.field(0, "StrategyType", type);
    out.field(0, "MinReadySeconds", number(body, "spec.minReadySeconds"));
    if (type == "RollingUpdate") {
        const auto& rolling = at(body, "spec.strategy.rollingUpdate");
        out.field(
            0,
            "RollingUpdateStrategy",
            amount(at(rolling, "maxUnavailable"), "25%") + " max unavailable, " +
                amount(at(rolling, "maxSurge"), "25%") + " max surge");
    }
}

void daemonset_numbers(Description& out, const Json& body) {
    for (const auto& [label, field] :
         {std::pair{"Desired Number of Nodes Scheduled", "status.desiredNumberScheduled"},
          std::pair{"Current Number of Nodes Scheduled", "status.currentNumberScheduled"},
          std::pair{
              "Number of Nodes Scheduled with Up-to-date Pods", "status.updatedNumberScheduled"},
          std::pair{"Number of Nodes Scheduled with Available Pods", "status.numberAvailable"},
          std::pair{"Number of Nodes Misscheduled", "status.numberMisscheduled"}}) {
        out.line(0, std::string(label) + ": " + number(body, field));
    }
}

void job_numbers(Description& out, const Json& body) {
    out.field(0, "Parallelism", number(body, "spec.parallelism", 1));
    out.field(0, "Completions", number(body, "spec.completions", 1));
    for (const auto& [label, path] :
         {std::pair{"Start Time", "status.startTime"},
          std::pair{"Completed At", "status.completionTime"}}) {
        if (const auto time = string_at(body, path); !time.empty()) {
            out.field(0, label, long_time(time));
        }
    }
    const auto start = parse_time(string_at(body, "status.startTime"));
    const auto end = parse_time(string_at(body, "status.completionTime"));
    if (start && end) {
        out.field(0, "Duration", human_duration(*end - *start));
    }
    const bool ready = at(body, "status.ready").is_number();
    out.line(
        0,
        "Pods Statuses:\t" + number(body, "status.active") + " Active" +
            (ready ? " (" + number(body, "status.ready") + " Ready)" : "") + " / " +
            number(body, "status.succeeded") + " Succeeded / " + number(body, "status.failed") +
            " Failed");
}

void pod_numbers(Description& out, const DescribeInput& input) {
    const auto counts = count_pods(input);
    out.line(
        0,
        "Pods Status:\t" + std::to_string(counts.running) + " Running / " +
            std::to_string(counts.waiting) + " Waiting / " + std::to_string(counts.succeeded) +
            " Succeeded / " + std::to_string(counts.failed) + " Failed");
}

void describe_template(Description& out, const Json& pod_template) {
    const auto& spec = at(pod_template, "spec");
    out.line(0, "Pod Template:");
    out.labels(1, "Labels", api::labels_at(pod_template, "metadata.labels"));
    if (const auto annotations = api::labels_at(pod_template, "metadata.annotations");
        !annotations.empty()) {
        out.annotations(1, "Annotations", annotations);
    }
    if (const auto account = string_at(spec, "serviceAccountName"); !account.empty()) {
        out.field(1, "Service Account", account);
    }
    if (!at(spec, "initContainers").empty()) {
        describe_containers(out, "Init Containers", at(spec, "initContainers"), Json(), nullptr);
    }
    describe_containers(out, "Containers", at(spec, "containers"), Json(), nullptr);
    describe_volumes(out, 1, at(spec, "volumes"));
    describe_placement(out, 1, spec);
}

void describe_claims(Description& out, const Json& claims) {
    out.line(0, claims.empty() ? "Volume Claims:\t<none>" : "Volume Claims:");
    for (const auto& claim : claims) {
        out.field(1, "Name", string_at(claim, "metadata.name"));
        out.field(1, "StorageClass", string_at(claim, "spec.storageClassName"));
        out.field(1, "Capacity", plain(at(claim, "spec.resources.requests.storage")));
        out.field(1, "Access Modes", "[" + join_strings(at(claim, "spec.accessModes"), " ") + "]");
    }
}

void describe_workload_conditions(Description& out, const Json& conditions) {
    if (conditions.empty()) {
        return;
    }
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus\tReason");
    out.line(1, "----\t------\t------");
    for (const auto& condition : conditions) {
        out.line(
            1,
            visible(string_at(condition, "type")) + " \t" +
                visible(string_at(condition, "status")) + "\t" +
                visible(string_at(condition, "reason")));
    }
}

/// The ReplicaSets of a Deployment: the one with its template, and those that are left of former
/// ones.
void describe_replicasets(Description& out, const DescribeInput& input) {
    std::vector<std::string> old;
    std::string current = "<none>";
    auto wanted = at(input.object.body, "spec.template");
    for (const auto& candidate : input.options.related) {
        if (candidate->kind() != "ReplicaSet" || !owned_by(*candidate, input.object)) {
            continue;
        }
        auto own = at(candidate->body, "spec.template");
        if (own.contains("metadata") && own["metadata"].contains("labels")) {
            own["metadata"]["labels"].erase("pod-template-hash");
        }
        const auto text = candidate->name() + " (" + number(candidate->body, "status.replicas") +
                          "/" + number(candidate->body, "spec.replicas", 1) + " replicas created)";
        if (at(own, "spec") == at(wanted, "spec") &&
            api::labels_at(own, "metadata.labels") == api::labels_at(wanted, "metadata.labels")) {
            current = text;
        } else {
            old.push_back(text);
        }
    }
    out.field(0, "OldReplicaSets", old.empty() ? "<none>" : netemu::join(old, ", "));
    out.field(0, "NewReplicaSet", current);
}

} // namespace

void describe_workload(Description& out, const DescribeInput& input) {
    const auto& object = input.object;
    const auto& body = object.body;
    const auto kind = object.kind();
    out.field(0, "Name", object.name());
    out.field(0, "Namespace", object.ns());
    if (kind == "Deployment" || kind == "StatefulSet") {
        out.field(0, "CreationTimestamp", long_time(string_at(body, "metadata.creationTimestamp")));
    }
    const auto selector = format_selector(at(body, "spec.selector"));
    if (kind != "Deployment") {
        out.field(0, "Selector", selector);
    }
    if (kind == "DaemonSet") {
        out.labels(0, "Node-Selector", api::labels_at(body, "spec.template.spec.nodeSelector"));
    }
    out.labels(0, "Labels", object.labels());
    out.annotations(0, "Annotations", object.annotations());
    for (const auto& owner : at(body, "metadata.ownerReferences")) {
        if (api::bool_at(owner, "controller", false)) {
            out.field(
                0, "Controlled By", string_at(owner, "kind") + "/" + string_at(owner, "name"));
        }
    }
    if (kind == "Deployment") {
        out.field(0, "Selector", selector); // kubectl has it in different places
        deployment_numbers(out, body);
    } else if (kind == "DaemonSet") {
        daemonset_numbers(out, body);
        pod_numbers(out, input);
    } else if (kind == "Job") {
        job_numbers(out, body);
    } else {
        const char* middle = kind == "ReplicaSet" ? " current / " : " desired | ";
        const char* last = kind == "ReplicaSet" ? " desired" : " total";
        const auto desired = number(body, "spec.replicas", 1);
        const auto total = number(body, "status.replicas");
        const bool current_first = kind == "ReplicaSet";
        out.line(
            0,
            "Replicas:\t" + (current_first ? total : desired) + middle +
                (current_first ? desired : total) + last);
        if (kind == "StatefulSet") {
            out.field(0, "Update Strategy", string_at(body, "spec.updateStrategy.type"));
        }
        pod_numbers(out, input);
    }
    describe_template(out, at(body, "spec.template"));
    if (kind == "StatefulSet") {
        describe_claims(out, at(body, "spec.volumeClaimTemplates"));
    }
    if (kind != "Job") {
        describe_workload_conditions(out, at(body, "status.conditions"));
    }
    if (kind == "Deployment") {
        describe_replicasets(out, input);
    }
}

} // namespace labctl::report
