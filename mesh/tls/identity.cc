#include <utility>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "mesh/tls/issue.h"
#include "mesh/tls/pem.h"
#include "netemu/base/error.h"

namespace mesh {

void detail::FreeOpenSsl::operator()(evp_pkey_st* key) const {
    EVP_PKEY_free(key);
}

void detail::FreeOpenSsl::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

void detail::FreeOpenSsl::operator()(stack_st_X509* certificates) const {
    sk_X509_free(certificates);
}

void detail::FreeOpenSsl::operator()(x509_st* certificate) const {
    X509_free(certificate);
}

namespace {

using detail::CertificateHandle;
using detail::IdentityParts;
using detail::KeyHandle;

struct FreePkcs8 {
    void operator()(PKCS8_PRIV_KEY_INFO* info) const { PKCS8_PRIV_KEY_INFO_free(info); }
};

/// Overwrites what was read of a key, however reading it ends.
struct WipeAtEnd {
    explicit WipeAtEnd(std::vector<PemBlock>& wiped) : blocks(wiped) {}
    WipeAtEnd(const WipeAtEnd&) = delete;
    WipeAtEnd& operator=(const WipeAtEnd&) = delete;
    ~WipeAtEnd() {
        for (auto& block : blocks) {
            OPENSSL_cleanse(block.bytes.data(), block.bytes.size());
        }
    }

    std::vector<PemBlock>& blocks;
};

std::string labels_of(const std::vector<PemBlock>& blocks) {
    std::string text;
    for (const auto& block : blocks) {
        text += (text.empty() ? "" : ", ") + block.label;
    }
    return text;
}

/// "no PEM block (-----BEGIN CERTIFICATE-----)", and what there is instead.
[[noreturn]] void refuse_without(const std::string& label, const std::vector<PemBlock>& blocks) {
    throw netemu::Error(
        "no PEM block (-----BEGIN " + label + "-----)" +
        (blocks.empty() ? "" : ", but " + labels_of(blocks)));
}

bool is_key_label(std::string_view label) {
    return label == "PRIVATE KEY" || label.ends_with(" PRIVATE KEY");
}

/// Where a block is and what OpenSSL says against it.
[[noreturn]] void refuse_block(const PemBlock& block, const std::string& what) {
    const auto words = detail::take_error_words();
    throw netemu::Error(
        "line " + std::to_string(block.line) + ": " + what +
        (words.empty() ? "" : " (OpenSSL: " + words + ")"));
}

KeyHandle decode_key(const PemBlock& block) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(block.bytes.data()); // NOLINT
    const auto size = static_cast<long>(block.bytes.size());
    if (block.label == "RSA PRIVATE KEY") {
        return KeyHandle(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &bytes, size)); // PKCS#1
    }
    if (block.label == "EC PRIVATE KEY") {
        return KeyHandle(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &bytes, size)); // SEC1
    }
    if (block.label != "PRIVATE KEY") {
        throw netemu::Error(
            "line " + std::to_string(block.line) + ": " + block.label +
            " is not supported; write it in PKCS#8, PKCS#1 or SEC1 form");
    }
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreePkcs8> info(
        d2i_PKCS8_PRIV_KEY_INFO(nullptr, &bytes, size));
    return KeyHandle(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
}

void check_kind(const PemBlock& block, const EVP_PKEY* key) {
    const auto kind = EVP_PKEY_get_base_id(key);
    if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_EC && kind != EVP_PKEY_ED25519) {
        const char* name = EVP_PKEY_get0_type_name(key);
        refuse_block(
            block,
            "a key of the kind " + std::string(name == nullptr ? "unknown" : name) +
                "; RSA, ECDSA and Ed25519 are supported");
    }
    const int bits = EVP_PKEY_get_bits(key);
    if (kind == EVP_PKEY_RSA && bits < kRsaBitsMin) {
        refuse_block(
            block,
            "an RSA key of " + std::to_string(bits) + " bits; at least " +
                std::to_string(kRsaBitsMin) + " are needed");
    }
}

KeyHandle read_key(std::string_view pem) {
    auto blocks = pem_blocks(pem);
    const WipeAtEnd wipe{blocks};
    KeyHandle key;
    for (const auto& block : blocks) {
        if (key || !is_key_label(block.label)) {
            continue;
        }
        if (block.encrypted || block.label == "ENCRYPTED PRIVATE KEY") {
            refuse_block(block, "an encrypted key is not supported; decrypt it with openssl pkey");
        }
        key = decode_key(block);
        if (!key) {
            refuse_block(block, block.label + " holds no key that can be read");
        }
        check_kind(block, key.get());
    }
    if (!key) {
        refuse_without("PRIVATE KEY", blocks);
    }
    ERR_clear_error();
    return key;
}

