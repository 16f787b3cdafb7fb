#include "labctl/dataplane/gateway_wire.h"

#include "labctl/dataplane/wire_fields.h"
#include "services/gateway.h"

namespace labctl::dataplane {

static services::GatewayPathKind last_of(services::GatewayPathKind /*of*/, const auto& /*io*/) {
    return services::GatewayPathKind::Regex;
}
static services::GatewayPathEdit::Kind
last_of(services::GatewayPathEdit::Kind /*of*/, const auto& /*io*/) {
    return services::GatewayPathEdit::Kind::Prefix;
}
static void visit_fields(services::GatewayValueMatch& v, auto& io) {
    io(v.name, v.value, v.is_regex);
}
static void visit_fields(services::GatewayMatch& v, auto& io) {
    io(v.path_kind, v.path, v.method, v.headers, v.query);
}
static void visit_fields(services::GatewayHeader& v, auto& io) {
    io(v.name, v.value);
}
static void visit_fields(services::GatewayHeaderEdits& v, auto& io) {
    io(v.set, v.add, v.remove);
}
static void visit_fields(services::GatewayPathEdit& v, auto& io) {
    io(v.kind, v.value);
}
static void visit_fields(services::GatewayRedirect& v, auto& io) {
    io(v.scheme, v.host, v.port, v.path, v.status);
}
static void visit_fields(services::GatewayRewrite& v, auto& io) {
    io(v.host, v.path);
}
static void visit_fields(services::GatewayMirror& v, auto& io) {
    io(v.backend, v.numerator, v.denominator);
}
static void visit_fields(services::IngressBackend& v, auto& io) {
    io(v.name, v.endpoints, v.problem, v.http2);
}
static void visit_fields(services::GatewayBackend& v, auto& io) {
    io(v.service, v.is_wrong);
}
static void visit_fields(services::GatewayShare& v, auto& io) {
    io(v.backend, v.weight, v.request, v.response);
}
static void visit_fields(services::GatewayRule& v, auto& io) {
    io(v.matches, v.request, v.response, v.redirect, v.rewrite, v.mirrors, v.backends);
    io(v.timeout, v.backend_timeout, v.problem);
}
static void visit_fields(services::GatewayRoute& v, auto& io) {
    io(v.name, v.created, v.rules);
}
static void visit_fields(services::GatewayEntry& v, auto& io) {
    io(v.hostname, v.route, v.rule, v.match);
}
static void visit_fields(services::GatewayListener& v, auto& io) {
    io(v.name, v.hostname, v.port, v.tls, v.certificates, v.entries);
}
static void visit_fields(services::IngressCertificate& v, auto& io) {
    io(v.secret, v.hosts, v.chain_pem, v.key_pem);
}
static void visit_fields(services::GatewayTable& v, auto& io) {
    io(v.listeners, v.routes, v.backends, v.certificates);
}

namespace {

constexpr std::string_view kGatewayRulesPrefix = "gateway ";

/// Indices lead somewhere.
void check_places(const services::GatewayTable& table) {
    const auto check = [](bool leads_somewhere) {
        if (!leads_somewhere) {
            throw netemu::Error("a rule of a Gateway leads nowhere");
        }
    };
    for (const auto& route : table.routes) {
        for (const auto& rule : route.rules) {
            for (const auto& share : rule.backends) {
                check(share.backend < table.backends.size());
            }
            for (const auto& mirror : rule.mirrors) {
                check(mirror.backend < table.backends.size());
            }
        }
    }
    for (const auto& listener : table.listeners) {
        for (const auto certificate : listener.certificates) {
            check(certificate < table.certificates.size());
        }
        for (const auto& entry : listener.entries) {
            check(
                entry.route < table.routes.size() &&
                entry.rule < table.routes[entry.route].rules.size() &&
                entry.match < services::rule_of(table, entry).matches.size());
        }
    }
}

} // namespace

std::string gateway_rules_name(const std::string& gateway) {
    return std::string(kGatewayRulesPrefix) + gateway;
}

bool is_gateway_rules(std::string_view name) {
    return name.starts_with(kGatewayRulesPrefix);
}

std::string encode_gateway_table(const services::GatewayTable& table) {
    return encode_fields(table);
}

services::GatewayTable decode_gateway_table(std::string_view bytes) {
    auto table = decode_fields<services::GatewayTable>(bytes, "a table of a Gateway");
    check_places(table);
    return table;
}

} // namespace labctl::dataplane
