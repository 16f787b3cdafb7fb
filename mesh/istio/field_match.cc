#include "mesh/istio/field_match.h"

#include <algorithm>
#include <charconv>

#include "mesh/istio/string_match.h"
#include "netemu/base/text.h"

namespace mesh::istio {

namespace {

constexpr std::string_view kHeaderKey = "request.headers[";
constexpr std::string_view kClaimsKey = "request.auth.claims[";
constexpr std::string_view kLocalDomain = "cluster.local"; // constants.DefaultClusterLocalDomain
constexpr std::size_t kPartsOfPrincipal = 5;

struct KeyOfCondition {
    std::string_view key;
    FieldKind kind;
    std::string_view claim{};
};
constexpr std::array kKeys{
    KeyOfCondition{"source.ip", FieldKind::SourceIp},
    KeyOfCondition{"remote.ip", FieldKind::RemoteIp},
    KeyOfCondition{"source.namespace", FieldKind::Namespace},
    KeyOfCondition{"source.principal", FieldKind::Principal},
    KeyOfCondition{"source.serviceAccount", FieldKind::ServiceAccount},
    KeyOfCondition{"source.trustDomain", FieldKind::TrustDomain},
    KeyOfCondition{"destination.ip", FieldKind::DestinationIp},
    KeyOfCondition{"destination.port", FieldKind::DestinationPort},
    KeyOfCondition{"connection.sni", FieldKind::Sni},
    KeyOfCondition{"request.auth.principal", FieldKind::Token},
    KeyOfCondition{"request.auth.audiences", FieldKind::Token, "aud"},
    KeyOfCondition{"request.auth.presenter", FieldKind::Token, "azp"},
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = problem == std::errc{} && end == text.data() + text.size();
    return whole && port != 0 ? std::optional(port) : std::nullopt;
}

bool in_block(std::string_view block, const netemu::IpAddress& address) {
    const auto range = parse_block(block);
    return range && range->contains(address);
}

/// "a][b" as {"a", "b"}.
std::vector<std::string_view> names_of_claim(std::string_view claim) {
    constexpr std::string_view kBetween = "][";
    std::vector<std::string_view> names;
    for (auto at = claim.find(kBetween); at != claim.npos; at = claim.find(kBetween)) {
        names.push_back(claim.substr(0, at));
        claim.remove_prefix(at + kBetween.size());
    }
    names.push_back(claim);
    return names;
}

/// Where the last `/` is, as an issuer may have some; a `*` alone is any issuer, or any subject
/// (istio/istio pilot/pkg/security/authz/model/generator.go, requestPrincipalGenerator).
bool matches_request_principal(std::string_view value, const JsonValue& claims) {
    const auto* const issuer = claims.find("iss");
    const auto* const subject = claims.find("sub");
    if (issuer == nullptr || subject == nullptr || !issuer->is_text() || !subject->is_text()) {
        return false;
    }
    const std::string_view iss = issuer->text;
    const std::string_view sub = subject->text;
    const auto slash = value.rfind('/');
    if (slash != value.npos) {
        const auto of_issuer = value.substr(0, slash);
        const auto of_subject = value.substr(slash + 1);
        if (value.starts_with('*')) {
            return matches_text(of_issuer, iss) && of_subject == sub;
        }
        return of_issuer == iss &&
               (value.ends_with('*') ? matches_text(of_subject, sub) : of_subject == sub);
    }
    if (value == "*") {
        return !iss.empty() && !sub.empty();
    }
    if (value.starts_with('*')) {
        return !iss.empty() && matches_text(value, sub);
    }
    return value.ends_with('*') ? matches_text(value, iss) && !sub.empty()
                                : value == iss && sub.empty();
}

bool matches_claim(const Field& field, std::string_view value, const JsonValue& claims) {
    const auto texts = texts_of_claim(field, claims);
    return std::any_of(texts.begin(), texts.end(), [&](const std::string_view text) {
        return matches_text(value, text);
    });
}

/// Of an identity; the policy's text has no scheme, and `*` is any identity at all.
bool is_principal(std::string_view value, std::string_view id) {
    if (value == "*") {
        return !id.empty();
    }
    return id.starts_with(kSpiffeScheme) && matches_text(value, id.substr(kSpiffeScheme.size()));
}

bool is_any_domain(const ConnectionFacts& connection, std::string_view pattern) {
    const auto& others = connection.trust_domain_aliases;
    return matches_text(pattern, connection.trust_domain) ||
           std::any_of(others.begin(), others.end(), [&](const std::string& domain) {
               return matches_text(pattern, domain);
           });
}

/// With the trust domain of the policy replaced by each of the mesh's where it stands for them.
bool matches_principal(std::string_view value, const ConnectionFacts& connection) {
    const auto domain = value.substr(0, value.find('/'));
    const bool stands_for_mesh = domain != "*" &&
                                 netemu::split(value, '/').size() == kPartsOfPrincipal &&
                                 (domain == kLocalDomain || is_any_domain(connection, domain));
    if (!stands_for_mesh) {
        return is_principal(value, *connection.peer_id);
    }
    const auto rest = value.substr(domain.size());
    const auto is_of = [&](std::string_view own) {
        // "*-td" of a policy stays as it is where it matches the domain's name
        const auto written = matches_text(domain, own) ? domain : own;
        return is_principal(std::string(written).append(rest), *connection.peer_id);
    };
    const auto& others = connection.trust_domain_aliases;
    return is_of(connection.trust_domain) || std::any_of(others.begin(), others.end(), is_of);
}

bool matches_trust_domain(std::string_view value, const ConnectionFacts& connection) {
    const auto domain = names_of_identity(*connection.peer_id).trust_domain;
    const auto& others = connection.trust_domain_aliases;
    const auto is = [&](std::string_view own) { return own == value; };
    const bool own_domain =
        is(connection.trust_domain) || std::any_of(others.begin(), others.end(), is);
    return matches_text(value, domain) ||
           (own_domain && (domain == connection.trust_domain ||
                           std::find(others.begin(), others.end(), domain) != others.end()));
}

bool matches_service_account(std::string_view value, const Facts& facts) {
    const auto names = names_of_identity(*facts.connection.peer_id);
    const auto slash = value.find('/');
    const auto ns = slash == value.npos ? facts.policy_ns : value.substr(0, slash);
    const auto name = slash == value.npos ? value : value.substr(slash + 1);
    return !names.service_account.empty() && names.ns == ns && names.service_account == name;
}

bool matches_header(std::string_view name, std::string_view value, const Headers* headers) {
    if (headers == nullptr) {
        return false;
    }
    std::optional<std::string> joined;
    for (const auto& field : headers->fields()) {
        if (equals_ignore_case(field.name, name)) {
            joined = joined ? *joined + "," + field.value : field.value;
        }
    }
    return joined && (value == "*" || matches_text(value, *joined));
}

bool matches_identity(const Field& field, std::string_view value, const Facts& facts) {
    if (!facts.connection.peer_id) {
        return false;
    }
    switch (field.kind) {
    case FieldKind::Principal:
        return matches_principal(value, facts.connection);
    case FieldKind::Namespace: {
        const auto ns = names_of_identity(*facts.connection.peer_id).ns;
        return !ns.empty() && matches_wildcards(value, ns);
    }
    case FieldKind::ServiceAccount:
        return matches_service_account(value, facts);
    default:
        return matches_trust_domain(value, facts.connection);
    }
}

bool matches_request(const Field& field, std::string_view value, const RequestFacts* request) {
    if (request == nullptr) {
        return false;
    }
    switch (field.kind) {
    case FieldKind::Host:
        return matches_text(value, request->authority, LetterCase::Ignored);
    case FieldKind::Method:
        return matches_text(value, request->method);
    case FieldKind::Path:
        return matches_path(value, request->path);
    case FieldKind::Header:
        return matches_header(field.header, value, request->headers);
    default:
        return request->claims != nullptr &&
               (field.claim.empty() ? matches_request_principal(value, *request->claims)
                                    : matches_claim(field, value, *request->claims));
    }
}

} // namespace

std::vector<std::string_view> texts_of_claim(const Field& field, const JsonValue& claims) {
    const auto names = names_of_claim(field.claim);
    const auto* const found = claims.find_path(names);
    std::vector<std::string_view> texts;
    if (found == nullptr) {
        return texts;
    }
    if (found->is_text() && names.size() == 1 &&
        (field.claim == "scope" || field.claim == "permission")) {
        for (const auto word : netemu::split(found->text, ' ')) {
            if (!word.empty()) {
                texts.push_back(word);
            }
        }
    } else if (found->is_text()) {
        texts.push_back(found->text);
    }
    for (const auto& item : found->items) {
        if (item.is_text()) {
            texts.push_back(item.text);
        }
    }
    return texts;
}

bool is_http_only(FieldKind kind) {
    return kind == FieldKind::Host || kind == FieldKind::Method || kind == FieldKind::Path ||
           kind == FieldKind::Header || kind == FieldKind::Token;
}

netemu::IpAddress remote_address(const Facts& facts) {
    if (facts.request == nullptr || facts.request->headers == nullptr) {
        return facts.connection.source;
    }
    const auto& fields = facts.request->headers->fields();
    const auto last = std::find_if(fields.rbegin(), fields.rend(), [](const Header& field) {
        return equals_ignore_case(field.name, "x-forwarded-for");
    });
    if (last == fields.rend()) {
        return facts.connection.source;
    }
    const auto text = std::string_view(last->value);
    const auto comma = text.rfind(',');
    const auto entry = netemu::trim(comma == text.npos ? text : text.substr(comma + 1));
    return netemu::IpAddress::parse(entry).value_or(facts.connection.source);
}

std::array<Field, 7> fields_of(const Source& source) {
    return {{
        {FieldKind::Principal, "principals", "notPrincipals", &source.principals, {}},
        {FieldKind::Token,
         "requestPrincipals",
         "notRequestPrincipals",
         &source.request_principals,
         {}},
        {FieldKind::Namespace, "namespaces", "notNamespaces", &source.namespaces, {}},
        {FieldKind::ServiceAccount,
         "serviceAccounts",
         "notServiceAccounts",
         &source.service_accounts,
         {}},
        {FieldKind::TrustDomain, "trustDomains", "notTrustDomains", &source.trust_domains, {}},
        {FieldKind::SourceIp, "ipBlocks", "notIpBlocks", &source.ip_blocks, {}},
        {FieldKind::RemoteIp, "remoteIpBlocks", "notRemoteIpBlocks", &source.remote_ip_blocks, {}},
    }};
}

std::array<Field, 4> fields_of(const Operation& operation) {
    return {{
        {FieldKind::Host, "hosts", "notHosts", &operation.hosts, {}},
        {FieldKind::Method, "methods", "notMethods", &operation.methods, {}},
        {FieldKind::Path, "paths", "notPaths", &operation.paths, {}},
        {FieldKind::DestinationPort, "ports", "notPorts", &operation.ports, {}},
    }};
}

Field field_of(const Condition& condition) {
    const std::string_view key = condition.key;
    Field field{FieldKind::Unknown, key, {}, &condition.values, {}};
    const auto* known = std::find_if(
        kKeys.begin(), kKeys.end(), [&](const KeyOfCondition& entry) { return entry.key == key; });
    if (known != kKeys.end()) {
        field.kind = known->kind;
        field.claim = known->claim;
    } else if (
        key.starts_with(kClaimsKey) && key.ends_with(']') && key.size() > kClaimsKey.size() + 1) {
        field.kind = FieldKind::Token;
        field.claim = key.substr(kClaimsKey.size(), key.size() - kClaimsKey.size() - 1);
    } else if (
        key.starts_with(kHeaderKey) && key.ends_with(']') && key.size() > kHeaderKey.size() + 1) {
        field.kind = FieldKind::Header;
        field.header = key.substr(kHeaderKey.size(), key.size() - kHeaderKey.size() - 1);
    }
    return field;
}

bool is_usable(const Field& field, std::string_view value, const Facts& facts) {
    switch (field.kind) {
    case FieldKind::SourceIp:
    case FieldKind::RemoteIp:
    case FieldKind::DestinationIp:
        return parse_block(value).has_value();
    case FieldKind::DestinationPort:
        return parse_port(value).has_value();
    default:
        return facts.request != nullptr || !is_http_only(field.kind);
    }
}

bool has_unusable(const Field& field, const Facts& facts) {
    const auto unusable = [&](const std::string& value) { return !is_usable(field, value, facts); };
    return std::any_of(field.values->values.begin(), field.values->values.end(), unusable) ||
           std::any_of(field.values->not_values.begin(), field.values->not_values.end(), unusable);
}

bool matches_value(const Field& field, std::string_view value, const Facts& facts) {
    switch (field.kind) {
    case FieldKind::Principal:
    case FieldKind::Namespace:
    case FieldKind::ServiceAccount:
    case FieldKind::TrustDomain:
        return matches_identity(field, value, facts);
    case FieldKind::SourceIp:
        return in_block(value, facts.connection.source);
    case FieldKind::RemoteIp:
        return in_block(value, remote_address(facts));
    case FieldKind::DestinationIp:
        return in_block(value, facts.connection.destination.address);
    case FieldKind::DestinationPort:
        return parse_port(value) == facts.connection.destination.port;
    case FieldKind::Sni:
        return matches_text(value, facts.connection.sni);
    case FieldKind::Unknown:
        return false;
    default:
        return matches_request(field, value, facts.request);
    }
}

bool holds(const Field& field, const Facts& facts) {
    const auto matches = [&](const std::string& value) {
        return is_usable(field, value, facts) && matches_value(field, value, facts);
    };
    const auto& wanted = field.values->values;
    const bool looked_at = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& value) {
        return is_usable(field, value, facts);
    });
    const auto& unwanted = field.values->not_values;
    return (!looked_at || std::any_of(wanted.begin(), wanted.end(), matches)) &&
           std::none_of(unwanted.begin(), unwanted.end(), matches);
}

} // namespace mesh::istio
