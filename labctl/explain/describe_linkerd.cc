#include "labctl/explain/describe_linkerd.h"

#include <set>

#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/linkerd_policies.h"
#include "mesh/linkerd/decision.h"

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using mesh::linkerd::Authorization;

Json titles_of(const std::vector<Authorization>& all) {
    auto list = Json::array();
    for (const auto& one : all) {
        list.push_back(mesh::linkerd::title(one.name));
    }
    return list;
}

Json words_of(const std::vector<Authorization>& all) {
    auto list = Json::array();
    for (const auto& one : all) {
        list.push_back(
            {{"name", mesh::linkerd::title(one.name)}, {"text", mesh::linkerd::describe(one)}});
    }
    return list;
}

Json port_story(const compile::MeshView& view, const api::Object& pod, std::uint16_t port) {
    const auto inbound = view.governing(pod, port).inbound;
    return {
        {"port", port},
        {"protocol", mesh::linkerd::proxy_protocol_name(inbound.protocol)},
        {"governs", inbound.server.empty() ? "" : "Server " + inbound.server},
        {"default", mesh::linkerd::default_policy_name(inbound.policy)},
        {"authorizations", titles_of(inbound.authorizations)}};
}

Json describe_linkerd_pod(const compile::MeshView& view, const api::Object& pod) {
    const auto* workload = view.workload(pod.ns() + "/" + pod.name());
    if (workload == nullptr) {
        const bool late = !compile::has_linkerd_proxy(pod.body) &&
                          compile::linkerd_obstacle(view.store(), pod.body).empty();
        return {
            {"linkerd", true},
            {"sidecar", false},
            {"why", compile::linkerd_absence(view.store(), pod.body)},
            {"late", late}};
    }
    std::set<std::uint16_t> ports;
    for (const auto& container : at(pod.body, "spec.containers")) {
        if (api::string_at(container, "name") == compile::kLinkerdContainer) {
            continue; // its own pass it by, or are no one's to connect to
        }
        for (const auto& port : at(container, "ports")) {
            const auto number = api::int_at(port, "containerPort", 0);
            if (api::string_at(port, "protocol", "TCP") == "TCP" && number > 0 &&
                number <= UINT16_MAX) {
                ports.insert(static_cast<std::uint16_t>(number));
            }
        }
    }
    const auto seen = compile::linkerd_workload(view.store(), {}, pod);
    for (const auto& server : view.linkerd_policies().servers) {
        for (const auto port : mesh::linkerd::ports_of(server, seen)) {
            ports.insert(port);
        }
    }
    Json answer{
        {"linkerd", true},
        {"sidecar", true},
        {"id", view.id_of(*workload)},
        {"ports", Json::array()},
        {"others", port_story(view, pod, 0)}};
    for (const auto port : ports) {
        answer["ports"].push_back(port_story(view, pod, port));
    }
    return answer;
}

Json describe_linkerd_server(const compile::MeshView& view, const api::Object& object) {
    const auto server = compile::read_linkerd_server(object);
    const auto own = server.ns + "/" + server.name;
    const auto governing =
        mesh::linkerd::govern_by(view.linkerd_policies(), server, view.table().trust_domain);
    Json answer{
        {"pods", Json::array()},
        {"without", Json::array()},
        {"authorizations", words_of(governing.inbound.authorizations)},
        {"routes", Json::array()},
        {"ignored", governing.ignored}};
    for (const auto& route : governing.inbound.routes) {
        auto rules = Json::array();
        for (const auto& rule : route.table.rules) {
            rules.push_back(mesh::linkerd::describe(rule));
        }
        answer["routes"].push_back(
            {{"name", route.table.name},
             {"rules", std::move(rules)},
             {"authorizations", words_of(route.authorizations)}});
    }
    for (const auto& pod : view.store().list("Pod")) {
        const auto ports =
            mesh::linkerd::ports_of(server, compile::linkerd_workload(view.store(), {}, *pod));
        const auto name = pod->ns() + "/" + pod->name();
        if (ports.empty()) {
            continue;
        }
        if (view.workload(name) == nullptr) {
            answer["without"].push_back(name);
            continue;
        }
        auto governed = Json::array();
        for (const auto port : ports) {
            const auto by = view.governing(*pod, port).inbound.server;
            governed.push_back({{"port", port}, {"by", by == own ? "" : by}});
        }
        answer["pods"].push_back({{"pod", name}, {"ports", std::move(governed)}});
    }
    return answer;
}

Json describe_linkerd_policy(const compile::MeshView& view, const api::Object& object) {
    const auto policy = compile::read_linkerd_authorization(object);
    const auto& all = view.linkerd_policies();
    auto targets = Json::array();
    for (const auto& server : all.servers) {
        if (mesh::linkerd::targets_server(policy, server)) {
            targets.push_back("Server " + server.ns + "/" + server.name);
        }
    }
    for (const auto& route : all.routes) {
        if (mesh::linkerd::targets_route(policy, route)) {
            targets.push_back("HTTPRoute " + route.table.name);
        }
    }
    return {
        {"targets", std::move(targets)},
        {"problem", mesh::linkerd::authentication_problem(all, policy, view.table().trust_domain)}};
}

} // namespace

Json describe_linkerd(const compile::MeshView& view, const api::Object& object) {
    const auto kind = object.kind();
    return kind == "Pod"                                ? describe_linkerd_pod(view, object)
           : kind == "Server"                           ? describe_linkerd_server(view, object)
           : kind == compile::kLinkerdAuthorizationKind ? describe_linkerd_policy(view, object)
                                                        : Json();
}

} // namespace labctl::explain
