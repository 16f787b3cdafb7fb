#include <array>
#include <cstdint>
#include <ctime>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "mesh/tls/handles.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

using namespace std::chrono_literals;

constexpr auto kBackdated = 1h; // for peers whose clock is slow
constexpr std::size_t kCommonNameMax = 64;
constexpr std::size_t kDnsNameMax = 253;
constexpr long kVersion3 = 2; // RFC 5280, section 4.1.2.1

struct FreeNames {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
    void operator()(ASN1_BIT_STRING* bits) const { ASN1_BIT_STRING_free(bits); }
    void operator()(BASIC_CONSTRAINTS* limits) const { BASIC_CONSTRAINTS_free(limits); }
    void operator()(EXTENDED_KEY_USAGE* uses) const {
        sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
    }
};

/// Throws unless `result` is true or not null.
template <typename Result>
Result must_make(const char* what, Result result) {
    if (!result) {
        throw netemu::Error(
            std::string("make a certificate: ") + what + ": " + detail::take_error_words());
    }
    return result;
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
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr), &BN_free);
    must_make(
        "serial number",
        number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void set_names(X509* certificate, const std::string& common_name) {
    auto* subject = X509_get_subject_name(certificate);
    const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data()); // NOLINT
    must_make(
        "common name",
        X509_NAME_add_entry_by_NID(
            subject,
            NID_commonName,
            MBSTRING_UTF8,
            bytes,
            static_cast<int>(common_name.size()),
            -1,
            0) == 1);
    must_make("issuer", X509_set_issuer_name(certificate, subject) == 1);
}

GENERAL_NAME* general_name(const std::string& name) {
    std::unique_ptr<GENERAL_NAME, decltype(&GENERAL_NAME_free)> made(
        must_make("name", GENERAL_NAME_new()), &GENERAL_NAME_free);
    const auto address = netemu::IpAddress::parse(name);
    auto* value =
        must_make("name", ASN1_STRING_type_new(address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
    GENERAL_NAME_set0_value(made.get(), address ? GEN_IPADD : GEN_DNS, value); // owns it now
    const auto size = static_cast<int>(address ? address->size() : name.size());
    const void* bytes = address ? static_cast<const void*>(address->bytes()) : name.data();
    must_make("name", ASN1_STRING_set(value, bytes, size) == 1);
    return made.release();
}

void add_alternative_names(X509* certificate, const std::vector<std::string>& names) {
    if (names.empty()) {
        return;
    }
    const std::unique_ptr<GENERAL_NAMES, FreeNames> all(must_make("names", GENERAL_NAMES_new()));
    for (const auto& name : names) {
        if (!netemu::IpAddress::parse(name)) {
            check_dns_name(name);
        }
        must_make("names", sk_GENERAL_NAME_push(all.get(), general_name(name)) > 0);
    }
    must_make("names", X509_add1_ext_i2d(certificate, NID_subject_alt_name, all.get(), 0, 0) == 1);
}

/// Good for a server's and a client's side of TLS, and for signing nothing.
void add_uses(X509* certificate) {
    const std::unique_ptr<BASIC_CONSTRAINTS, FreeNames> limits(
        must_make("constraints", BASIC_CONSTRAINTS_new())); // of which the default is no authority
    const std::unique_ptr<ASN1_BIT_STRING, FreeNames> bits(
        must_make("uses", ASN1_BIT_STRING_new()));
    const std::unique_ptr<EXTENDED_KEY_USAGE, FreeNames> uses(
        must_make("uses", EXTENDED_KEY_USAGE_new()));
    constexpr int kDigitalSignature = 0; // RFC 5280, section 4.2.1.3
    must_make("uses", ASN1_BIT_STRING_set_bit(bits.get(), kDigitalSignature, 1) == 1);
    for (const int use : {NID_server_auth, NID_client_auth}) {
        must_make("uses", sk_ASN1_OBJECT_push(uses.get(), OBJ_nid2obj(use)) > 0);
    }
    must_make(
        "uses",
        X509_add1_ext_i2d(certificate, NID_basic_constraints, limits.get(), 1, 0) == 1 &&
            X509_add1_ext_i2d(certificate, NID_key_usage, bits.get(), 1, 0) == 1 &&
            X509_add1_ext_i2d(certificate, NID_ext_key_usage, uses.get(), 0, 0) == 1);
}

} // namespace

std::shared_ptr<const TlsIdentity> TlsIdentity::make_self_signed(
    const std::string& common_name,
    const std::vector<std::string>& names,
    std::chrono::seconds lifetime) {
    if (common_name.empty() || common_name.size() > kCommonNameMax) {
        throw netemu::Error(
            "make a certificate: the common name \"" + common_name + "\" has " +
            std::to_string(common_name.size()) + " characters; it needs 1 to " +
            std::to_string(kCommonNameMax));
    }
    detail::start_openssl();
    auto parts = std::make_unique<detail::IdentityParts>();
    parts->key.reset(must_make("key", EVP_EC_gen("P-256")));
    parts->own.reset(must_make("certificate", X509_new()));
    auto* certificate = parts->own.get();
    must_make("version", X509_set_version(certificate, kVersion3) == 1);
    set_serial(certificate);
    const auto now =
        std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto moment = [](std::chrono::sys_seconds time) {
        return static_cast<std::time_t>(time.time_since_epoch().count());
    };
    must_make(
        "dates",
        ASN1_TIME_set(X509_getm_notBefore(certificate), moment(now - kBackdated)) != nullptr &&
            ASN1_TIME_set(X509_getm_notAfter(certificate), moment(now + lifetime)) != nullptr);
    set_names(certificate, common_name);
    must_make("key", X509_set_pubkey(certificate, parts->key.get()) == 1);
    add_uses(certificate);
    add_alternative_names(certificate, names);
    must_make("signature", X509_sign(certificate, parts->key.get(), EVP_sha256()) > 0);
    return std::make_shared<const TlsIdentity>(std::move(parts));
}

} // namespace mesh
