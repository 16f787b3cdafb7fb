#include <algorithm>

#include "labctl/report/describe_parts.h"
#include "labctl/report/duration.h"
#include "labctl/report/identity_text.h"
#include "labctl/report/printer.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string roles_of(const api::Labels& labels) {
    static constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
    std::vector<std::string> roles;
    for (const auto& [key, value] : labels) {
        if (key.starts_with(kPrefix)) {
            roles.push_back(key.substr(kPrefix.size()));
        }
    }
    return roles.empty() ? "<none>" : netemu::join(roles, ",");
}

void describe_taints(Description& out, const Json& unsorted) {
    std::vector<Json> taints(unsorted.begin(), unsorted.end());
    std::ranges::stable_sort(taints, {}, [](const Json& taint) { return string_at(taint, "key"); });
    if (taints.empty()) {
        out.field(0, "Taints", "<none>");
    }
    bool first = true;
    for (const auto& taint : taints) {
        const auto value = string_at(taint, "value");
        out.line(
            0,
            (first ? "Taints:\t" : "\t") + visible(string_at(taint, "key")) +
                (value.empty() ? "" : "=" + visible(value)) + ":" +
                visible(string_at(taint, "effect")));
        first = false;
    }
}

void describe_node_conditions(Description& out, const Json& conditions) {
    if (conditions.empty()) {
        return;
    }
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
    out.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for (const auto& condition : conditions) {
        const auto text = [&](const char* field) { return visible(string_at(condition, field)); };
        out.line(
            1,
            text("type") + " \t" + text("status") + " \t" +
                long_time(string_at(condition, "lastHeartbeatTime")) + " \t" +
                long_time(string_at(condition, "lastTransitionTime")) + " \t" + text("reason") +
                " \t" + text("message"));
    }
}

void describe_amounts(Description& out, const char* name, const Json& amounts) {
    if (amounts.empty()) {
        return;
    }
    out.line(0, std::string(name) + ":");
    for (const auto& [resource, amount] : amounts.items()) {
        out.field(1, visible(resource), plain(amount));
    }
}

void describe_system(Description& out, const Json& info) {
    out.line(0, "System Info:");
    for (const auto& [label, field] :
         {std::pair{"Machine ID", "machineID"},
          std::pair{"System UUID", "systemUUID"},
          std::pair{"Boot ID", "bootID"},
          std::pair{"Kernel Version", "kernelVersion"},
          std::pair{"OS Image", "osImage"},
          std::pair{"Operating System", "operatingSystem"},
          std::pair{"Architecture", "architecture"},
          std::pair{"Container Runtime Version", "containerRuntimeVersion"},
          std::pair{"Kubelet Version", "kubeletVersion"},
          std::pair{"Kube-Proxy Version", "kubeProxyVersion"}}) {
        out.field(1, label, string_at(info, field));
    }
}

/// What its tunnel to the other nodes has carried, where that is counted.
void describe_tunnel(Description& out, const DescribeInput& input) {
    const auto& tunnels = at(input.options.identities, "tunnels");
    const auto found = tunnels.find(input.object.name());
    if (found == tunnels.end()) {
        return;
    }
    out.line(0, "Tunnel:");
    out.field(1, "Sent", at(*found, "sent").dump());
    out.field(1, "Received", at(*found, "received").dump());
    out.field(1, "Dropped", at(*found, "dropped").dump());
    out.field(1, "Reasons", tunnel_drops_text(*found));
}

/// The addresses of the node's own DNS cache, "169.254.20.10 (kube-system/node-local-dns-x)".
void describe_dns_cache(Description& out, const DescribeInput& input) {
    for (const auto& candidate : input.options.related) {
        if (candidate->kind() != "Pod" ||
            string_at(candidate->body, "spec.nodeName") != input.object.name()) {
            continue;
        }
        for (const auto& container : at(candidate->body, "spec.containers")) {
            const auto& words = at(container, "args");
            const auto flag = std::find(words.begin(), words.end(), "-localip");
            const bool cache =
                string_at(container, "image").find("/k8s-dns-node-cache") != std::string::npos;
            if (cache && flag != words.end() && std::next(flag) != words.end()) {
                out.field(
                    0,
                    "DNS cache",
                    plain(*std::next(flag)) + " (" + visible(candidate->ns()) + "/" +
                        visible(candidate->name()) + ")");
            }
        }
    }
}

/// Unlike kubectl, which shows resources here: they mean nothing in a lab, addresses do.
void describe_pods(Description& out, const DescribeInput& input) {
    std::vector<const api::Object*> pods;
    for (const auto& candidate : input.options.related) {
        const auto phase = string_at(candidate->body, "status.phase");
        if (candidate->kind() == "Pod" &&
            string_at(candidate->body, "spec.nodeName") == input.object.name() &&
            phase != "Succeeded" && phase != "Failed") {
            pods.push_back(candidate.get());
        }
    }
    out.field(0, "Non-terminated Pods", "(" + std::to_string(pods.size()) + " in total)");
    if (pods.empty()) {
        return;
    }
    out.line(1, "Namespace\tName\tIP\tStatus\tAge");
    out.line(1, "---------\t----\t--\t------\t---");
    for (const auto* pod : pods) {
        out.line(
            1,
            visible(pod->ns()) + "\t" + visible(pod->name()) + "\t" +
                visible(string_at(pod->body, "status.podIP", "<none>")) + "\t" +
                visible(pod_status(pod->body)) + "\t" +
                age(string_at(pod->body, "metadata.creationTimestamp"), input.options.now));
    }
}

} // namespace

void describe_node(Description& out, const DescribeInput& input) {
    const auto& node = input.object.body;
    out.field(0, "Name", input.object.name());
    out.field(0, "Roles", roles_of(input.object.labels()));
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    out.field(0, "CreationTimestamp", long_time(string_at(node, "metadata.creationTimestamp")));
    describe_taints(out, at(node, "spec.taints"));
    out.field(
        0, "Unschedulable", api::bool_at(node, "spec.unschedulable", false) ? "true" : "false");
    describe_node_conditions(out, at(node, "status.conditions"));
    out.line(0, "Addresses:");
    for (const auto& address : at(node, "status.addresses")) {
        out.field(1, visible(string_at(address, "type")), string_at(address, "address"));
    }
    describe_amounts(out, "Capacity", at(node, "status.capacity"));
    describe_amounts(out, "Allocatable", at(node, "status.allocatable"));
    if (at(node, "status.nodeInfo").is_object()) {
        describe_system(out, at(node, "status.nodeInfo"));
    }
    if (const auto range = string_at(node, "spec.podCIDR"); !range.empty()) {
        out.field(0, "PodCIDR", range);
        out.field(0, "PodCIDRs", join_strings(at(node, "spec.podCIDRs"), ","));
    }
    describe_tunnel(out, input);
    describe_dns_cache(out, input);
    describe_pods(out, input);
}

} // namespace labctl::report
