#include <map>

#include "labctl/report/duration.h"
#include "labctl/report/printer_kinds.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;
using Cells = std::vector<Cell>;

std::string node_roles(const Json& node) {
    static constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
    std::vector<std::string> roles;
    for (const auto& [key, value] : api::labels_at(node, "metadata.labels")) {
        if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) {
            roles.push_back(key.substr(kPrefix.size()));
        } else if (key == "kubernetes.io/role" && !value.empty()) {
            roles.push_back(value);
        }
    }
    return or_none(netemu::join(roles, ","));
}

std::string node_address(const Json& node, std::string_view type) {
    for (const auto& address : at(node, "status.addresses")) {
        if (string_at(address, "type") == type) {
            return string_at(address, "address");
        }
    }
    return "<none>";
}

std::string pod_cidrs(const Json& node) {
    std::vector<std::string> ranges;
    for (const auto& range : at(node, "spec.podCIDRs")) {
        ranges.push_back(range.is_string() ? range.get<std::string>() : std::string{});
    }
    return or_none(ranges.empty() ? string_at(node, "spec.podCIDR") : netemu::join(ranges, ","));
}

/// kubectl's columns, and behind them one of ours: the range that the node's pods get their
/// addresses from.
Cells node_row(const Json& node, const PrintOptions& options) {
    const auto status = node_status(node);
    return {
        Cell(status, status == "Ready" ? Colour::Green : Colour::Yellow),
        node_roles(node),
        age_of(node, options),
        string_at(node, "status.nodeInfo.kubeletVersion"),
        node_address(node, "InternalIP"),
        node_address(node, "ExternalIP"),
        string_at(node, "status.nodeInfo.osImage", "<unknown>"),
        string_at(node, "status.nodeInfo.kernelVersion", "<unknown>"),
        string_at(node, "status.nodeInfo.containerRuntimeVersion", "<unknown>"),
        pod_cidrs(node)};
}

Cells namespace_row(const Json& body, const PrintOptions& options) {
    return {string_at(body, "status.phase", "Active"), age_of(body, options)};
}

Cells serviceaccount_row(const Json& body, const PrintOptions& options) {
    return {std::to_string(at(body, "secrets").size()), age_of(body, options)};
}

std::string entries(const Json& body) {
    return std::to_string(at(body, "data").size() + at(body, "binaryData").size());
}

Cells configmap_row(const Json& body, const PrintOptions& options) {
    return {entries(body), age_of(body, options)};
}

Cells secret_row(const Json& body, const PrintOptions& options) {
    return {string_at(body, "type", "Opaque"), entries(body), age_of(body, options)};
}

/// core/v1 and events.k8s.io/v1 name the same things differently.
Cells event_row(const Json& event, const PrintOptions& options) {
    const auto first_of = [&](std::initializer_list<const char*> paths) {
        for (const auto* path : paths) {
            if (auto text = string_at(event, path); !text.empty()) {
                return text;
            }
        }
        return std::string{};
    };
    const auto& object =
        at(event, at(event, "involvedObject").is_object() ? "involvedObject" : "regarding");
    const auto first = first_of({"firstTimestamp", "eventTime", "metadata.creationTimestamp"});
    const auto last = first_of({"lastTimestamp", "series.lastObservedTime", "eventTime"});
    const auto count = std::max<std::int64_t>(api::int_at(event, "count", 1), 1);
    const auto type = string_at(event, "type");
    return {
        age(last.empty() ? first : last, options.now),
        Cell(type, type == "Warning" ? Colour::Yellow : Colour::None),
        string_at(event, "reason"),
        netemu::to_lower(string_at(object, "kind")) + "/" + string_at(object, "name"),
        string_at(object, "fieldPath"),
        first_of({"source.component", "reportingComponent", "reportingController"}),
        first_of({"message", "note"}),
        age(first, options.now),
        std::to_string(count)};
}

Cells lab_row(const Json& lab, const PrintOptions& options) {
    const auto& nodes = at(lab, "spec.nodes");
    return {
        nodes.is_array()
            ? std::to_string(nodes.size())
            : std::to_string(nodes.is_number_integer() ? nodes.get<std::int64_t>() : 3),
        string_at(lab, "spec.cni.profile", "bridge"),
        string_at(lab, "spec.cni.overlay", "vxlan"),
        string_at(lab, "spec.proxy.mode", "nftables"),
        age_of(lab, options)};
}

Cells check_row(const Json& check, const PrintOptions& options) {
    const auto& spec = at(check, "spec");
    const auto& list = spec.is_array() ? spec : at(check, "spec.assertions");
    return {std::to_string(list.size()), age_of(check, options)};
}

} // namespace

std::string node_status(const Json& node) {
    std::string status = "Unknown";
    for (const auto& condition : at(node, "status.conditions")) {
        if (string_at(condition, "type") == "Ready") {
            status = string_at(condition, "status") == "True" ? "Ready" : "NotReady";
        }
    }
    return status + (api::bool_at(node, "spec.unschedulable", false) ? ",SchedulingDisabled" : "");
}

const KindPrinter* cluster_printer(const std::string& kind) {
    static const std::map<std::string, KindPrinter> kPrinters{
        {"Node",
         {{{"STATUS"},
           {"ROLES"},
           {"AGE"},
           {"VERSION"},
           {"INTERNAL-IP", true},
           {"EXTERNAL-IP", true},
           {"OS-IMAGE", true},
           {"KERNEL-VERSION", true},
           {"CONTAINER-RUNTIME", true},
           {"POD-CIDR", true}},
          node_row}},
        {"Namespace", {{{"STATUS"}, {"AGE"}}, namespace_row}},
        {"ServiceAccount", {{{"SECRETS"}, {"AGE"}}, serviceaccount_row}},
        {"ConfigMap", {{{"DATA"}, {"AGE"}}, configmap_row}},
        {"Secret", {{{"TYPE"}, {"DATA"}, {"AGE"}}, secret_row}},
        {"Event",
         {{{"LAST SEEN"},
           {"TYPE"},
           {"REASON"},
           {"OBJECT"},
           {"SUBOBJECT", true},
           {"SOURCE", true},
           {"MESSAGE"},
           {"FIRST SEEN", true},
           {"COUNT", true}},
          event_row,
          true}},
        {"Lab", {{{"NODES"}, {"CNI"}, {"OVERLAY"}, {"PROXY"}, {"AGE"}}, lab_row}},
        {"Check", {{{"ASSERTIONS"}, {"AGE"}}, check_row}},
    };
    const auto found = kPrinters.find(kind);
    return found == kPrinters.end() ? nullptr : &found->second;
}

} // namespace labctl::report
