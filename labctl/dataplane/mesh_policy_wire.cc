#include "labctl/dataplane/mesh_policy_wire.h"

#include <array>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {

namespace {

using mesh::istio::AuthorizationPolicy;
using mesh::istio::FieldValues;
using mesh::istio::JwtRule;
using mesh::istio::Operation;
using mesh::istio::RequestAuthentication;
using mesh::istio::Rule;
using mesh::istio::Source;

constexpr std::array kSourceFields{
    &Source::principals,
    &Source::request_principals,
    &Source::namespaces,
    &Source::service_accounts,
    &Source::trust_domains,
    &Source::ip_blocks,
    &Source::remote_ip_blocks};
constexpr std::array kOperationFields{
    &Operation::hosts, &Operation::ports, &Operation::methods, &Operation::paths};

template <class List>
void put_count(WireWriter& writer, const List& list) {
    writer.u32(static_cast<std::uint32_t>(list.size()));
}

void put_field(WireWriter& writer, const FieldValues& field) {
    writer.texts(field.values).texts(field.not_values);
}

template <class Part, class Fields>
void put_parts(WireWriter& writer, const std::vector<Part>& parts, const Fields& fields) {
    put_count(writer, parts);
    for (const auto& part : parts) {
        for (const auto field : fields) {
            put_field(writer, part.*field);
        }
    }
}

void put_rule(WireWriter& writer, const Rule& rule) {
    put_parts(writer, rule.from, kSourceFields);
    put_parts(writer, rule.to, kOperationFields);
    put_count(writer, rule.when);
    for (const auto& condition : rule.when) {
        writer.text(condition.key);
        put_field(writer, condition.values);
    }
}

FieldValues read_field(WireReader& reader) {
    FieldValues field;
    field.values = reader.texts();
    field.not_values = reader.texts();
    return field;
}

template <class Part, class Fields>
std::vector<Part> read_parts(WireReader& reader, const Fields& fields) {
    std::vector<Part> parts;
    for (auto count = reader.u32(); count > 0; --count) {
        auto& part = parts.emplace_back();
        for (const auto field : fields) {
            part.*field = read_field(reader);
        }
    }
    return parts;
}

Rule read_rule(WireReader& reader) {
    Rule rule;
    rule.from = read_parts<Source>(reader, kSourceFields);
    rule.to = read_parts<Operation>(reader, kOperationFields);
    for (auto count = reader.u32(); count > 0; --count) {
        auto& condition = rule.when.emplace_back();
        condition.key = reader.text();
        condition.values = read_field(reader);
    }
    return rule;
}

AuthorizationPolicy read_policy(WireReader& reader) {
    AuthorizationPolicy policy;
    policy.ns = reader.text();
    policy.name = reader.text();
    const auto action = reader.u8();
    const auto dry_run = reader.u8();
    if (action > static_cast<std::uint8_t>(AuthorizationPolicy::Action::Custom) || dry_run > 1) {
        throw netemu::Error("an AuthorizationPolicy has an action that is none");
    }
    policy.action = static_cast<AuthorizationPolicy::Action>(action);
    policy.dry_run = dry_run != 0;
    policy.provider = reader.text();
    for (auto count = reader.u32(); count > 0; --count) {
        policy.rules.push_back(read_rule(reader));
    }
    return policy;
}

void put_jwt_rule(WireWriter& writer, const JwtRule& rule) {
    writer.text(rule.issuer).texts(rule.audiences).text(rule.jwks).text(rule.jwks_uri);
    put_count(writer, rule.from_headers);
    for (const auto& [name, prefix] : rule.from_headers) {
        writer.text(name).text(prefix);
    }
    writer.texts(rule.from_params).texts(rule.from_cookies).u8(rule.forward_token ? 1 : 0);
    writer.text(rule.payload_header);
    put_count(writer, rule.claim_headers);
    for (const auto& [header, claim] : rule.claim_headers) {
        writer.text(header).text(claim);
    }
}

JwtRule read_jwt_rule(WireReader& reader) {
    JwtRule rule;
    rule.issuer = reader.text();
    rule.audiences = reader.texts();
    rule.jwks = reader.text();
    rule.jwks_uri = reader.text();
    for (auto count = reader.u32(); count > 0; --count) {
        auto& place = rule.from_headers.emplace_back();
        place.name = reader.text();
        place.prefix = reader.text();
    }
    rule.from_params = reader.texts();
    rule.from_cookies = reader.texts();
    rule.forward_token = reader.u8() != 0;
    rule.payload_header = reader.text();
    for (auto count = reader.u32(); count > 0; --count) {
        auto& output = rule.claim_headers.emplace_back();
        output.header = reader.text();
        output.claim = reader.text();
    }
    return rule;
}

} // namespace

std::string encode_authorization_policies(std::span<const AuthorizationPolicy> policies) {
    WireWriter writer;
    put_count(writer, policies);
    for (const auto& policy : policies) {
        writer.text(policy.ns).text(policy.name).u8(static_cast<std::uint8_t>(policy.action));
        writer.u8(policy.dry_run ? 1 : 0).text(policy.provider);
        put_count(writer, policy.rules);
        for (const auto& rule : policy.rules) {
            put_rule(writer, rule);
        }
    }
    return writer.bytes();
}

std::vector<AuthorizationPolicy> decode_authorization_policies(std::string_view bytes) {
    WireReader reader(bytes);
    std::vector<AuthorizationPolicy> policies;
    for (auto count = reader.u32(); count > 0; --count) {
        policies.push_back(read_policy(reader));
    }
    reader.expect_end("the policies of a workload");
    return policies;
}

std::string encode_request_authentications(std::span<const RequestAuthentication> policies) {
    WireWriter writer;
    put_count(writer, policies);
    for (const auto& policy : policies) {
        writer.text(policy.ns).text(policy.name);
        put_count(writer, policy.rules);
        for (const auto& rule : policy.rules) {
            put_jwt_rule(writer, rule);
        }
    }
    return writer.bytes();
}

std::vector<RequestAuthentication> decode_request_authentications(std::string_view bytes) {
    WireReader reader(bytes);
    std::vector<RequestAuthentication> policies;
    for (auto count = reader.u32(); count > 0; --count) {
        auto& policy = policies.emplace_back();
        policy.ns = reader.text();
        policy.name = reader.text();
        for (auto rules = reader.u32(); rules > 0; --rules) {
            policy.rules.push_back(read_jwt_rule(reader));
        }
    }
    reader.expect_end("RequestAuthentications");
    return policies;
}

} // namespace labctl::dataplane
