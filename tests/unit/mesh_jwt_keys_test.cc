#include <boost/test/unit_test.hpp>

#include "mesh/jwt/keys.h"
#include "tests/unit/mesh_jwt_fixture.h"

using namespace mesh_jwt_test;
using mesh::JwtKeys;
using mesh::JwtStatus;

namespace {

JwtStatus verified(const std::string& keys, const std::string& text) {
    mesh::JwtToken token;
    const auto status = mesh::parse_jwt(text, token);
    return status == JwtStatus::Ok ? JwtKeys::parse(keys)->verify(token) : status;
}

/// With one bit of its signature turned round.
std::string spoiled(std::string text) {
    auto& c = text[text.rfind('.') + 5];
    c = c == 'A' ? 'B' : 'A';
    return text;
}

constexpr const char* kPayload = R"({"iss":"i","sub":"s"})";

} // namespace

BOOST_AUTO_TEST_SUITE(jwt_keys)

BOOST_AUTO_TEST_CASE(every_algorithm) {
    const auto p256 = SigningKey::ec("P-256");
    const auto p384 = SigningKey::ec("P-384");
    const auto p521 = SigningKey::ec("P-521");
    const auto secret = SigningKey::secret("a secret of some length, as it should have");
    const std::vector<std::pair<std::string, SigningKey>> rows{
        {"RS256", SigningKey::rsa()},
        {"RS384", SigningKey::rsa()},
        {"RS512", SigningKey::rsa()},
        {"PS256", SigningKey::rsa()},
        {"PS384", SigningKey::rsa()},
        {"PS512", SigningKey::rsa()},
        {"ES256", p256},
        {"ES384", p384},
        {"ES512", p521},
        {"EdDSA", SigningKey::ed25519()},
        {"HS256", secret},
        {"HS384", secret},
        {"HS512", secret}};
    for (const auto& [algorithm, key] : rows) {
        const auto token = token_of(key, algorithm, kPayload);
        BOOST_TEST((verified(jwks(key.jwk()), token) == JwtStatus::Ok), algorithm);
        BOOST_TEST(
            (verified(jwks(key.jwk()), spoiled(token)) == JwtStatus::VerificationFails), algorithm);
        auto other = token; // the same signature under other claims
        const auto first = other.find('.');
        other.replace(
            first + 1, other.rfind('.') - first - 1, base64url(R"({"iss":"i","sub":"root"})"));
        BOOST_TEST((verified(jwks(key.jwk()), other) == JwtStatus::VerificationFails), algorithm);
    }
}

/// RFC 7515 appendix A.1 and A.3: somebody else's keys and signatures.
BOOST_AUTO_TEST_CASE(examples_of_the_rfc) {
    const std::string payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcG"
                                "xlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const auto oct = jwks(
        R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})");
    const auto ec = jwks(
        R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
    const auto a1 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload +
                    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const auto a3 = "eyJhbGciOiJFUzI1NiJ9." + payload +
                    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP"
                    "3-Kg6NU1Q";
    BOOST_TEST((verified(oct, a1) == JwtStatus::Ok));
    BOOST_TEST((verified(ec, a3) == JwtStatus::Ok));
    BOOST_TEST((verified(ec, a1) == JwtStatus::NoMatchingKey)); // its alg is ES256
    BOOST_TEST((verified(oct, a3) == JwtStatus::VerificationFails));
}

BOOST_AUTO_TEST_CASE(which_key) {
    const auto a = SigningKey::ec("P-256");
    const auto b = SigningKey::ec("P-256");
    const auto both = jwks(a.jwk(R"("kid":"a")") + "," + b.jwk(R"("kid":"b")"));
    const auto with_kid = [](const SigningKey& key, const std::string& kid) {
        return token_of(key, "ES256", R"({"alg":"ES256","kid":")" + kid + R"("})", kPayload);
    };
    BOOST_TEST((verified(both, with_kid(a, "a")) == JwtStatus::Ok));
    BOOST_TEST((verified(both, with_kid(b, "b")) == JwtStatus::Ok));
    BOOST_TEST((verified(both, with_kid(b, "a")) == JwtStatus::VerificationFails));
    BOOST_TEST((verified(both, with_kid(a, "c")) == JwtStatus::NoMatchingKey));
    BOOST_TEST((verified(both, token_of(b, "ES256", kPayload)) == JwtStatus::Ok)); // all are tried
    BOOST_TEST((verified(jwks(a.jwk()), with_kid(a, "c")) == JwtStatus::Ok)); // the key has none
    const auto rsa = SigningKey::rsa();
    const auto of_alg = jwks(rsa.jwk(R"("alg":"RS512")"));
    BOOST_TEST((verified(of_alg, token_of(rsa, "RS512", kPayload)) == JwtStatus::Ok));
    BOOST_TEST((verified(of_alg, token_of(rsa, "RS256", kPayload)) == JwtStatus::NoMatchingKey));
}

