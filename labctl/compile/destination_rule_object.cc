#include <algorithm>
#include <chrono>

#include "labctl/compile/traffic_fields.h"
#include "labctl/compile/traffic_objects.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

mesh::istio::Balancing balancing_of(const Json& body) {
    using mesh::istio::Balancer;
    using Of = mesh::istio::HashKey::Of;
    const auto simple = string_at(body, "simple");
    if (const auto& hash = at(body, "consistentHash"); hash.is_object()) {
        mesh::istio::Balancing balancing{Balancer::Hash};
        auto& key = balancing.key;
        if (const auto header = string_at(hash, "httpHeaderName"); !header.empty()) {
            key = {Of::Header, header};
        } else if (const auto query = string_at(hash, "httpQueryParameterName"); !query.empty()) {
            key = {Of::Query, query};
        } else if (const auto& cookie = at(hash, "httpCookie"); cookie.is_object()) {
            key = {Of::Cookie, string_at(cookie, "name")};
            key.path = string_at(cookie, "path");
            if (at(cookie, "ttl").is_string()) {
                key.ttl =
                    std::chrono::duration_cast<std::chrono::seconds>(traffic_time(cookie, "ttl"));
            }
        } else {
            key.of = Of::SourceIp;
        }
        return balancing;
    }
    return {
        simple == "RANDOM"        ? Balancer::Random
        : simple == "ROUND_ROBIN" ? Balancer::RoundRobin
                                  : Balancer::LeastRequest};
}

/// 0 is Envoy's word for no limit of Istio's: the fields are unsigned and absent when they are 0.
std::uint32_t limit_of(const Json& of, std::string_view path) {
    const auto limit = traffic_number(of, path);
    return limit == 0 ? mesh::istio::kNoLimit : limit;
}

mesh::istio::PolicyFields policy_fields(const Json& body) {
    mesh::istio::PolicyFields fields;
    if (const auto& balancer = at(body, "loadBalancer"); balancer.is_object()) {
        fields.balancing = balancing_of(balancer);
    }
    if (const auto& limits = at(body, "connectionPool"); limits.is_object()) {
        auto& pool = fields.pool.emplace();
        pool.connections = limit_of(limits, "tcp.maxConnections");
        pool.pending = limit_of(limits, "http.http1MaxPendingRequests");
        pool.requests = limit_of(limits, "http.http2MaxRequests");
        pool.retries = limit_of(limits, "http.maxRetries");
        pool.connect_timeout = std::max(
            std::chrono::seconds(1),
            std::chrono::ceil<std::chrono::seconds>(
                traffic_time(limits, "tcp.connectTimeout", pool.connect_timeout)));
    }
    if (const auto& rules = at(body, "outlierDetection"); rules.is_object()) {
        auto& outliers = fields.outliers.emplace();
        outliers.consecutive_5xx =
            traffic_number(rules, "consecutive5xxErrors", outliers.consecutive_5xx);
        outliers.consecutive_gateway = traffic_number(rules, "consecutiveGatewayErrors");
        outliers.interval = traffic_time(rules, "interval", outliers.interval);
        outliers.base_ejection = traffic_time(rules, "baseEjectionTime", outliers.base_ejection);
        outliers.max_percent = traffic_number(rules, "maxEjectionPercent", outliers.max_percent);
        outliers.min_health_percent = traffic_number(rules, "minHealthPercent");
    }
    using mesh::istio::ClientTls;
    if (const auto mode = string_at(body, "tls.mode"); !mode.empty()) {
        fields.tls = mode == "ISTIO_MUTUAL" ? ClientTls::IstioMutual
                     : mode == "SIMPLE"     ? ClientTls::Simple
                     : mode == "MUTUAL"     ? ClientTls::Mutual
                                            : ClientTls::Disable;
    }
    return fields;
}

mesh::istio::TrafficPolicy traffic_policy(const Json& body) {
    mesh::istio::TrafficPolicy policy{policy_fields(body), {}};
    for (const auto& settings : at(body, "portLevelSettings")) {
        policy.ports[traffic_port(settings, "port.number")] = policy_fields(settings);
    }
    return policy;
}

} // namespace

mesh::istio::DestinationRule
read_destination_rule(const api::Object& object, const std::string& cluster_domain) {
    const auto& spec = at(object.body, "spec");
    mesh::istio::DestinationRule rule;
    rule.ns = object.ns();
    rule.name = object.name();
    rule.created = string_at(object.body, "metadata.creationTimestamp");
    rule.host = mesh::istio::complete_host(string_at(spec, "host"), rule.ns, cluster_domain);
    rule.export_to = traffic_texts(at(spec, "exportTo"));
    rule.policy = traffic_policy(at(spec, "trafficPolicy"));
    for (const auto& body : at(spec, "subsets")) {
        mesh::istio::Subset subset{string_at(body, "name"), {}, {}};
        for (const auto& [key, value] : api::labels_at(body, "labels")) {
            subset.labels[key] = value;
        }
        subset.policy = traffic_policy(at(body, "trafficPolicy"));
        rule.subsets.push_back(std::move(subset));
    }
    return rule;
}

bool is_traffic_kind(const std::string& kind) {
    return kind == "VirtualService" || kind == "DestinationRule";
}

} // namespace labctl::compile
