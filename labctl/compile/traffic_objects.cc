#include "labctl/compile/traffic_objects.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "netemu/base/base64.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using std::chrono::milliseconds;

constexpr const char* kMeshGateway = "mesh";

std::uint32_t traffic_number(const Json& of, std::string_view path, std::uint32_t otherwise = 0) {
    const auto& value = at(of, path);
    return value.is_number_integer() && value.get<std::int64_t>() >= 0
               ? static_cast<std::uint32_t>(value.get<std::int64_t>())
               : otherwise;
}

std::uint16_t traffic_port(const Json& of, std::string_view path) {
    return static_cast<std::uint16_t>(traffic_number(of, path));
}

milliseconds traffic_time(const Json& of, std::string_view path, milliseconds otherwise = {}) {
    constexpr std::uint64_t kMillisecond = 1000;
    const auto time = netemu::parse_duration_us(string_at(of, path));
    return time ? milliseconds(*time / kMillisecond) : otherwise;
}

std::vector<std::string> traffic_texts(const Json& list) {
    std::vector<std::string> texts;
    for (const auto& item : list) {
        if (item.is_string()) {
            texts.push_back(item.get<std::string>());
        }
    }
    return texts;
}

/// `percentage`, else the older `percent`; neither is `otherwise`.
std::uint32_t
share_of(const Json& of, const char* percentage, const char* percent, std::uint32_t otherwise) {
    constexpr double kPercent = mesh::istio::kEveryRequest / 100.0;
    const auto& whole = at(of, percentage);
    if (whole.is_object()) {
        const auto& value = at(whole, "value");
        return value.is_number() ? static_cast<std::uint32_t>(value.get<double>() * kPercent) : 0;
    }
    const auto& old = at(of, percent);
    return old.is_number_integer()
               ? static_cast<std::uint32_t>(static_cast<double>(old.get<int>()) * kPercent)
               : otherwise;
}

/// nullopt where there is nothing; an empty object, or the expression `*` of a header, is "there".
std::optional<mesh::istio::StringMatch> string_match(const Json& match) {
    using Kind = mesh::istio::StringMatch::Kind;
    if (!match.is_object()) {
        return std::nullopt;
    }
    if (const auto& exact = at(match, "exact"); exact.is_string()) {
        return mesh::istio::StringMatch{Kind::Exact, exact.get<std::string>()};
    }
    if (const auto& prefix = at(match, "prefix"); prefix.is_string()) {
        return mesh::istio::StringMatch{Kind::Prefix, prefix.get<std::string>()};
    }
    const auto expression = string_at(match, "regex");
    if (expression.empty() || expression == "*") {
        return mesh::istio::StringMatch{};
    }
    return mesh::istio::StringMatch{Kind::Regex, {}, mesh::istio::Regex(expression)};
}

std::vector<mesh::istio::NamedMatch> named_matches(const Json& map) {
    std::vector<mesh::istio::NamedMatch> matches;
    for (auto entry = map.begin(); map.is_object() && entry != map.end(); ++entry) {
        matches.push_back(
            {entry.key(), string_match(entry.value()).value_or(mesh::istio::StringMatch{})});
    }
    return matches;
}

bool is_for_mesh(const Json& gateways) {
    const auto names = traffic_texts(gateways);
    return names.empty() || std::find(names.begin(), names.end(), kMeshGateway) != names.end();
}

mesh::istio::HttpMatch http_match(const Json& body) {
    mesh::istio::HttpMatch match;
    match.name = string_at(body, "name");
    match.uri = string_match(at(body, "uri"));
    match.ignore_uri_case = api::bool_at(body, "ignoreUriCase", false);
    match.scheme = string_match(at(body, "scheme"));
    match.method = string_match(at(body, "method"));
    match.authority = string_match(at(body, "authority"));
    match.headers = named_matches(at(body, "headers"));
    match.without_headers = named_matches(at(body, "withoutHeaders"));
    match.query = named_matches(at(body, "queryParams"));
    match.port = traffic_port(body, "port");
    for (const auto& [key, value] : api::labels_at(body, "sourceLabels")) {
        match.source_labels[key] = value;
    }
    match.source_ns = string_at(body, "sourceNamespace");
    return match;
}