/// That the key is the own certificate's; if it is that of one behind, the order is wrong.
void check_pair(const IdentityParts& parts) {
    if (X509_check_private_key(parts.own.get(), parts.key.get()) == 1) {
        return;
    }
    for (std::size_t i = 0; i < parts.others.size(); ++i) {
        if (X509_check_private_key(parts.others[i].get(), parts.key.get()) == 1) {
            ERR_clear_error();
            throw netemu::Error(
                "the private key is that of certificate " + std::to_string(i + 2) +
                ": put the server's own certificate first");
        }
    }
    ERR_clear_error();
    throw netemu::Error(
        "the private key is not that of the certificate (" +
        detail::facts_of(parts.own.get()).subject + ")");
}

/// That sessions will be able to use it: the security level speaks of signatures, too.
void check_usable(const IdentityParts& parts) {
    const detail::ContextHandle context(SSL_CTX_new(TLS_method()));
    if (!context) {
        throw netemu::Error("OpenSSL makes no context for TLS: " + detail::take_error_words());
    }
    SSL_CTX_set_security_level(context.get(), detail::kSecurityLevel);
    if (SSL_CTX_use_certificate(context.get(), parts.own.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), parts.key.get()) != 1) {
        throw netemu::Error("the certificate: TLS cannot use it: " + detail::take_error_words());
    }
}

} // namespace

std::vector<CertificateHandle> detail::read_certificates(std::string_view pem, std::size_t max) {
    const auto blocks = pem_blocks(pem);
    std::vector<CertificateHandle> made;
    for (const auto& block : blocks) {
        if (block.label != "CERTIFICATE") {
            continue;
        }
        if (made.size() == max) {
            refuse_block(block, "more than " + std::to_string(max) + " certificates");
        }
        const auto* bytes = reinterpret_cast<const unsigned char*>(block.bytes.data()); // NOLINT
        const auto* end = bytes + block.bytes.size();
        made.emplace_back(d2i_X509(nullptr, &bytes, static_cast<long>(block.bytes.size())));
        if (!made.back() || bytes != end) {
            refuse_block(block, "CERTIFICATE holds no X.509 certificate that can be read");
        }
        if (X509_get0_pubkey(made.back().get()) == nullptr) {
            refuse_block(block, "CERTIFICATE has a public key that OpenSSL does not understand");
        }
    }
    if (made.empty()) {
        refuse_without("CERTIFICATE", blocks);
    }
    ERR_clear_error();
    return made;
}

detail::CertificateStack detail::stack_of(const std::vector<CertificateHandle>& certificates) {
    CertificateStack stack(sk_X509_new_null());
    for (const auto& certificate : certificates) {
        if (!stack || sk_X509_push(stack.get(), certificate.get()) == 0) {
            throw netemu::Error("OpenSSL has no memory for certificates");
        }
    }
    return stack;
}

std::shared_ptr<const TlsIdentity>
TlsIdentity::parse(std::string_view chain_pem, std::string_view key_pem) {
    detail::start_openssl();
    auto parts = std::make_unique<IdentityParts>();
    try {
        auto certificates = detail::read_certificates(chain_pem, kCertificateChainMax);
        parts->own = std::move(certificates.front());
        certificates.erase(certificates.begin());
        parts->others = std::move(certificates);
    } catch (netemu::Error& error) {
        error.add_context("the certificate");
        throw;
    }
    try {
        parts->key = read_key(key_pem);
    } catch (netemu::Error& error) {
        error.add_context("the private key");
        throw;
    }
    check_pair(*parts);
    check_usable(*parts);
    return std::make_shared<const TlsIdentity>(std::move(parts));
}

TlsIdentity::TlsIdentity(std::unique_ptr<detail::IdentityParts> parts)
    : parts_(std::move(parts)), facts_(detail::facts_of(parts_->own.get())) {
}

TlsIdentity::~TlsIdentity() = default;

std::string TlsIdentity::key_kind() const {
    switch (EVP_PKEY_get_base_id(parts_->key.get())) {
    case EVP_PKEY_RSA:
        return "RSA";
    case EVP_PKEY_EC:
        return "ECDSA";
    default:
        return "Ed25519";
    }
}

std::string TlsIdentity::chain_pem() const {
    std::vector<x509_st*> chain{parts_->own.get()};
    for (const auto& other : parts_->others) {
        chain.push_back(other.get());
    }
    return detail::to_pem(chain);
}

} // namespace mesh
