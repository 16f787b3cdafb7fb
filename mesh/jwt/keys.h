#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "mesh/jwt/token.h"

namespace mesh {

/// A set of keys (JWKS, RFC 7517) that tokens are verified with: RSA, EC (P-256, P-384, P-521),
/// Ed25519, and secrets (oct). Keys that make no sense are left out, as in Envoy. Any thread may
/// use it.
class JwtKeys {
public:
    [[nodiscard]] static std::shared_ptr<const JwtKeys> parse(std::string_view jwks);
    /// In place of keys that could not be fetched: no token is verified by it (istio/istio
    /// pilot/pkg/model/jwks_resolver.go makes a key up, which nobody has).
    [[nodiscard]] static std::shared_ptr<const JwtKeys> unknown();

    JwtKeys(const JwtKeys&) = delete;
    JwtKeys& operator=(const JwtKeys&) = delete;
    ~JwtKeys();

    /// Ok; VerificationFails; NoMatchingKey if there is none with its `kid` and `alg`; NoValidKeys
    /// if there is none at all. An algorithm is only ever used with a key of its own kind.
    [[nodiscard]] JwtStatus verify(const JwtToken& token) const;

private:
    struct Parts;
    explicit JwtKeys(std::unique_ptr<const Parts> parts);

    std::unique_ptr<const Parts> parts_;
};

} // namespace mesh
