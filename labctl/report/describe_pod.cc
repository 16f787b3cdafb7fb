#include <algorithm>

#include "labctl/report/describe_parts.h"
#include "labctl/report/identity_text.h"
#include "labctl/report/printer.h"
#include "labctl/report/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::bool_at;
using api::int_at;
using api::Json;
using api::string_at;

std::string qos_class(const Json& pod) {
    auto known = string_at(pod, "status.qosClass");
    if (!known.empty()) {
        return known;
    }
    const auto& containers = at(pod, "spec.containers");
    const bool any = std::any_of(containers.begin(), containers.end(), [](const Json& container) {
        return !at(container, "resources.limits").empty() ||
               !at(container, "resources.requests").empty();
    });
    const bool all = std::all_of(containers.begin(), containers.end(), [](const Json& container) {
        const auto& limits = at(container, "resources.limits");
        const auto& requests = at(container, "resources.requests");
        return limits.contains("cpu") && limits.contains("memory") &&
               (requests.empty() || requests == limits);
    });
    return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

void describe_pod_head(Description& out, const api::Object& object) {
    const auto& pod = object.body;
    const auto node = string_at(pod, "spec.nodeName");
    out.field(0, "Name", object.name());
    out.field(0, "Namespace", object.ns());
    out.field(0, "Priority", std::to_string(int_at(pod, "spec.priority", 0)));
    if (const auto account = string_at(pod, "spec.serviceAccountName"); !account.empty()) {
        out.field(0, "Service Account", account);
    }
    out.field(0, "Node", node.empty() ? "<none>" : node + "/" + string_at(pod, "status.hostIP"));
    if (const auto start = string_at(pod, "status.startTime"); !start.empty()) {
        out.field(0, "Start Time", long_time(start));
    }
    out.labels(0, "Labels", object.labels());
    out.annotations(0, "Annotations", object.annotations());
    const auto status = pod_status(pod);
    out.field(0, "Status", status == "Terminating" ? status : string_at(pod, "status.phase"));
    if (const auto& grace = at(pod, "metadata.deletionGracePeriodSeconds"); !grace.is_null()) {
        out.field(0, "Termination Grace Period", grace.dump() + "s");
    }
    for (const auto& [label, path] :
         {std::pair{"Reason", "status.reason"}, std::pair{"Message", "status.message"}}) {
        if (const auto text = string_at(pod, path); !text.empty()) {
            out.field(0, label, text);
        }
    }
    out.field(0, "IP", string_at(pod, "status.podIP"));
    const auto& ips = at(pod, "status.podIPs");
    out.line(0, ips.empty() ? "IPs:\t<none>" : "IPs:");
    for (const auto& ip : ips) {
        out.field(1, "IP", string_at(ip, "ip"));
    }
    for (const auto& owner : at(pod, "metadata.ownerReferences")) {
        if (bool_at(owner, "controller", false)) {
            out.field(
                0, "Controlled By", string_at(owner, "kind") + "/" + string_at(owner, "name"));
        }
    }
}

} // namespace

void describe_pod(Description& out, const DescribeInput& input) {
    const auto& pod = input.object.body;
    describe_pod_head(out, input.object);
    const auto identity =
        identity_of_pod(input.options.identities, input.object.ns() + "/" + input.object.name());
    if (!identity.empty()) { // kubectl has no such line; `cilium endpoint get` has
        out.field(0, "Identity", identity);
    }
    describe_sidecar(out, input.options.mesh);
    if (!at(pod, "spec.initContainers").empty()) {
        describe_containers(
            out,
            "Init Containers",
            at(pod, "spec.initContainers"),
            at(pod, "status.initContainerStatuses"),
            &pod);
    }
    describe_containers(
        out, "Containers", at(pod, "spec.containers"), at(pod, "status.containerStatuses"), &pod);
    const auto& conditions = at(pod, "status.conditions");
    if (!conditions.empty()) {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus");
    }
    for (const auto& condition : conditions) {
        // The space before the tab is kubectl's.
        out.line(
            1,
            visible(string_at(condition, "type")) + " \t" +
                visible(string_at(condition, "status")));
    }
    describe_volumes(out, 0, at(pod, "spec.volumes"));
    out.field(0, "QoS Class", qos_class(pod));
    describe_placement(out, 0, at(pod, "spec"));
}

} // namespace labctl::report
