#include "labctl/dataplane/traffic_wire.h"

#include <algorithm>

#include "labctl/dataplane/wire_fields.h"

namespace labctl::dataplane {

static mesh::istio::StringMatch::Kind
last_of(mesh::istio::StringMatch::Kind /*of*/, const auto& /*io*/) {
    return mesh::istio::StringMatch::Kind::Regex;
}
static mesh::istio::Balancer last_of(mesh::istio::Balancer /*of*/, const auto& /*io*/) {
    return mesh::istio::Balancer::Hash;
}
static mesh::istio::HashKey::Of last_of(mesh::istio::HashKey::Of /*of*/, const auto& /*io*/) {
    return mesh::istio::HashKey::Of::Query;
}
static mesh::istio::ClientTls last_of(mesh::istio::ClientTls /*of*/, const auto& /*io*/) {
    return mesh::istio::ClientTls::IstioMutual;
}

static void visit_fields(mesh::istio::Regex& v, auto& io) {
    if constexpr (std::decay_t<decltype(io)>::kReads) {
        std::string text;
        io(text);
        v = text.empty() ? mesh::istio::Regex() : mesh::istio::Regex(text);
    } else {
        io(v.text());
    }
}
static void visit_fields(mesh::Header& v, auto& io) {
    io(v.name, v.value);
}
static void visit_fields(mesh::istio::StringMatch& v, auto& io) {
    io(v.kind, v.text, v.regex);
}
static void visit_fields(mesh::istio::NamedMatch& v, auto& io) {
    io(v.name, v.match);
}
static void visit_fields(mesh::istio::HttpMatch& v, auto& io) {
    io(v.name, v.uri, v.ignore_uri_case, v.scheme, v.method, v.authority);
    io(v.headers, v.without_headers, v.query, v.port, v.source_labels, v.source_ns);
}
static void visit_fields(mesh::istio::HeaderEdits& v, auto& io) {
    io(v.set, v.add, v.remove);
}
static void visit_fields(mesh::istio::HeaderOperations& v, auto& io) {
    io(v.request, v.response);
}
static void visit_fields(mesh::istio::Destination& v, auto& io) {
    io(v.host, v.subset, v.port);
}
static void visit_fields(mesh::istio::WeightedDestination& v, auto& io) {
    io(v.to, v.weight, v.headers);
}
static void visit_fields(mesh::istio::Redirect& v, auto& io) {
    io(v.uri, v.authority, v.scheme, v.port, v.status);
}
static void visit_fields(mesh::istio::DirectResponse& v, auto& io) {
    io(v.status, v.body);
}
static void visit_fields(mesh::istio::Rewrite& v, auto& io) {
    io(v.uri, v.authority, v.pattern, v.substitution);
}
static void visit_fields(mesh::istio::Retries& v, auto& io) {
    io(v.attempts, v.per_try, v.on, v.backoff_base);
}
static void visit_fields(mesh::istio::Delay& v, auto& io) {
    io(v.time, v.share);
}
static void visit_fields(mesh::istio::Abort& v, auto& io) {
    io(v.status, v.grpc_status, v.share);
}
static void visit_fields(mesh::istio::Fault& v, auto& io) {
    io(v.delay, v.abort);
}
static void visit_fields(mesh::istio::Mirror& v, auto& io) {
    io(v.to, v.share);
}
static void visit_fields(mesh::istio::HttpRoute& v, auto& io) {
    io(v.name, v.match, v.to, v.redirect, v.direct, v.rewrite, v.timeout, v.retries);
    io(v.fault, v.mirrors, v.headers);
}
static void visit_fields(mesh::istio::VirtualService& v, auto& io) {
    io(v.ns, v.name, v.hosts, v.export_to, v.created, v.of_mesh, v.http);
}
static void visit_fields(mesh::istio::HashKey& v, auto& io) {
    io(v.of, v.name, v.ttl, v.path);
}
static void visit_fields(mesh::istio::Balancing& v, auto& io) {
    io(v.how, v.key);
}
static void visit_fields(mesh::istio::ConnectionPool& v, auto& io) {
    io(v.connections, v.pending, v.requests, v.retries, v.connect_timeout);
}
static void visit_fields(mesh::istio::OutlierDetection& v, auto& io) {
    io(v.consecutive_5xx, v.consecutive_gateway, v.interval, v.base_ejection);
    io(v.max_percent, v.min_health_percent);
}
static void visit_fields(mesh::istio::PolicyFields& v, auto& io) {
    io(v.balancing, v.pool, v.outliers, v.tls);
}
static void visit_fields(mesh::SidecarSubset& v, auto& io) {
    io(v.name, v.endpoints, v.policy);
}
static void visit_fields(mesh::SidecarDestinationRule& v, auto& io) {
    io(v.ns, v.name, v.export_to, v.policy, v.subsets);
}

namespace {

constexpr const char* kTraffic = "a rule for traffic";

} // namespace

std::string encode_virtual_services(const std::vector<mesh::istio::VirtualService>& services) {
    return encode_fields(services);
}

std::string encode_destination_rules(const std::vector<mesh::SidecarDestinationRule>& rules) {
    return encode_fields(rules);
}

std::vector<mesh::istio::VirtualService> decode_virtual_services(std::string_view bytes) {
    return decode_fields<std::vector<mesh::istio::VirtualService>>(bytes, kTraffic);
}

std::vector<mesh::SidecarDestinationRule>
decode_destination_rules(std::string_view bytes, std::size_t endpoints) {
    auto rules = decode_fields<std::vector<mesh::SidecarDestinationRule>>(bytes, kTraffic);
    for (const auto& rule : rules) {
        for (const auto& subset : rule.subsets) {
            const auto is_none = [&](std::size_t place) { return place >= endpoints; };
            if (std::any_of(subset.endpoints.begin(), subset.endpoints.end(), is_none)) {
                throw netemu::Error("a subset has an endpoint that is none");
            }
        }
    }
    return rules;
}

} // namespace labctl::dataplane
