#include <algorithm>
#include <optional>
#include <utility>

#include "labctl/api/grpc_status.h"
#include "labctl/compile/traffic_fields.h"
#include "labctl/compile/traffic_objects.h"
#include "netemu/base/base64.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using std::chrono::milliseconds;

constexpr const char* kMeshGateway = "mesh";

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
                api::grpc_status_named(string_at(abort, "grpcStatus")),
                share_of(abort, "percentage", "percent", 0)};
        }
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

} // namespace

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

} // namespace labctl::compile
