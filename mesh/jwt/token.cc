#include "mesh/jwt/token.h"

#include <algorithm>
#include <array>

#include "netemu/base/base64.h"

namespace mesh {

namespace {

constexpr std::int64_t kClockSkew = 60; // google::jwt_verify::kClockSkewInSecond
constexpr std::array<std::string_view, 13> kAlgorithms{
    "ES256",
    "ES384",
    "ES512",
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "EdDSA"};

std::optional<std::string> jwt_bytes(std::string_view text) {
    const bool padded = text.find('=') != text.npos; // RFC 7515 section 2
    return padded ? std::nullopt : netemu::decode_base64(text, netemu::Base64::Url);
}

bool wrong_text(const JsonValue& object, std::string_view name) {
    const auto* const value = object.find(name);
    return value != nullptr && !value->is_text();
}

bool wrong_time(const JsonValue& claims, std::string_view name, std::optional<std::int64_t>& time) {
    const auto* const value = claims.find(name);
    if (value != nullptr) {
        time = value->integer();
    }
    return value != nullptr && (!time || *time < 0);
}

JwtStatus read_header(std::string_view text, JwtToken& token) {
    const auto bytes = jwt_bytes(text);
    if (!bytes) {
        return JwtStatus::HeaderBadBase64;
    }
    const auto header = parse_json(*bytes);
    if (!header || header->kind != JsonValue::Kind::Object) {
        return JwtStatus::HeaderBadJson;
    }
    if (header->find("alg") == nullptr || wrong_text(*header, "alg")) {
        return JwtStatus::HeaderBadAlgorithm;
    }
    token.algorithm = header->text_of("alg");
    if (std::find(kAlgorithms.begin(), kAlgorithms.end(), token.algorithm) == kAlgorithms.end()) {
        return JwtStatus::UnknownAlgorithm; // "none", too
    }
    if (wrong_text(*header, "kid")) {
        return JwtStatus::HeaderBadKid;
    }
    token.key_id = header->text_of("kid");
    return JwtStatus::Ok;
}

bool read_audiences(JwtToken& token) {
    const auto* const value = token.claims.find("aud");
    if (value == nullptr) {
        return true;
    }
    if (value->is_text()) {
        token.audiences.push_back(value->text);
    }
    for (const auto& item : value->items) {
        if (!item.is_text()) {
            return false;
        }
        token.audiences.push_back(item.text);
    }
    return value->is_text() || value->kind == JsonValue::Kind::List;
}

JwtStatus read_payload(std::string_view text, JwtToken& token) {
    const auto bytes = jwt_bytes(text);
    if (!bytes) {
        return JwtStatus::PayloadBadBase64;
    }
    auto claims = parse_json(*bytes);
    if (!claims || claims->kind != JsonValue::Kind::Object) {
        return JwtStatus::PayloadBadJson;
    }
    token.payload_text = text;
    token.claims = *std::move(claims);
    token.issuer = token.claims.text_of("iss");
    std::optional<std::int64_t> issued;
    return wrong_text(token.claims, "iss")                     ? JwtStatus::IssuerNotText
           : wrong_text(token.claims, "sub")                   ? JwtStatus::SubjectNotText
           : wrong_time(token.claims, "iat", issued)           ? JwtStatus::IssuedNotNumber
           : wrong_time(token.claims, "nbf", token.not_before) ? JwtStatus::NotBeforeNotNumber
           : wrong_time(token.claims, "exp", token.expiry)     ? JwtStatus::ExpiryNotNumber
           : wrong_text(token.claims, "jti")                   ? JwtStatus::IdNotText
           : !read_audiences(token)                            ? JwtStatus::AudienceNotText
                                                               : JwtStatus::Ok;
}

std::string_view plain_audience(std::string_view audience) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (audience.starts_with(scheme)) {
            audience.remove_prefix(scheme.size());
            break;
        }
    }
    audience.remove_suffix(audience.ends_with('/') ? 1 : 0);
    return audience;
}

} // namespace

