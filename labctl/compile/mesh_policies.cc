#include "labctl/compile/mesh_policies.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using mesh::istio::AuthorizationPolicy;
using mesh::istio::FieldValues;
using mesh::istio::MtlsMode;

constexpr const char* kDryRun = "istio.io/dry-run";
constexpr std::array<std::string_view, 6> kGoTrue{"1", "t", "T", "TRUE", "true", "True"};

std::vector<std::string> mesh_texts(const Json& list) {
    std::vector<std::string> texts;
    for (const auto& item : list) {
        if (item.is_string()) {
            texts.push_back(item.get<std::string>());
        }
    }
    return texts;
}

FieldValues field_values(const Json& of, std::string_view name, std::string_view not_name) {
    return {mesh_texts(at(of, name)), mesh_texts(at(of, not_name))};
}

mesh::istio::Source mesh_source(const Json& source) {
    return {
        field_values(source, "principals", "notPrincipals"),
        field_values(source, "requestPrincipals", "notRequestPrincipals"),
        field_values(source, "namespaces", "notNamespaces"),
        field_values(source, "serviceAccounts", "notServiceAccounts"),
        field_values(source, "trustDomains", "notTrustDomains"),
        field_values(source, "ipBlocks", "notIpBlocks"),
        field_values(source, "remoteIpBlocks", "notRemoteIpBlocks")};
}

mesh::istio::Operation mesh_operation(const Json& operation) {
    return {
        field_values(operation, "hosts", "notHosts"),
        field_values(operation, "ports", "notPorts"),
        field_values(operation, "methods", "notMethods"),
        field_values(operation, "paths", "notPaths")};
}

mesh::istio::Rule mesh_rule(const Json& body) {
    mesh::istio::Rule rule;
    for (const auto& from : at(body, "from")) {
        rule.from.push_back(mesh_source(at(from, "source")));
    }
    for (const auto& to : at(body, "to")) {
        rule.to.push_back(mesh_operation(at(to, "operation")));
    }
    for (const auto& condition : at(body, "when")) {
        rule.when.push_back(
            {string_at(condition, "key"), field_values(condition, "values", "notValues")});
    }
    return rule;
}

AuthorizationPolicy::Action action_of(std::string_view text) {
    using Action = AuthorizationPolicy::Action;
    return text == "DENY"     ? Action::Deny
           : text == "AUDIT"  ? Action::Audit
           : text == "CUSTOM" ? Action::Custom
                              : Action::Allow;
}

MtlsMode mtls_mode(std::string_view text) {
    for (const auto mode : {MtlsMode::Disable, MtlsMode::Permissive, MtlsMode::Strict}) {
        if (text == mtls_mode_name(mode)) {
            return mode;
        }
    }
    return MtlsMode::Unset;
}

std::optional<std::uint16_t> port_key(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = problem == std::errc{} && end == text.data() + text.size();
    return whole ? std::optional(port) : std::nullopt;
}

mesh::istio::JwtRule jwt_rule(const Json& body) {
    mesh::istio::JwtRule rule;
    rule.issuer = string_at(body, "issuer");
    rule.audiences = mesh_texts(at(body, "audiences"));
    rule.jwks = string_at(body, "jwks");
    rule.jwks_uri = string_at(body, "jwksUri");
    for (const auto& place : at(body, "fromHeaders")) {
        rule.from_headers.push_back({string_at(place, "name"), string_at(place, "prefix")});
    }
    rule.from_params = mesh_texts(at(body, "fromParams"));
    rule.from_cookies = mesh_texts(at(body, "fromCookies"));
    rule.forward_token = api::bool_at(body, "forwardOriginalToken", false);
    rule.payload_header = string_at(body, "outputPayloadToHeader");
    for (const auto& output : at(body, "outputClaimToHeaders")) {
        rule.claim_headers.push_back({string_at(output, "header"), string_at(output, "claim")});
    }
    return rule;
}

} // namespace

AuthorizationPolicy read_authorization_policy(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    AuthorizationPolicy policy;
    policy.ns = object.ns();
    policy.name = object.name();
    policy.action = action_of(string_at(spec, "action"));
    policy.provider = string_at(spec, "provider.name");
    const auto annotations = object.annotations();
    const auto dry_run = annotations.find(kDryRun);
    policy.dry_run = dry_run != annotations.end() &&
                     std::find(kGoTrue.begin(), kGoTrue.end(), dry_run->second) != kGoTrue.end();
    for (const auto& rule : at(spec, "rules")) {
        if (rule.is_object()) {
            policy.rules.push_back(mesh_rule(rule));
        }
    }
    return policy;
}

mesh::istio::RequestAuthentication read_request_authentication(const api::Object& object) {
    mesh::istio::RequestAuthentication policy{object.ns(), object.name(), {}};
    for (const auto& rule : at(at(object.body, "spec"), "jwtRules")) {
        if (rule.is_object()) {
            policy.rules.push_back(jwt_rule(rule));
        }
    }
    return policy;
}

mesh::istio::PolicyScope authorization_scope(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    return {
        object.ns(),
        api::labels_at(spec, "selector.matchLabels"),
        !at(spec, "targetRef").empty() || !at(spec, "targetRefs").empty()};
}

mesh::istio::PeerAuthentication read_peer_authentication(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    mesh::istio::PeerAuthentication policy;
    policy.ns = object.ns();
    policy.name = object.name();
    policy.selector = api::labels_at(spec, "selector.matchLabels");
    policy.mode = mtls_mode(string_at(spec, "mtls.mode"));
    policy.created = string_at(object.body, "metadata.creationTimestamp");
    const auto& ports = at(spec, "portLevelMtls");
    for (auto entry = ports.begin(); ports.is_object() && entry != ports.end(); ++entry) {
        if (const auto port = port_key(entry.key())) {
            policy.port_modes[*port] = mtls_mode(string_at(entry.value(), "mode"));
        }
    }
    return policy;
}

} // namespace labctl::compile