std::vector<mesh::Header> header_list(const Json& map) {
    std::vector<mesh::Header> fields;
    for (auto entry = map.begin(); map.is_object() && entry != map.end(); ++entry) {
        if (entry.value().is_string() && mesh::is_token(entry.key()) &&
            mesh::is_field_value(entry.value().get<std::string>())) {
            fields.push_back({entry.key(), entry.value().get<std::string>()});
        }
    }
    return fields;
}

mesh::istio::HeaderEdits header_edits(const Json& body) {
    return {
        header_list(at(body, "set")),
        header_list(at(body, "add")),
        traffic_texts(at(body, "remove"))};
}

mesh::istio::HeaderOperations header_operations(const Json& body) {
    return {header_edits(at(body, "request")), header_edits(at(body, "response"))};
}

class VirtualServiceReader {
public:
    VirtualServiceReader(std::string ns, const std::string& domain)
        : ns_(std::move(ns)), domain_(domain) {}

    /// nullopt: it is for gateways only.
    [[nodiscard]] std::optional<mesh::istio::HttpRoute> http_route(const Json& body) const {
        mesh::istio::HttpRoute route;
        route.name = string_at(body, "name");
        for (const auto& match : at(body, "match")) {
            if (is_for_mesh(at(match, "gateways"))) {
                route.match.push_back(http_match(match));
            }
        }
        if (route.match.empty() && !at(body, "match").empty()) {
            return std::nullopt;
        }
        for (const auto& to : at(body, "route")) {
            route.to.push_back(
                {destination(at(to, "destination")),
                 traffic_number(to, "weight"),
                 header_operations(at(to, "headers"))});
        }
        read_answers(body, route);
        read_changes(body, route);
        read_fault(at(body, "fault"), route.fault);
        read_mirrors(body, route);
        return route;
    }

private:
    [[nodiscard]] mesh::istio::Destination destination(const Json& body) const {
        return {
            mesh::istio::complete_host(string_at(body, "host"), ns_, domain_),
            string_at(body, "subset"),
            traffic_port(body, "port.number")};
    }

    static void read_answers(const Json& body, mesh::istio::HttpRoute& route) {
        constexpr std::uint32_t kMovedPermanently = 301;
        if (const auto& to = at(body, "redirect"); to.is_object()) {
            route.redirect = {
                string_at(to, "uri"),
                string_at(to, "authority"),
                string_at(to, "scheme"),
                traffic_port(to, "port"),
                static_cast<int>(traffic_number(to, "redirectCode", kMovedPermanently))};
        }
        if (const auto& direct = at(body, "directResponse"); direct.is_object()) {
            constexpr std::uint32_t kOk = 200;
            auto text = string_at(direct, "body.string");
            if (text.empty()) {
                text = netemu::decode_base64(string_at(direct, "body.bytes")).value_or("");
            }
            route.direct = {static_cast<int>(traffic_number(direct, "status", kOk)), text};
        }
    }

    static void read_changes(const Json& body, mesh::istio::HttpRoute& route) {
        if (const auto& rewrite = at(body, "rewrite"); rewrite.is_object()) {
            route.rewrite.emplace();
            route.rewrite->uri = string_at(rewrite, "uri");
            route.rewrite->authority = string_at(rewrite, "authority");
            if (const auto pattern = string_at(rewrite, "uriRegexRewrite.match");
                !pattern.empty()) {
                route.rewrite->pattern = mesh::istio::Regex(pattern);
                route.rewrite->substitution = string_at(rewrite, "uriRegexRewrite.rewrite");
            }
        }
        route.headers = header_operations(at(body, "headers"));
        route.timeout = traffic_time(body, "timeout");
        if (const auto& retries = at(body, "retries"); retries.is_object()) {
            route.retries = {
                traffic_number(retries, "attempts"),
                traffic_time(retries, "perTryTimeout"),
                string_at(retries, "retryOn"),
                traffic_time(retries, "backoff")};
        }
    }

    static void read_fault(const Json& body, mesh::istio::Fault& fault) {
        if (const auto& delay = at(body, "delay"); delay.is_object()) {
            fault.delay = {
                traffic_time(delay, "fixedDelay"), share_of(delay, "percentage", "percent", 0)};
        }
        if (const auto& abort = at(body, "abort"); abort.is_object()) {
            fault.abort = {
                static_cast<int>(traffic_number(abort, "httpStatus")),
                grpc_status(string_at(abort, "grpcStatus")),
                share_of(abort, "percentage", "percent", 0)};
        }
    }

