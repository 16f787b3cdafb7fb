#pragma once

#include <string>
#include <vector>

/// RequestAuthentication of Istio: where tokens (JWT) of requests are, and who may have signed
/// them. Which pods it is for is a PolicyScope. Source: istio/api
/// security/v1beta1/request_authentication.proto.
namespace mesh::istio {

/// One issuer.
struct JwtRule {
    struct FromHeader {
        std::string name;
        std::string prefix; // in front of the token, "Bearer "
        bool operator==(const FromHeader&) const = default;
    };
    struct ClaimHeader {
        std::string header;
        std::string claim; // "a.b" is member b of a
        bool operator==(const ClaimHeader&) const = default;
    };

    std::string issuer;                 // "": any
    std::vector<std::string> audiences; // one of these; empty: any
    std::string jwks;                   // the keys themselves, as JSON
    std::string jwks_uri;               // where they could be fetched, which nobody does here
    /// Where tokens are. None of the three: `Authorization: Bearer` and the parameter access_token.
    std::vector<FromHeader> from_headers;
    std::vector<std::string> from_params;
    std::vector<std::string> from_cookies;
    bool forward_token = false; // the application gets it as well
    std::string payload_header; // gets the claims, in base64url
    std::vector<ClaimHeader> claim_headers;
    bool operator==(const JwtRule&) const = default;
};

struct RequestAuthentication {
    std::string ns;
    std::string name;
    std::vector<JwtRule> rules;
    bool operator==(const RequestAuthentication&) const = default;
};

} // namespace mesh::istio
