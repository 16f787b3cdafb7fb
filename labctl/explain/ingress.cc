#include "labctl/explain/ingress.h"

#include <optional>

#include "labctl/compile/ingress_objects.h"
#include "labctl/explain/edge_json.h"
#include "labctl/explain/target.h"
#include "labctl/explain/url.h"
#include "netemu/base/error.h"

namespace labctl::explain {

namespace {

using api::Json;
using Tables = std::map<std::string, services::IngressTable>;

Tables::const_iterator choose_controller(const Tables& tables, const std::string& host) {
    for (auto it = tables.begin(); it != tables.end(); ++it) {
        if (services::ingress_host_key(it->second, host) != nullptr) {
            return it;
        }
    }
    for (auto it = tables.begin(); it != tables.end(); ++it) {
        if (!it->second.hosts.empty() || it->second.default_backend) {
            return it;
        }
    }
    throw netemu::UsageError(
        "no controller has an Ingress, so nothing takes a URL apart here",
        "apply an Ingress, or ask for the Service: labctl explain FROM SERVICE:PORT");
}

Json controller_json(const store::Store& store, const std::string& controller) {
    Json json{
        {"name", controller},
        {"addresses", compile::ingress_addresses(store, controller)},
        {"pods", Json::array()}};
    for (const auto& pod : store.list("Pod")) {
        if (compile::ingress_controller_of(pod->body) == controller) {
            json["pods"].push_back(edge_pod_json(*pod));
        }
    }
    return json;
}

Json rule_json(const std::string& key) {
    const char* kind = key.empty() ? "any host" : key.starts_with("*.") ? "wildcard" : "exact";
    return {{"host", key.empty() ? "*" : key}, {"kind", kind}};
}

Json paths_json(const services::IngressTable& table, const services::IngressDecision& decision) {
    auto paths = Json::array();
    for (const auto& path : table.hosts.at(*decision.rule).paths) {
        paths.push_back(
            {{"path", path.path},
             {"type", services::to_text(path.type)},
             {"ingress", path.ingress},
             {"backend", table.backends.at(path.backend).name},
             {"matches", services::ingress_path_matches(path, decision.path)},
             {"chosen", &path == decision.matched}});
    }
    return paths;
}

} // namespace

Json explain_ingress(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const Tables& tables,
    const ExplainQuestion& question) {
    const auto& url = question.to;
    const auto asked = read_asked_url(url);
    const auto source = explain_source(store, config, question);
    const auto host = services::ingress_host_name(asked.authority);
    const auto chosen = choose_controller(tables, host);
    const auto& table = chosen->second;
    Json answer{
        {"from", edge_source_json(source)},
        {"url", url},
        {"scheme", asked.scheme},
        {"host", host},
        {"path", asked.target},
        {"controller", controller_json(store, chosen->first)},
        {"paths", Json::array()},
        {"endpoints", Json::array()}};
    if (asked.scheme == "https") {
        const auto* certificate = services::ingress_certificate(table, host);
        answer["certificate"] = certificate == nullptr ? "" : certificate->secret;
    }
    if (const auto* rule = services::ingress_host_key(table, host)) {
        answer["rule"] = rule_json(*rule);
    }
    const auto decision = services::route_ingress(table, asked.authority, asked.target);
    if (!decision) {
        answer["outcome"] = "bad-request";
        return answer;
    }
    answer["path"] = decision->path;
    if (decision->rule != nullptr) {
        answer["paths"] = paths_json(table, *decision);
    }
    if (!decision->backend) {
        answer["outcome"] = "no-rule";
        return answer;
    }
    const auto& backend = table.backends.at(*decision->backend);
    answer["backend"] = {{"name", backend.name}, {"problem", backend.problem}};
    answer["endpoints"] = edge_endpoints_json(store, backend);
    answer["outcome"] = backend.endpoints.empty() ? "no-endpoints" : "endpoint";
    return answer;
}

} // namespace labctl::explain