    static std::optional<int> grpc_status(const std::string& name) {
        constexpr std::array<std::string_view, 17> kNames{
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED"};
        const auto* const found = std::find(kNames.begin(), kNames.end(), name);
        return found == kNames.end() ? std::nullopt
                                     : std::optional(static_cast<int>(found - kNames.begin()));
    }

    void read_mirrors(const Json& body, mesh::istio::HttpRoute& route) const {
        using mesh::istio::kEveryRequest;
        if (const auto& mirror = at(body, "mirror"); mirror.is_object()) {
            route.mirrors.push_back(
                {destination(mirror),
                 share_of(body, "mirrorPercentage", "mirrorPercent", kEveryRequest)});
        }
        for (const auto& mirror : at(body, "mirrors")) {
            route.mirrors.push_back(
                {destination(at(mirror, "destination")),
                 share_of(mirror, "percentage", "percent", kEveryRequest)});
        }
    }

    std::string ns_;
    const std::string& domain_;
};

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

template <class Object>
void sort_traffic(std::vector<Object>& objects) {
    std::stable_sort(objects.begin(), objects.end(), [](const auto& left, const auto& right) {
        return std::tie(left.created, left.name, left.ns) <
               std::tie(right.created, right.name, right.ns);
    });
}

} // namespace

bool is_traffic_kind(const std::string& kind) {
    return kind == "VirtualService" || kind == "DestinationRule";
}

mesh::istio::VirtualService
read_virtual_service(const api::Object& object, const std::string& cluster_domain) {
    const auto& spec = at(object.body, "spec");
    mesh::istio::VirtualService service;
    service.ns = object.ns();
    service.name = object.name();
    service.created = string_at(object.body, "metadata.creationTimestamp");
    for (const auto& host : traffic_texts(at(spec, "hosts"))) {
        service.hosts.push_back(mesh::istio::complete_host(host, service.ns, cluster_domain));
    }
    service.export_to = traffic_texts(at(spec, "exportTo"));
    service.of_mesh = is_for_mesh(at(spec, "gateways"));
    const VirtualServiceReader reader(service.ns, cluster_domain);
    for (const auto& body : at(spec, "http")) {
        if (auto route = reader.http_route(body)) {
            service.http.push_back(*std::move(route));
        }
    }
    return service;
}

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

void sort_by_age(std::vector<mesh::istio::VirtualService>& services) {
    sort_traffic(services);
}

void sort_by_age(std::vector<mesh::istio::DestinationRule>& rules) {
    sort_traffic(rules);
}

std::vector<std::uint32_t> virtual_services_of(
    const std::vector<mesh::istio::VirtualService>& services, const std::string& host) {
    std::vector<std::pair<std::size_t, std::uint32_t>> found; // how close, which
    for (std::size_t i = 0; i < services.size(); ++i) {
        std::size_t closeness = 0;
        for (const auto& pattern : services[i].hosts) {
            closeness = std::max(closeness, mesh::istio::host_closeness(pattern, host));
        }
        if (closeness > 0 && services[i].of_mesh && !services[i].http.empty()) {
            found.emplace_back(closeness, static_cast<std::uint32_t>(i));
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
        return left.first > right.first;
    });
    std::vector<std::uint32_t> places;
    places.reserve(found.size());
    for (const auto& [closeness, place] : found) {
        places.push_back(place);
    }
    return places;
}

std::vector<mesh::istio::DestinationRule> destination_rules_of(
    const std::vector<mesh::istio::DestinationRule>& all, const std::string& host) {
    std::map<std::string, std::vector<mesh::istio::DestinationRule>> closest; // by namespace
    for (const auto& rule : all) {
        const auto closeness = mesh::istio::host_closeness(rule.host, host);
        if (closeness == 0) {
            continue;
        }
        auto& best = closest[rule.ns];
        const auto before = best.empty() ? 0 : mesh::istio::host_closeness(best.front().host, host);
        if (closeness > before) {
            best.clear();
        }
        if (closeness >= before) {
            best.push_back(rule);
        }
    }
    std::vector<mesh::istio::DestinationRule> merged;
    merged.reserve(closest.size());
    for (const auto& [ns, rules] : closest) {
        merged.push_back(mesh::istio::merged_rules(rules));
    }
    return merged;
}

} // namespace labctl::compile