std::string_view jwt_status_text(JwtStatus status) {
    switch (status) {
    case JwtStatus::Ok:
        return "OK";
    case JwtStatus::Missing:
        return "Jwt is missing";
    case JwtStatus::NotYetValid:
        return "Jwt not yet valid";
    case JwtStatus::Expired:
        return "Jwt is expired";
    case JwtStatus::BadFormat:
        return "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    case JwtStatus::HeaderBadBase64:
        return "Jwt header is an invalid Base64url encoded";
    case JwtStatus::HeaderBadJson:
        return "Jwt header is an invalid JSON";
    case JwtStatus::HeaderBadAlgorithm:
        return "Jwt header [alg] field is required and must be a string";
    case JwtStatus::UnknownAlgorithm:
        return "Jwt header [alg] is not supported";
    case JwtStatus::HeaderBadKid:
        return "Jwt header [kid] field is not a string";
    case JwtStatus::PayloadBadBase64:
        return "Jwt payload is an invalid Base64url encoded";
    case JwtStatus::PayloadBadJson:
        return "Jwt payload is an invalid JSON";
    case JwtStatus::IssuerNotText:
        return "Jwt payload [iss] field is not a string";
    case JwtStatus::SubjectNotText:
        return "Jwt payload [sub] field is not a string";
    case JwtStatus::IssuedNotNumber:
        return "Jwt payload [iat] field is not an integer";
    case JwtStatus::NotBeforeNotNumber:
        return "Jwt payload [nbf] field is not an integer";
    case JwtStatus::ExpiryNotNumber:
        return "Jwt payload [exp] field is not an integer";
    case JwtStatus::IdNotText:
        return "Jwt payload [jti] field is not a string";
    case JwtStatus::AudienceNotText:
        return "Jwt payload [aud] field is not a string or string list";
    case JwtStatus::SignatureBadBase64:
        return "Jwt signature is an invalid Base64url encoded";
    case JwtStatus::SignatureWrongLength:
        return "Jwt ED25519 signature is wrong length";
    case JwtStatus::UnknownIssuer:
        return "Jwt issuer is not configured";
    case JwtStatus::AudienceNotAllowed:
        return "Audiences in Jwt are not allowed";
    case JwtStatus::VerificationFails:
        return "Jwt verification fails";
    case JwtStatus::NoMatchingKey:
        return "Jwks doesn't have key to match kid or alg from Jwt";
    case JwtStatus::NoValidKeys:
        return "Jwks doesn't have any valid public key";
    }
    return {};
}

bool is_jwt_status_text(std::string_view body) {
    for (auto i = static_cast<int>(JwtStatus::NotYetValid);
         i <= static_cast<int>(JwtStatus::NoValidKeys);
         ++i) {
        if (body == jwt_status_text(static_cast<JwtStatus>(i))) {
            return true;
        }
    }
    return false;
}

JwtStatus parse_jwt(std::string_view text, JwtToken& token) {
    const auto first = text.find('.');
    const auto second = first == text.npos ? text.npos : text.find('.', first + 1);
    if (text.size() > kJwtBytesMax || second == text.npos || first == 0 || second == first + 1 ||
        second + 1 == text.size() || text.find('.', second + 1) != text.npos) {
        return JwtStatus::BadFormat;
    }
    if (const auto status = read_header(text.substr(0, first), token); status != JwtStatus::Ok) {
        return status;
    }
    const auto payload = text.substr(first + 1, second - first - 1);
    if (const auto status = read_payload(payload, token); status != JwtStatus::Ok) {
        return status;
    }
    auto signature = jwt_bytes(text.substr(second + 1));
    if (!signature) {
        return JwtStatus::SignatureBadBase64;
    }
    token.signed_text = text.substr(0, second);
    token.signature = *std::move(signature);
    return JwtStatus::Ok;
}

JwtStatus check_jwt_time(const JwtToken& token, std::int64_t now) {
    if (token.not_before && now + kClockSkew < *token.not_before) {
        return JwtStatus::NotYetValid;
    }
    return token.expiry && now - kClockSkew > *token.expiry ? JwtStatus::Expired : JwtStatus::Ok;
}

JwtStatus check_jwt_audience(const JwtToken& token, const std::vector<std::string>& allowed) {
    const bool fits = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& wanted) {
        return std::any_of(token.audiences.begin(), token.audiences.end(), [&](const auto& own) {
            return plain_audience(own) == plain_audience(wanted);
        });
    });
    return allowed.empty() || fits ? JwtStatus::Ok : JwtStatus::AudienceNotAllowed;
}

} // namespace mesh
