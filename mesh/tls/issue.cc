#include "mesh/tls/issue.h"

#include <array>
#include <cstdint>
#include <ctime>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "netemu/base/address.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

using detail::CertificateDraft;
using detail::CertificateHandle;

constexpr std::size_t kDnsNameMax = 253;
constexpr long kVersion3 = 2; // RFC 5280, section 4.1.2.1

struct FreeDrafted {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(GENERAL_NAME* name) const { GENERAL_NAME_free(name); }
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
    void operator()(ASN1_STRING* value) const { ASN1_STRING_free(value); } // of every kind
    void operator()(BASIC_CONSTRAINTS* limits) const { BASIC_CONSTRAINTS_free(limits); }
    void operator()(AUTHORITY_KEYID* id) const { AUTHORITY_KEYID_free(id); }
    void operator()(EXTENDED_KEY_USAGE* uses) const {
        sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
    }
};
template <typename Type>
using Drafted = std::unique_ptr<Type, FreeDrafted>;

/// Throws unless `result` is true or not null.
template <typename Result>
Result must_make(const char* what, Result result) {
    if (!result) {
        throw netemu::Error(
            std::string("make a certificate: ") + what + ": " + detail::take_error_words());
    }
    return result;
}

void extend(X509* certificate, int kind, void* value, bool critical) {
    must_make("extension", X509_add1_ext_i2d(certificate, kind, value, critical ? 1 : 0, 0) == 1);
}

/// Throws unless `name` is one or more labels of which the first may be "*".
void check_dns_name(const std::string& name) {
    auto plain = name.starts_with("*.") ? name.substr(2) : name;
    const std::array<std::string, 1> itself{plain};
    if (name.size() > kDnsNameMax || !certificate_covers(itself, plain)) {
        throw netemu::Error("make a certificate: \"" + name + "\" is no DNS name");
    }
}

void set_serial(X509* certificate) {
    std::array<std::uint8_t, 16> bytes{};
    must_make("random numbers", RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7fU) | 0x40U); // positive, and 16 bytes
    const Drafted<BIGNUM> number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    must_make(
        "serial number",
        number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void set_dates(X509* certificate, const CertificateDraft& draft) {
    const auto moment = [](std::chrono::sys_seconds time) {
        return static_cast<std::time_t>(time.time_since_epoch().count());
    };
    must_make(
        "dates",
        ASN1_TIME_set(X509_getm_notBefore(certificate), moment(draft.not_before)) != nullptr &&
            ASN1_TIME_set(X509_getm_notAfter(certificate), moment(draft.not_after)) != nullptr);
}

void set_subject(X509* certificate, const CertificateDraft& draft) {
    const auto add = [&](int kind, const std::string& text) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(text.data()); // NOLINT
        const auto size = static_cast<int>(text.size());
        auto* subject = X509_get_subject_name(certificate);
        must_make(
            "subject",
            text.empty() ||
                X509_NAME_add_entry_by_NID(subject, kind, MBSTRING_UTF8, bytes, size, -1, 0) == 1);
    };
    add(NID_organizationName, draft.organization);
    add(NID_commonName, draft.common_name);
}

