#include "tests/unit/mesh_jwt_fixture.h"

#include <stdexcept>
#include <vector>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "netemu/base/base64.h"

namespace mesh_jwt_test {

namespace {

void must(bool fine) {
    if (!fine) {
        throw std::runtime_error("OpenSSL fails");
    }
}

EVP_PKEY* raw(const std::shared_ptr<void>& key) {
    return static_cast<EVP_PKEY*>(key.get());
}

std::shared_ptr<void> own(EVP_PKEY* key) {
    must(key != nullptr);
    return {key, [](void* of) { EVP_PKEY_free(static_cast<EVP_PKEY*>(of)); }};
}

std::string number(EVP_PKEY* key, const char* name, int width = 0) {
    BIGNUM* value = nullptr;
    must(EVP_PKEY_get_bn_param(key, name, &value) == 1);
    std::string bytes(static_cast<std::size_t>(width > 0 ? width : BN_num_bytes(value)), '\0');
    must(
        BN_bn2binpad(
            value,
            reinterpret_cast<unsigned char*>(bytes.data()),
            static_cast<int>(bytes.size())) >= 0);
    BN_free(value);
    return bytes;
}

int width_of(const std::string& crv) {
    return crv == "P-256" ? 32 : crv == "P-384" ? 48 : 66;
}

const EVP_MD* digest(const std::string& algorithm) {
    return algorithm.ends_with("384")   ? EVP_sha384()
           : algorithm.ends_with("512") ? EVP_sha512()
                                        : EVP_sha256();
}

} // namespace

std::string base64url(const std::string& bytes) {
    auto text = netemu::encode_base64(bytes);
    for (auto& c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    while (text.ends_with('=')) {
        text.pop_back();
    }
    return text;
}

SigningKey SigningKey::rsa() {
    static const auto kKey = own(EVP_RSA_gen(2048));
    SigningKey key;
    key.key_ = kKey;
    return key;
}

SigningKey SigningKey::ec(const std::string& crv) {
    SigningKey key;
    key.key_ = own(EVP_EC_gen(crv.c_str()));
    key.crv_ = crv;
    return key;
}

SigningKey SigningKey::ed25519() {
    SigningKey key;
    key.key_ = own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    key.crv_ = "Ed25519";
    return key;
}

SigningKey SigningKey::secret(const std::string& bytes) {
    SigningKey key;
    key.secret_ = bytes;
    return key;
}

std::string SigningKey::jwk(const std::string& more) const {
    std::string text = "{";
    const auto add = [&text](const std::string& name, const std::string& value) {
        text += "\"" + name + "\":\"" + value + "\",";
    };
    if (key_ == nullptr) {
        add("kty", "oct");
        add("k", base64url(secret_));
    } else if (crv_ == "Ed25519") {
        std::string bytes(32, '\0');
        auto size = bytes.size();
        must(
            EVP_PKEY_get_raw_public_key(
                raw(key_), reinterpret_cast<unsigned char*>(bytes.data()), &size) == 1);
        add("kty", "OKP");
        add("crv", crv_);
        add("x", base64url(bytes));
    } else if (!crv_.empty()) {
        add("kty", "EC");
        add("crv", crv_);
        add("x", base64url(number(raw(key_), OSSL_PKEY_PARAM_EC_PUB_X, width_of(crv_))));
        add("y", base64url(number(raw(key_), OSSL_PKEY_PARAM_EC_PUB_Y, width_of(crv_))));
    } else {
        add("kty", "RSA");
        add("n", base64url(number(raw(key_), OSSL_PKEY_PARAM_RSA_N)));
        add("e", base64url(number(raw(key_), OSSL_PKEY_PARAM_RSA_E)));
    }
    return more.empty() ? text.substr(0, text.size() - 1) + "}" : text + more + "}";
}

std::string SigningKey::sign(const std::string& algorithm, const std::string& signed_text) const {
    const auto* const data = reinterpret_cast<const unsigned char*>(signed_text.data());
    std::vector<unsigned char> bytes(1024);
    std::size_t size = bytes.size();
    if (key_ == nullptr) {
        unsigned length = 0;
        HMAC(
            digest(algorithm),
            secret_.data(),
            static_cast<int>(secret_.size()),
            data,
            signed_text.size(),
            bytes.data(),
            &length);
        return {bytes.begin(), bytes.begin() + length};
    }
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* padding = nullptr;
    must(
        EVP_DigestSignInit(
            context,
            &padding,
            crv_ == "Ed25519" ? nullptr : digest(algorithm),
            nullptr,
            raw(key_)) == 1);
    if (algorithm.starts_with("PS")) {
        must(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1);
        must(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    must(EVP_DigestSign(context, bytes.data(), &size, data, signed_text.size()) == 1);
    EVP_MD_CTX_free(context);
    if (crv_.empty() || crv_ == "Ed25519") {
        return {bytes.begin(), bytes.begin() + static_cast<long>(size)};
    }
    const unsigned char* der = bytes.data();
    ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
    must(both != nullptr);
    const auto width = width_of(crv_);
    std::string result(2 * static_cast<std::size_t>(width), '\0');
    auto* const out = reinterpret_cast<unsigned char*>(result.data());
    must(BN_bn2binpad(ECDSA_SIG_get0_r(both), out, width) == width);
    must(BN_bn2binpad(ECDSA_SIG_get0_s(both), out + width, width) == width);
    ECDSA_SIG_free(both);
    return result;
}

std::string SigningKey::public_pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    must(PEM_write_bio_PUBKEY(out, raw(key_)) == 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out, &text);
    std::string pem(text, static_cast<std::size_t>(size));
    BIO_free(out);
    return pem;
}

std::string jwks(const std::string& keys) {
    return R"({"keys":[)" + keys + "]}";
}

std::string token_of(
    const SigningKey& key,
    const std::string& algorithm,
    const std::string& header,
    const std::string& payload) {
    const auto text = base64url(header) + "." + base64url(payload);
    return text + "." + base64url(key.sign(algorithm, text));
}

std::string
token_of(const SigningKey& key, const std::string& algorithm, const std::string& payload) {
    return token_of(key, algorithm, R"({"alg":")" + algorithm + R"("})", payload);
}

} // namespace mesh_jwt_test
