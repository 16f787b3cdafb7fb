#include "labctl/dataplane/gateway_pod.h"

#include <utility>

#include "labctl/dataplane/gateway_course.h"
#include "mesh/http/forward.h"

namespace labctl::dataplane {
namespace {

std::optional<std::string> joined_field(const mesh::Headers& headers, std::string_view name) {
    std::optional<std::string> joined;
    for (const auto& field : headers.fields()) {
        if (mesh::equals_ignore_case(field.name, name)) {
            joined = joined ? *joined + "," + field.value : field.value;
        }
    }
    return joined;
}

services::GatewayFacts facts_of(
    const GatewayRules& rules,
    const mesh::Request& request,
    const HttpClient& client,
    const std::string& authority,
    std::string_view target) {
    services::GatewayFacts facts;
    facts.port = client.port;
    facts.tls = client.tls;
    facts.authority = authority;
    facts.target = target;
    facts.method = request.method;
    facts.header = [&request](std::string_view name) {
        return joined_field(request.headers, name);
    };
    facts.query = [&request](std::string_view name) {
        return mesh::query_parameter(request.query(), name);
    };
    facts.matches_all_of = [&rules](const std::string& pattern, std::string_view text) {
        const auto found = rules.expressions.find(pattern);
        return found != rules.expressions.end() && found->second.matches_all_of(text);
    };
    return facts;
}

/// Path and query, also of an absolute-form target.
std::string origin_form(const mesh::Request& request) {
    std::string target(request.path());
    const auto query = request.query();
    return query.empty() ? target : target + "?" + std::string(query);
}

std::string no_listener(const services::GatewayDecision& routed, std::uint16_t port) {
    return "no listener of port " + std::to_string(port) + " is for the host \"" + routed.host +
           "\"";
}

/// An HTTP connection that was made for one listener may not be used for another one's hosts (RFC
/// 9110 section 15.5.20).
bool is_misdirected(
    const services::GatewayTable& table,
    const HttpClient& client,
    const services::GatewayDecision& routed) {
    return client.tls && !client.server_name.empty() &&
           services::gateway_listener(table, client.port, client.server_name) != routed.listener;
}

} // namespace

GatewayPod::GatewayPod(
    netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets)
    : EdgePod(loop, std::move(pod), std::move(sockets), "labctl-gateway"),
      rules_(make_gateway_rules({}, nullptr)), mirrors_(loop, pool()),
      random_(std::random_device{}()) {
}

GatewayPod::~GatewayPod() = default;

void GatewayPod::set_rules(std::shared_ptr<const GatewayRules> rules) {
    rules_ = std::move(rules);
    std::vector<const services::IngressBackend*> backends;
    for (const auto& backend : rules_->table.backends) {
        backends.push_back(&backend.service);
    }
    forget_others(backends);
}

std::shared_ptr<const mesh::TlsServerConfig> GatewayPod::tls(std::uint16_t port) const {
    const auto found = rules_->tls.find(port);
    return found == rules_->tls.end() ? rules_->nobody : found->second;
}

void GatewayPod::expire(netemu::Clock::time_point now) {
    EdgePod::expire(now);
    mirrors_.expire(now);
}

bool GatewayPod::busy() const {
    return EdgePod::busy() || !mirrors_.empty();
}

std::uint64_t GatewayPod::draw(std::uint64_t below) {
    return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random_);
}

HttpProxy::Decision GatewayPod::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    const auto authority = mesh::request_authority(request);
    decision.story = asked_text(request, client, authority);
    if (!mesh::is_authority(authority)) {
        decision.refusal = {400, "the host is no proper name or address", false};
        return decision;
    }
    const auto target = origin_form(request);
    const auto facts = facts_of(*rules_, request, client, authority, target);
    const auto routed = services::route_gateway(rules_->table, facts);
    if (!routed) {
        decision.refusal = {400, "the request target is no path, or leads above the root"};
    } else if (routed->listener == nullptr) {
        decision.refusal = {404, no_listener(*routed, client.port)};
    } else if (is_misdirected(rules_->table, client, *routed)) {
        decision.refusal = {
            421,
            "the connection is for \"" + client.server_name +
                "\", whose listener is not that of \"" + routed->host + "\""};
    } else if (routed->entry == nullptr) {
        decision.refusal = {
            404, "no rule of listener " + routed->listener->name + " takes the request"};
    } else {
        decision.story += " (" + routed->listener->name + ")";
        answer_by_rule(decision, *routed, facts, request, client);
    }
    return decision;
}

void GatewayPod::answer_by_rule(
    Decision& decision,
    const services::GatewayDecision& routed,
    const services::GatewayFacts& facts,
    const mesh::Request& request,
    const HttpClient& client) {
    const auto& table = rules_->table;
    const auto& rule = services::rule_of(table, *routed.entry);
    decision.story += " (" + table.routes.at(routed.entry->route).name + " rule " +
                      std::to_string(routed.entry->rule + 1) + ")";
    if (!rule.problem.empty()) {
        decision.refusal = {500, rule.problem};
    } else if (rule.redirect) {
        const auto& match = services::match_of(table, *routed.entry);
        decision.refusal = {rule.redirect->status, "redirect"};
        decision.refusal.fields = {
            {"location", services::gateway_redirect_location(*rule.redirect, match, facts)}};
        mesh::Headers fields;
        for (const auto& field : decision.refusal.fields) {
            fields.add(field.name, field.value);
        }
        edit_gateway_headers(fields, rule.response);
        decision.refusal.fields = fields.fields();
    } else {
        send_to_backend(decision, *routed.entry, request, client);
    }
}

void GatewayPod::send_to_backend(
    Decision& decision,
    const services::GatewayEntry& entry,
    const mesh::Request& request,
    const HttpClient& client) {
    const auto& table = rules_->table;
    const auto& rule = services::rule_of(table, entry);
    const auto sum = services::gateway_weight_sum(rule);
    if (sum == 0) {
        decision.refusal = {500, "the rule has no backend that gets requests"};
        return;
    }
    const auto& share = rule.backends[services::gateway_choice(rule, draw(sum))];
    const auto& backend = table.backends.at(share.backend);
    decision.story += " -> " + backend.service.name;
    if (backend.service.endpoints.empty()) {
        decision.refusal = {backend.is_wrong ? 500 : 503, backend.service.problem};
        return;
    }
    decision.head = forwarded(request, client);
    change_gateway_request(decision.head, rule, share, services::match_of(table, entry));
    const bool plain = rule.response.empty() && share.response.empty() && rule.mirrors.empty() &&
                       rule.timeout.count() == 0 && rule.backend_timeout.count() == 0;
    if (plain) {
        decision.candidates = turn(backend.service);
    } else {
        decision.course = std::make_shared<GatewayCourse>(
            *this, GatewayCourse::Given{rules_, &rule, &share, &backend.service});
    }
}

void GatewayPod::mirror(
    const GatewayRules& rules,
    const services::GatewayMirror& mirror,
    const mesh::Request& request) {
    const auto& backend = rules.table.backends.at(mirror.backend).service;
    if (mirror.denominator == 0 || draw(mirror.denominator) >= mirror.numerator ||
        backend.endpoints.empty()) {
        return;
    }
    mirrors_.send(turn(backend), request);
}

} // namespace labctl::dataplane
