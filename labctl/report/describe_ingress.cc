#include <algorithm>

#include "labctl/report/describe_parts.h"
#include "labctl/report/printer_kinds.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

/// As describeIngressV1 and describeIngressClassV1 of kubectl write them.
namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;

const Json* find_service(const DescribeInput& input, const std::string& name) {
    for (const auto& candidate : input.options.related) {
        if (candidate->kind() == "Service" && candidate->ns() == input.object.ns() &&
            candidate->name() == name) {
            return &candidate->body;
        }
    }
    return nullptr;
}

/// "web:80 (10.244.1.2:8080,10.244.2.2:8080)"
std::string backend_text(const DescribeInput& input, const Json& backend) {
    const auto& wanted = at(backend, "service");
    if (!wanted.is_object()) {
        return "APIGroup: " + string_at(backend, "resource.apiGroup", "<none>") +
               ", Kind: " + string_at(backend, "resource.kind") +
               ", Name: " + string_at(backend, "resource.name");
    }
    const auto name = string_at(wanted, "name");
    const auto port_name = string_at(wanted, "port.name");
    const auto port_number = int_at(wanted, "port.number", 0);
    const auto title = name + ":" + (port_name.empty() ? std::to_string(port_number) : port_name);
    const auto* service = find_service(input, name);
    if (service == nullptr) {
        return title + " (<error: services \"" + name + "\" not found>)";
    }
    const auto& ports = at(*service, "spec.ports");
    const auto port = std::find_if(ports.begin(), ports.end(), [&](const Json& candidate) {
        return port_name.empty() ? int_at(candidate, "port", 0) == port_number
                                 : string_at(candidate, "name") == port_name;
    });
    const auto endpoints =
        port == ports.end()
            ? std::string()
            : port_endpoints(input, input.object.ns(), name, string_at(*port, "name"));
    return title + " (" + endpoints + ")";
}

void describe_tls(Description& out, const Json& tls) {
    if (tls.empty()) {
        return;
    }
    out.line(0, "TLS:");
    for (const auto& entry : tls) {
        const auto secret = string_at(entry, "secretName");
        const auto hosts = visible(join_strings(at(entry, "hosts"), ","));
        out.line(
            1, secret.empty() ? "SNI routes " + hosts : visible(secret) + " terminates " + hosts);
    }
}

void describe_rules(
    Description& out, const DescribeInput& input, const std::string& default_backend) {
    out.line(0, "Rules:");
    out.line(1, "Host\tPath\tBackends");
    out.line(1, "----\t----\t--------");
    bool any = false;
    for (const auto& rule : at(input.object.body, "spec.rules")) {
        const auto& paths = at(rule, "http.paths");
        if (!paths.is_array()) {
            continue;
        }
        any = true;
        const auto host = string_at(rule, "host");
        out.line(1, (host.empty() ? "*" : visible(host)) + "\t");
        for (const auto& path : paths) {
            out.line(
                2,
                "\t" + visible(string_at(path, "path")) + " \t" +
                    visible(backend_text(input, at(path, "backend"))));
        }
    }
    if (!any) {
        out.line(1, "*\t*\t" + visible(default_backend));
    }
}

} // namespace

void describe_ingress(Description& out, const DescribeInput& input) {
    const auto& ingress = input.object.body;
    out.field(0, "Name", input.object.name());
    out.labels(0, "Labels", input.object.labels());
    out.field(0, "Namespace", input.object.ns());
    out.field(0, "Address", netemu::join(load_balancer_addresses(ingress), ","));
    out.field(0, "Ingress Class", string_at(ingress, "spec.ingressClassName", "<none>"));
    const auto& backend = at(ingress, "spec.defaultBackend");
    const auto default_backend = backend.is_object() ? backend_text(input, backend) : "<default>";
    out.field(0, "Default backend", default_backend);
    describe_tls(out, at(ingress, "spec.tls"));
    describe_rules(out, input, default_backend);
    out.annotations(0, "Annotations", input.object.annotations());
}

void describe_ingress_class(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    out.field(0, "Name", input.object.name());
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    out.field(0, "Controller", string_at(spec, "controller"));
    if (const auto& parameters = at(spec, "parameters"); parameters.is_object()) {
        out.line(0, "Parameters:");
        out.field(1, "APIGroup", string_at(parameters, "apiGroup", "<none>"));
        out.field(1, "Kind", string_at(parameters, "kind"));
        out.field(1, "Name", string_at(parameters, "name"));
    }
}

} // namespace labctl::report