void add_general_name(GENERAL_NAMES* names, int kind, const void* bytes, std::size_t size) {
    Drafted<GENERAL_NAME> made(must_make("name", GENERAL_NAME_new()));
    auto* value = must_make(
        "name", ASN1_STRING_type_new(kind == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
    GENERAL_NAME_set0_value(made.get(), kind, value); // owns it now
    must_make("name", ASN1_STRING_set(value, bytes, static_cast<int>(size)) == 1);
    must_make("names", sk_GENERAL_NAME_push(names, made.get()) > 0);
    static_cast<void>(made.release()); // the list's
}

void add_alternative_names(X509* certificate, const CertificateDraft& draft) {
    const Drafted<GENERAL_NAMES> all(must_make("names", GENERAL_NAMES_new()));
    if (!draft.uri.empty()) {
        add_general_name(all.get(), GEN_URI, draft.uri.data(), draft.uri.size());
    }
    for (const auto& name : draft.names) {
        if (const auto address = netemu::IpAddress::parse(name)) {
            add_general_name(all.get(), GEN_IPADD, address->bytes(), address->size());
        } else {
            check_dns_name(name);
            add_general_name(all.get(), GEN_DNS, name.data(), name.size());
        }
    }
    if (sk_GENERAL_NAME_num(all.get()) > 0) {
        const bool unnamed = draft.common_name.empty() && draft.organization.empty();
        extend(certificate, NID_subject_alt_name, all.get(), unnamed);
    }
}

void add_uses(X509* certificate, bool is_authority) {
    const Drafted<BASIC_CONSTRAINTS> limits(must_make("constraints", BASIC_CONSTRAINTS_new()));
    limits->ca = is_authority ? 0xff : 0;
    extend(certificate, NID_basic_constraints, limits.get(), true);

    enum Use { DigitalSignature = 0, KeyCertSign = 5, CrlSign = 6 }; // RFC 5280, section 4.2.1.3
    const Drafted<ASN1_BIT_STRING> bits(must_make("uses", ASN1_BIT_STRING_new()));
    for (const int bit : is_authority ? std::vector<int>{KeyCertSign, CrlSign}
                                      : std::vector<int>{DigitalSignature}) {
        must_make("uses", ASN1_BIT_STRING_set_bit(bits.get(), bit, 1) == 1);
    }
    extend(certificate, NID_key_usage, bits.get(), true);

    const Drafted<EXTENDED_KEY_USAGE> uses(must_make("uses", EXTENDED_KEY_USAGE_new()));
    for (const int use : {NID_server_auth, NID_client_auth}) {
        must_make("uses", sk_ASN1_OBJECT_push(uses.get(), OBJ_nid2obj(use)) > 0);
    }
    if (!is_authority) {
        extend(certificate, NID_ext_key_usage, uses.get(), false);
    }
}

/// RFC 5280, section 4.2.1.2, the first method; SHA-1 serves as a name here, not as a protection.
void add_subject_key_id(X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    must_make("key id", X509_pubkey_digest(certificate, EVP_sha1(), digest.data(), &size) == 1);
    const Drafted<ASN1_OCTET_STRING> id(must_make("key id", ASN1_OCTET_STRING_new()));
    must_make(
        "key id", ASN1_OCTET_STRING_set(id.get(), digest.data(), static_cast<int>(size)) == 1);
    extend(certificate, NID_subject_key_identifier, id.get(), false);
}

void add_authority_key_id(X509* certificate, X509* issuer) {
    const auto* issuers = X509_get0_subject_key_id(issuer);
    if (issuers == nullptr) {
        return;
    }
    const Drafted<AUTHORITY_KEYID> id(must_make("key id", AUTHORITY_KEYID_new()));
    id->keyid = must_make("key id", ASN1_OCTET_STRING_dup(issuers));
    extend(certificate, NID_authority_key_identifier, id.get(), false);
}

std::string bytes_of(BIO* written) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(written, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

} // namespace

detail::KeyHandle detail::make_p256_key() {
    start_openssl();
    return KeyHandle(must_make("key", EVP_EC_gen("P-256")));
}

CertificateHandle detail::make_certificate(
    const CertificateDraft& draft, evp_pkey_st* subject_key, const IdentityParts* issuer) {
    CertificateHandle made(must_make("certificate", X509_new()));
    auto* certificate = made.get();
    must_make("version", X509_set_version(certificate, kVersion3) == 1);
    set_serial(certificate);
    set_dates(certificate, draft);
    set_subject(certificate, draft);
    auto* signer = issuer == nullptr ? certificate : issuer->own.get();
    must_make("issuer", X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1);
    must_make("key", X509_set_pubkey(certificate, subject_key) == 1);
    add_uses(certificate, draft.is_authority);
    add_alternative_names(certificate, draft);
    if (draft.is_authority) {
        add_subject_key_id(certificate);
    }
    if (issuer != nullptr) {
        add_authority_key_id(certificate, signer);
    }
    auto* signing_key = issuer == nullptr ? subject_key : issuer->key.get();
    must_make("signature", X509_sign(certificate, signing_key, EVP_sha256()) > 0);
    return made;
}

std::shared_ptr<const TlsIdentity> detail::make_self_signed(const CertificateDraft& draft) {
    auto parts = std::make_unique<IdentityParts>();
    parts->key = make_p256_key();
    parts->own = make_certificate(draft, parts->key.get(), nullptr);
    return std::make_shared<const TlsIdentity>(std::move(parts));
}

std::string detail::to_pem(const std::vector<x509_st*>& certificates) {
    const Drafted<BIO> out(BIO_new(BIO_s_mem()));
    bool good = out != nullptr;
    for (auto* certificate : certificates) {
        good = good && PEM_write_bio_X509(out.get(), certificate) == 1;
    }
    if (!good) {
        throw netemu::Error("OpenSSL cannot write a certificate: " + take_error_words());
    }
    return bytes_of(out.get());
}

std::string detail::to_pem(evp_pkey_st* key) {
    const Drafted<BIO> out(BIO_new(BIO_s_mem())); // which overwrites what it held
    if (!out ||
        PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        throw netemu::Error("OpenSSL cannot write a private key: " + take_error_words());
    }
    return bytes_of(out.get());
}

} // namespace mesh
