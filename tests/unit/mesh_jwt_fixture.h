#pragma once

#include <memory>
#include <string>

/// Keys and tokens that are made with OpenSSL alone.
namespace mesh_jwt_test {

std::string base64url(const std::string& bytes);

/// A pair of keys, or a secret.
class SigningKey {
public:
    static SigningKey rsa();
    static SigningKey ec(const std::string& crv); // "P-256", "P-384", "P-521"
    static SigningKey ed25519();
    static SigningKey secret(const std::string& bytes);

    /// The public half as a key of a JWKS; `more` are further members: R"("kid":"a")".
    [[nodiscard]] std::string jwk(const std::string& more = {}) const;
    /// Signs with the algorithm, whatever the token's header says.
    [[nodiscard]] std::string
    sign(const std::string& algorithm, const std::string& signed_text) const;
    /// The public half in PEM, which is what a mistaken verifier takes for a secret.
    [[nodiscard]] std::string public_pem() const;

private:
    std::shared_ptr<void> key_; // an EVP_PKEY
    std::string secret_;
    std::string crv_;
};

/// {"keys":[...]}
std::string jwks(const std::string& keys);

/// HEADER.PAYLOAD.SIGNATURE of these texts.
std::string token_of(
    const SigningKey& key,
    const std::string& algorithm,
    const std::string& header,
    const std::string& payload);
/// The same with {"alg": ALGORITHM}.
std::string
token_of(const SigningKey& key, const std::string& algorithm, const std::string& payload);

} // namespace mesh_jwt_test