/// A key of one kind is never used for an algorithm of another: who has the public key could sign.
BOOST_AUTO_TEST_CASE(a_secret_signs_with_its_own_algorithms_alone) {
    const auto secret = SigningKey::secret("sixteen bytes...");
    for (const std::string named : {"RS256", "PS256", "ES256"}) { // all with SHA-256
        const auto token = token_of(secret, "HS256", R"({"alg":")" + named + R"("})", kPayload);
        BOOST_TEST((verified(jwks(secret.jwk()), token) == JwtStatus::VerificationFails), named);
    }
    const auto token = token_of(secret, "HS256", kPayload);
    BOOST_TEST((verified(jwks(secret.jwk()), token) == JwtStatus::Ok));
}

BOOST_AUTO_TEST_CASE(algorithms_that_are_confused) {
    const auto rsa = SigningKey::rsa();
    const auto forged = token_of(SigningKey::secret(rsa.public_pem()), "HS256", kPayload);
    BOOST_TEST((verified(jwks(rsa.jwk()), forged) == JwtStatus::VerificationFails));
    BOOST_TEST((verified(jwks(rsa.jwk(R"("alg":"HS256")")), forged) == JwtStatus::NoValidKeys));
    for (const std::string alg : {"ES256", "EdDSA", "HS256", "PS256"}) {
        const auto text = token_of(rsa, "RS256", R"({"alg":")" + alg + R"("})", kPayload);
        BOOST_TEST((verified(jwks(rsa.jwk()), text) == JwtStatus::VerificationFails), alg);
    }
    const auto ec = SigningKey::ec("P-256");
    const auto as_other = token_of(ec, "ES384", R"({"alg":"ES384"})", kPayload);
    BOOST_TEST((verified(jwks(ec.jwk()), as_other) == JwtStatus::NoMatchingKey));
}

BOOST_AUTO_TEST_CASE(signatures_of_other_sizes) {
    const auto ec = SigningKey::ec("P-256");
    const auto ed = SigningKey::ed25519();
    const auto cut = [](const std::string& text, const std::string& signature) {
        return text.substr(0, text.rfind('.') + 1) + base64url(signature);
    };
    const auto of_ec = token_of(ec, "ES256", kPayload);
    for (const auto size : {1, 63, 65, 128}) {
        const std::string zeros(static_cast<std::size_t>(size), '\0');
        BOOST_TEST(
            (verified(jwks(ec.jwk()), cut(of_ec, zeros)) == JwtStatus::VerificationFails), size);
    }
    const std::string zeros(64, '\0'); // r and s of 0: accepted by some (CVE-2022-21449)
    BOOST_TEST((verified(jwks(ec.jwk()), cut(of_ec, zeros)) == JwtStatus::VerificationFails));
    const auto of_ed = token_of(ed, "EdDSA", kPayload);
    BOOST_TEST((verified(jwks(ed.jwk()), cut(of_ed, "short")) == JwtStatus::SignatureWrongLength));
    const auto of_rsa = token_of(SigningKey::rsa(), "RS256", kPayload);
    BOOST_TEST(
        (verified(jwks(SigningKey::rsa().jwk()), cut(of_rsa, "short")) ==
         JwtStatus::VerificationFails));
}

BOOST_AUTO_TEST_CASE(keys_that_make_no_sense) {
    const auto token = token_of(SigningKey::rsa(), "RS256", kPayload);
    for (const std::string keys :
         {"",
          "x",
          "[]",
          "{}",
          R"({"keys":{}})",
          R"({"keys":[]})",
          R"({"keys":[null,1,"a",[]]})",
          R"({"keys":[{"kty":"RSA"}]})",
          R"({"keys":[{"kty":"RSA","n":"!","e":"AQAB"}]})",
          R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})",
          R"({"keys":[{"kty":"EC","crv":"P-1","x":"AA","y":"AA"}]})",
          R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]})",
          R"({"keys":[{"kty":"oct","k":""}]})",
          R"({"keys":[{"kty":"RSB","n":"AQAB","e":"AQAB"}]})"}) {
        BOOST_TEST((verified(keys, token) == JwtStatus::NoValidKeys), keys);
    }
    // A point that is on no curve.
    const std::string coordinate = base64url(std::string(32, '\x01'));
    const auto off =
        R"({"kty":"EC","crv":"P-256","x":")" + coordinate + R"(","y":")" + coordinate + R"("})";
    BOOST_TEST((verified(jwks(off), token) == JwtStatus::NoValidKeys));
    // The good one among bad ones counts.
    const auto mixed = jwks(off + ",{}," + SigningKey::rsa().jwk());
    BOOST_TEST((verified(mixed, token) == JwtStatus::Ok));
}

BOOST_AUTO_TEST_CASE(keys_that_nobody_could_fetch) {
    mesh::JwtToken token;
    BOOST_REQUIRE(
        (mesh::parse_jwt(token_of(SigningKey::rsa(), "RS256", kPayload), token) == JwtStatus::Ok));
    BOOST_TEST((JwtKeys::unknown()->verify(token) == JwtStatus::VerificationFails));
    token.key_id = "a";
    BOOST_TEST((JwtKeys::unknown()->verify(token) == JwtStatus::NoMatchingKey));
}

BOOST_AUTO_TEST_SUITE_END()
