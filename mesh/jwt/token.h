#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/json/value.h"

/// JSON Web Tokens in the compact form (RFC 7519, 7515), as Envoy reads them. Pure.
namespace mesh {

/// What is wrong with a token. Source of the rules and the words: google/jwt_verify_lib, which is
/// Envoy's.
enum class JwtStatus : std::uint8_t {
    Ok,
    Missing,
    NotYetValid,
    Expired,
    BadFormat,
    HeaderBadBase64,
    HeaderBadJson,
    HeaderBadAlgorithm,
    UnknownAlgorithm,
    HeaderBadKid,
    PayloadBadBase64,
    PayloadBadJson,
    IssuerNotText,
    SubjectNotText,
    IssuedNotNumber,
    NotBeforeNotNumber,
    ExpiryNotNumber,
    IdNotText,
    AudienceNotText,
    SignatureBadBase64,
    SignatureWrongLength, // of Ed25519
    UnknownIssuer,
    AudienceNotAllowed,
    VerificationFails,
    NoMatchingKey,
    NoValidKeys,
};

/// As the client is told: "Jwt is expired".
[[nodiscard]] std::string_view jwt_status_text(JwtStatus status);

/// Whether a body is one of these, of a refusal.
[[nodiscard]] bool is_jwt_status_text(std::string_view body);

struct JwtToken {
    std::string algorithm; // "RS256"
    std::string key_id;    // "": none
    std::string signed_text;
    std::string payload_text; // in base64url, as it came
    std::string signature;    // the bytes
    JsonValue claims;
    std::string issuer;
    std::vector<std::string> audiences;
    std::optional<std::int64_t> not_before; // seconds since 1970
    std::optional<std::int64_t> expiry;
};

/// Longer tokens are none.
inline constexpr std::size_t kJwtBytesMax = 16U << 10U;

/// Nobody has verified what it says. Times must be numbers that are not negative.
[[nodiscard]] JwtStatus parse_jwt(std::string_view text, JwtToken& token);

/// Ok, NotYetValid or Expired; clocks may differ by a minute.
[[nodiscard]] JwtStatus check_jwt_time(const JwtToken& token, std::int64_t now);

/// AudienceNotAllowed, or Ok: one of the token's is one of these, or there are none of these.
/// Audiences that are URLs are compared without scheme and last slash.
[[nodiscard]] JwtStatus
check_jwt_audience(const JwtToken& token, const std::vector<std::string>& allowed);

} // namespace mesh
