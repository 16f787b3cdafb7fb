#include "mesh/jwt/keys.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "mesh/tls/handles.h"
#include "netemu/base/base64.h"

namespace mesh {

namespace {

using detail::KeyHandle;

struct FreeJwt {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
    void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <typename Type>
using Owned = std::unique_ptr<Type, FreeJwt>;

struct Curve {
    std::string_view name;
    const char* group;
    std::string_view algorithm;
    std::size_t bytes; // of a coordinate
};
constexpr std::array kCurves{
    Curve{"P-256", "prime256v1", "ES256", 32},
    Curve{"P-384", "secp384r1", "ES384", 48},
    Curve{"P-521", "secp521r1", "ES512", 66}};
constexpr std::size_t kEd25519Bytes = 64; // of a signature

enum class KeyKind : std::uint8_t { Rsa, Ec, Ed25519, Secret };

struct JwtKey {
    KeyKind kind = KeyKind::Rsa;
    std::string id;        // "": any
    std::string algorithm; // "": any that goes with the kind
    KeyHandle handle;
    std::string secret;
    const Curve* curve = nullptr;
};

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data()); // NOLINT: what OpenSSL takes
}

std::optional<std::string> member_bytes(const JsonValue& key, std::string_view name) {
    const auto text = key.text_of(name);
    auto bytes = netemu::decode_base64(text, netemu::Base64::Url);
    return text.empty() || !bytes || bytes->empty() ? std::nullopt : std::move(bytes);
}

KeyHandle made_of(const char* type, OSSL_PARAM_BLD* builder) {
    const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder));
    const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    if (parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1) {
        (void)EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get());
    }
    return KeyHandle(made);
}

