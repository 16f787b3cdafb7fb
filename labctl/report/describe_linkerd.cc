#include "labctl/report/describe_parts.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

/// Proxies and policies of Linkerd, in words, and whom they concern now.
namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string list_text(const Json& list, const char* if_empty = "<none>") {
    const auto text = join_strings(list, ", ");
    return text.empty() ? if_empty : text;
}

std::string governor_text(const Json& port) {
    const auto server = string_at(port, "governs");
    return server.empty() ? "default policy " + string_at(port, "default") : server;
}

void describe_linkerd_port(Description& out, const std::string& name, const Json& port) {
    out.line(
        2,
        name + "\t" + visible(string_at(port, "protocol")) + "\t" + visible(governor_text(port)) +
            "\t" + visible(list_text(at(port, "authorizations"), "<none>: all is denied")));
}

void describe_head(Description& out, const DescribeInput& input) {
    out.field(0, "Name", input.object.name());
    out.field(0, "Namespace", input.object.ns());
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
}

void describe_authorizations(Description& out, int level, const Json& list) {
    if (list.empty()) {
        out.field(level, "Authorizations", "<none>");
        return;
    }
    out.line(level, "Authorizations:");
    for (const auto& one : list) {
        out.line(
            level + 1, visible(string_at(one, "name")) + "\t" + visible(string_at(one, "text")));
    }
}

std::string governed_ports(const Json& pod) {
    std::string text;
    for (const auto& port : at(pod, "ports")) {
        const auto by = string_at(port, "by");
        text += (text.empty() ? "" : ", ") + at(port, "port").dump() +
                (by.empty() ? "" : " (governed by Server " + by + ")");
    }
    return text;
}

void describe_routes(Description& out, const Json& routes) {
    if (routes.empty()) {
        out.field(0, "HTTPRoutes", "<none> (every request is the Server's)");
        return;
    }
    out.line(0, "HTTPRoutes:");
    for (const auto& route : routes) {
        out.line(
            1, visible(string_at(route, "name")) + "\t" + visible(list_text(at(route, "rules"))));
        describe_authorizations(out, 2, at(route, "authorizations"));
    }
}

/// "MeshTLSAuthentication/web" of a reference.
std::string reference_text(const Json& reference) {
    const auto ns = string_at(reference, "namespace");
    return string_at(reference, "kind") + " " + (ns.empty() ? "" : ns + "/") +
           string_at(reference, "name");
}

} // namespace

void describe_linkerd_proxy(Description& out, const Json& mesh) {
    out.field(1, "Sidecar", "yes (linkerd-proxy)");
    out.field(1, "Identity", string_at(mesh, "id"));
    out.line(1, "Inbound:");
    out.line(2, "Port\tProtocol\tGoverned By\tAuthorizations");
    out.line(2, "----\t--------\t-----------\t--------------");
    for (const auto& port : at(mesh, "ports")) {
        describe_linkerd_port(out, at(port, "port").dump(), port);
    }
    describe_linkerd_port(out, "others", at(mesh, "others"));
}

void describe_linkerd_server(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    const auto& mesh = input.options.mesh;
    describe_head(out, input);
    out.field(0, "Port", plain(at(spec, "port")));
    out.field(0, "Protocol", string_at(spec, "proxyProtocol", "unknown"));
    out.field(0, "Access Policy", string_at(spec, "accessPolicy", "deny"));
    if (!mesh.is_object()) {
        out.field(
            0, "Governs", "nothing: the lab has no mesh of Linkerd (spec.mesh.profile: linkerd)");
        return;
    }
    const auto& pods = at(mesh, "pods");
    if (pods.empty()) {
        out.field(0, "Governs", "<none> (it selects no port of a pod with a proxy)");
    } else {
        out.line(0, "Governs:");
        for (const auto& pod : pods) {
            out.line(1, visible(string_at(pod, "pod")) + "\t" + visible(governed_ports(pod)));
        }
    }
    if (const auto& without = at(mesh, "without"); !without.empty()) {
        out.field(0, "Without Proxy", list_text(without) + " (so it has no effect there)");
    }
    describe_authorizations(out, 0, at(mesh, "authorizations"));
    describe_routes(out, at(mesh, "routes"));
    for (const auto& ignored : at(mesh, "ignored")) {
        out.field(0, "Ignored", plain(ignored));
    }
}

void describe_linkerd_authorization(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    const auto& mesh = input.options.mesh;
    describe_head(out, input);
    out.field(0, "Target", reference_text(at(spec, "targetRef")));
    const auto& required = at(spec, "requiredAuthenticationRefs");
    std::vector<std::string> references;
    for (const auto& reference : required) {
        references.push_back(reference_text(reference));
    }
    out.field(
        0,
        "Requires",
        references.empty() ? "nothing (anybody is authorized)" : netemu::join(references, " and "));
    if (!mesh.is_object()) {
        out.field(
            0,
            "Applies To",
            "nothing: the lab has no mesh of Linkerd (spec.mesh.profile: linkerd)");
        return;
    }
    const auto problem = string_at(mesh, "problem");
    out.field(
        0,
        "Applies To",
        problem.empty() ? list_text(at(mesh, "targets"), "<none> (its target is not there)")
                        : "nothing: it is ignored, as " + problem);
}

} // namespace labctl::report
