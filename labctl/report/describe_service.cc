#include <algorithm>

#include "labctl/report/describe_parts.h"
#include "labctl/report/printer_kinds.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;

/// Whether the object is an EndpointSlice of the Service.
bool is_slice_of(const api::Object& candidate, const std::string& ns, const std::string& service) {
    if (candidate.kind() != "EndpointSlice" || candidate.ns() != ns) {
        return false;
    }
    const auto labels = candidate.labels();
    const auto name = labels.find("kubernetes.io/service-name");
    return name != labels.end() && name->second == service;
}

/// The addresses of a slice that are ready.
std::vector<std::string> ready_addresses(const Json& slice) {
    std::vector<std::string> addresses;
    for (const auto& endpoint : at(slice, "endpoints")) {
        if (api::bool_at(endpoint, "conditions.ready", true)) {
            for (const auto& address : at(endpoint, "addresses")) {
                addresses.push_back(plain(address));
            }
        }
    }
    return addresses;
}

std::string port_title(const Json& port, const char* field) {
    const auto name = string_at(port, "name");
    return visible(name.empty() ? "<unset>" : name) + "\t" +
           std::to_string(int_at(port, field, 0)) + "/" + string_at(port, "protocol", "TCP");
}

void describe_service_port(Description& out, const DescribeInput& input, const Json& port) {
    out.line(0, "Port:\t" + port_title(port, "port"));
    const auto& target = at(port, "targetPort");
    out.line(
        0,
        "TargetPort:\t" + visible(target.is_null() ? plain(at(port, "port")) : plain(target)) +
            "/" + string_at(port, "protocol", "TCP"));
    if (int_at(port, "nodePort", 0) > 0) {
        out.line(0, "NodePort:\t" + port_title(port, "nodePort"));
    }
    const auto& service = input.object;
    out.field(
        0,
        "Endpoints",
        port_endpoints(input, service.ns(), service.name(), string_at(port, "name")));
}

/// "172.18.255.200 (VIP)", as buildIngressString of kubectl.
std::string ingress_text(const Json& ingress) {
    std::vector<std::string> parts;
    for (const auto& entry : ingress) {
        const auto ip = string_at(entry, "ip");
        const auto mode = string_at(entry, "ipMode");
        parts.push_back(
            ip.empty() ? string_at(entry, "hostname")
                       : ip + (mode.empty() ? "" : " (" + mode + ")"));
    }
    return netemu::join(parts, ", ");
}

} // namespace

std::string port_endpoints(
    const DescribeInput& input,
    const std::string& ns,
    const std::string& service,
    const std::string& port_name) {
    constexpr std::size_t kShownMax = 3;
    std::vector<std::string> found;
    bool any_slice = false;
    for (const auto& candidate : input.options.related) {
        if (!is_slice_of(*candidate, ns, service)) {
            continue;
        }
        any_slice = true;
        for (const auto& own : at(candidate->body, "ports")) {
            if (string_at(own, "name") != port_name) {
                continue;
            }
            for (const auto& ip : ready_addresses(candidate->body)) {
                const bool v6 = ip.find(':') != std::string::npos;
                found.push_back(
                    (v6 ? "[" + ip + "]:" : ip + ":") + std::to_string(int_at(own, "port", 0)));
            }
        }
    }
    return with_more(found, kShownMax, any_slice ? "" : "<none>");
}

void describe_service(Description& out, const DescribeInput& input) {
    const auto& service = input.object.body;
    const auto optional_field = [&](const char* name, const char* path) {
        if (const auto text = string_at(service, path); !text.empty()) {
            out.field(0, name, text);
        }
    };
    out.field(0, "Name", input.object.name());
    out.field(0, "Namespace", input.object.ns());
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    out.field(0, "Selector", format_labels(at(service, "spec.selector")));
    out.field(0, "Type", string_at(service, "spec.type", "ClusterIP"));
    optional_field("IP Family Policy", "spec.ipFamilyPolicy");
    const auto& families = at(service, "spec.ipFamilies");
    out.field(0, "IP Families", families.empty() ? "<none>" : join_strings(families, ","));
    out.field(0, "IP", string_at(service, "spec.clusterIP"));
    const auto& ips = at(service, "spec.clusterIPs");
    out.field(0, "IPs", ips.empty() ? "<none>" : join_strings(ips, ","));
    if (const auto& external = at(service, "spec.externalIPs"); !external.empty()) {
        out.field(0, "External IPs", join_strings(external, ","));
    }
    optional_field("Desired LoadBalancer IP", "spec.loadBalancerIP");
    optional_field("External Name", "spec.externalName");
    if (const auto& ingress = at(service, "status.loadBalancer.ingress"); !ingress.empty()) {
        out.field(0, "LoadBalancer Ingress", ingress_text(ingress));
    }
    for (const auto& port : at(service, "spec.ports")) {
        describe_service_port(out, input, port);
    }
    out.field(0, "Session Affinity", string_at(service, "spec.sessionAffinity", "None"));
    optional_field("External Traffic Policy", "spec.externalTrafficPolicy");
    optional_field("Internal Traffic Policy", "spec.internalTrafficPolicy");
    optional_field("Traffic Distribution", "spec.trafficDistribution");
    if (const auto port = int_at(service, "spec.healthCheckNodePort", 0); port > 0) {
        out.field(0, "HealthCheck NodePort", std::to_string(port));
    }
    if (const auto& ranges = at(service, "spec.loadBalancerSourceRanges"); !ranges.empty()) {
        out.field(0, "LoadBalancer Source Ranges", join_strings(ranges, ","));
    }
}

} // namespace labctl::report