Owned<BIGNUM> number_of(std::string_view bytes) {
    return Owned<BIGNUM>(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

KeyHandle rsa_key(const JsonValue& key) {
    const auto modulus = member_bytes(key, "n");
    const auto exponent = member_bytes(key, "e");
    const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    if (!modulus || !exponent || !builder) {
        return nullptr;
    }
    const auto n = number_of(*modulus);
    const auto e = number_of(*exponent);
    if (!n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return nullptr;
    }
    return made_of("RSA", builder.get());
}

KeyHandle ec_key(const JsonValue& key, const Curve& curve) {
    const auto x = member_bytes(key, "x");
    const auto y = member_bytes(key, "y");
    const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    if (!x || !y || x->size() != curve.bytes || y->size() != curve.bytes || !builder) {
        return nullptr;
    }
    const auto point = "\x04" + *x + *y; // SEC 1 section 2.3.3: not compressed
    if (OSSL_PARAM_BLD_push_utf8_string(
            builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(
            builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
        return nullptr;
    }
    return made_of("EC", builder.get());
}

const Curve* curve_called(std::string_view name) {
    for (const auto& curve : kCurves) {
        if (curve.name == name) {
            return &curve;
        }
    }
    return nullptr;
}

/// Fills in what the `kty` says; false: it makes no sense.
bool read_kind(const JsonValue& value, JwtKey& key) {
    const auto type = value.text_of("kty");
    const auto starts = [&](std::string_view prefix) {
        return key.algorithm.empty() || key.algorithm.starts_with(prefix);
    };
    if (type == "RSA") {
        key.kind = KeyKind::Rsa;
        key.handle = starts("RS") || starts("PS") ? rsa_key(value) : nullptr;
        return key.handle != nullptr;
    }
    if (type == "EC") {
        key.kind = KeyKind::Ec;
        key.curve = curve_called(value.text_of("crv"));
        if (key.curve == nullptr || !starts(key.curve->algorithm)) {
            return false;
        }
        key.algorithm = key.curve->algorithm;
        key.handle = ec_key(value, *key.curve);
        return key.handle != nullptr;
    }
    if (type == "OKP" && value.text_of("crv") == "Ed25519") {
        key.kind = KeyKind::Ed25519;
        const auto x = member_bytes(value, "x");
        if (x && starts("EdDSA")) {
            key.handle.reset(
                EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
        }
        return key.handle != nullptr;
    }
    if (type == "oct" && starts("HS")) {
        key.kind = KeyKind::Secret;
        key.secret = member_bytes(value, "k").value_or("");
        return !key.secret.empty();
    }
    return false;
}

const EVP_MD* digest_of(std::string_view algorithm) {
    return algorithm.ends_with("384")   ? EVP_sha384()
           : algorithm.ends_with("512") ? EVP_sha512()
                                        : EVP_sha256();
}

/// RFC 7518 section 3.4: r and s, each as long as a coordinate; OpenSSL wants them in DER.
std::optional<std::string> der_of(std::string_view signature, const Curve& curve) {
    if (signature.size() != 2 * curve.bytes) {
        return std::nullopt;
    }
    auto r = number_of(signature.substr(0, curve.bytes));
    auto s = number_of(signature.substr(curve.bytes));
    const Owned<ECDSA_SIG> both(ECDSA_SIG_new());
    if (!r || !s || !both || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) {
        return std::nullopt;
    }
    (void)r.release(); // they are `both`'s now
    (void)s.release();
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(both.get(), &der);
    if (size <= 0) {
        return std::nullopt;
    }
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)); // NOLINT
    OPENSSL_free(der);
    return bytes;
}

bool verified_by_key(const JwtKey& key, const JwtToken& token, std::string_view signature) {
    const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* padding = nullptr; // the context's
    const auto* const digest = key.kind == KeyKind::Ed25519 ? nullptr : digest_of(token.algorithm);
    bool fine = context && EVP_DigestVerifyInit(
                               context.get(), &padding, digest, nullptr, key.handle.get()) == 1;
    if (fine && token.algorithm.starts_with("PS")) { // RFC 7518 section 3.5
        fine = EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(padding, digest) == 1;
    }
    fine = fine && EVP_DigestVerify(
                       context.get(),
                       bytes_of(signature),
                       signature.size(),
                       bytes_of(token.signed_text),
                       token.signed_text.size()) == 1;
    ERR_clear_error();
    return fine;
}

bool verified_by_secret(const JwtKey& key, const JwtToken& token) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned size = 0;
    const auto* const made = HMAC(
        digest_of(token.algorithm),
        key.secret.data(),
        static_cast<int>(key.secret.size()),
        bytes_of(token.signed_text),
        token.signed_text.size(),
        code.data(),
        &size);
    return made != nullptr && size == token.signature.size() &&
           CRYPTO_memcmp(code.data(), token.signature.data(), size) == 0;
}

/// That the algorithm goes with the key is asked first: a public key is no secret to sign with.
bool is_verified(const JwtKey& key, const JwtToken& token) {
    const std::string_view algorithm = token.algorithm;
    switch (key.kind) {
    case KeyKind::Rsa:
        return (algorithm.starts_with("RS") || algorithm.starts_with("PS")) &&
               verified_by_key(key, token, token.signature);
    case KeyKind::Ec: {
        const auto der =
            algorithm == key.curve->algorithm ? der_of(token.signature, *key.curve) : std::nullopt;
        return der && verified_by_key(key, token, *der);
    }
    case KeyKind::Ed25519:
        return algorithm == "EdDSA" && verified_by_key(key, token, token.signature);
    case KeyKind::Secret:
        return algorithm.starts_with("HS") && verified_by_secret(key, token);
    }
    return false;
}

} // namespace

struct JwtKeys::Parts {
    std::vector<JwtKey> keys;
    bool unknown = false;
};

JwtKeys::JwtKeys(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {
}

JwtKeys::~JwtKeys() = default;

std::shared_ptr<const JwtKeys> JwtKeys::parse(std::string_view jwks) {
    detail::start_openssl();
    auto parts = std::make_unique<Parts>();
    const auto set = parse_json(jwks);
    const auto* const list = set ? set->find("keys") : nullptr;
    if (list != nullptr) {
        for (const auto& value : list->items) {
            JwtKey key;
            key.id = value.text_of("kid");
            key.algorithm = value.text_of("alg");
            if (read_kind(value, key)) {
                parts->keys.push_back(std::move(key));
            }
        }
    }
    ERR_clear_error();
    return std::shared_ptr<const JwtKeys>(new JwtKeys(std::move(parts)));
}

std::shared_ptr<const JwtKeys> JwtKeys::unknown() {
    auto parts = std::make_unique<Parts>();
    parts->unknown = true;
    return std::shared_ptr<const JwtKeys>(new JwtKeys(std::move(parts)));
}

JwtStatus JwtKeys::verify(const JwtToken& token) const {
    if (parts_->unknown) {
        return token.key_id.empty() ? JwtStatus::VerificationFails : JwtStatus::NoMatchingKey;
    }
    if (parts_->keys.empty()) {
        return JwtStatus::NoValidKeys;
    }
    bool any = false;
    for (const auto& key : parts_->keys) {
        const bool other_id = !token.key_id.empty() && !key.id.empty() && key.id != token.key_id;
        if (other_id || (!key.algorithm.empty() && key.algorithm != token.algorithm)) {
            continue;
        }
        any = true;
        if (key.kind == KeyKind::Ed25519 && token.signature.size() != kEd25519Bytes) {
            return JwtStatus::SignatureWrongLength;
        }
        if (is_verified(key, token)) {
            return JwtStatus::Ok;
        }
    }
    return any ? JwtStatus::VerificationFails : JwtStatus::NoMatchingKey;
}

} // namespace mesh
