#include "mesh/istio/field_match.h"
#include "mesh/istio/string_match.h"

namespace mesh::istio {

namespace {

std::string it_is(std::string_view what) {
    return what.empty() ? "it is empty" : "it is " + std::string(what);
}

std::string describe_peer(const Field& field, const ConnectionFacts& connection) {
    if (!connection.peer_id) {
        return "it comes without an identity";
    }
    const std::string_view id = *connection.peer_id;
    const auto names = names_of_identity(id);
    switch (field.kind) {
    case FieldKind::Namespace:
        return it_is(names.ns);
    case FieldKind::ServiceAccount:
        return it_is(std::string(names.ns).append("/").append(names.service_account));
    case FieldKind::TrustDomain:
        return it_is(names.trust_domain);
    default:
        return it_is(id.starts_with(kSpiffeScheme) ? id.substr(kSpiffeScheme.size()) : id);
    }
}

std::string describe_token(const Field& field, const JsonValue& claims) {
    if (field.claim.empty()) {
        return it_is(std::string(claims.text_of("iss")).append("/").append(claims.text_of("sub")));
    }
    std::string list;
    for (const auto text : texts_of_claim(field, claims)) {
        list.append(list.empty() ? "" : ", ").append(text);
    }
    return list.empty() ? "the token has no such text" : it_is(list);
}

std::string describe_request(const Field& field, const RequestFacts& request) {
    switch (field.kind) {
    case FieldKind::Host:
        return it_is(request.authority);
    case FieldKind::Method:
        return it_is(request.method);
    case FieldKind::Path:
        return it_is(request.path);
    case FieldKind::Header: {
        const auto* value =
            request.headers == nullptr ? nullptr : request.headers->find(field.header);
        return value == nullptr ? "there is none" : it_is(*value);
    }
    default:
        return request.claims == nullptr ? "no token was validated"
                                         : describe_token(field, *request.claims);
    }
}

} // namespace

std::string describe_fact(const Field& field, const Facts& facts) {
    switch (field.kind) {
    case FieldKind::Principal:
    case FieldKind::Namespace:
    case FieldKind::ServiceAccount:
    case FieldKind::TrustDomain:
        return describe_peer(field, facts.connection);
    case FieldKind::SourceIp:
        return it_is(facts.connection.source.to_string());
    case FieldKind::RemoteIp:
        return it_is(remote_address(facts).to_string());
    case FieldKind::DestinationIp:
        return it_is(facts.connection.destination.address.to_string());
    case FieldKind::DestinationPort:
        return it_is(std::to_string(facts.connection.destination.port));
    case FieldKind::Sni:
        return it_is(facts.connection.sni);
    default:
        return facts.request == nullptr ? "this is TCP" : describe_request(field, *facts.request);
    }
}

} // namespace mesh::istio
