#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "mesh/tls/handles.h"
#include "netemu/base/address.h"

namespace mesh {
namespace {

struct FreeFacts {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(char* text) const { OPENSSL_free(text); }
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string name_text(const X509_NAME* name) {
    const std::unique_ptr<BIO, FreeFacts> out(BIO_new(BIO_s_mem()));
    // UTF-8 stays what it is.
    constexpr unsigned long kStyle =
        XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    if (!out || X509_NAME_print_ex(out.get(), name, 0, kStyle) < 0) {
        return {};
    }
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string serial_text(const X509* certificate) {
    const std::unique_ptr<BIGNUM, FreeFacts> number(
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    const std::unique_ptr<char, FreeFacts> text(number ? BN_bn2hex(number.get()) : nullptr);
    return text ? std::string(text.get()) : std::string();
}

/// Without the C library's gmtime and its kin, which may want to open a file.
std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return {};
    }
    using namespace std::chrono;
    const year_month_day day{
        year{parts.tm_year + 1900},
        month{static_cast<unsigned>(parts.tm_mon + 1)},
        std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
    return sys_days{day} + hours{parts.tm_hour} + minutes{parts.tm_min} + seconds{parts.tm_sec};
}

std::string printable(const ASN1_STRING* text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto* bytes = ASN1_STRING_get0_data(text);
    std::string made;
    for (int i = 0; i < ASN1_STRING_length(text); ++i) {
        const unsigned byte = bytes[i];
        if (byte > 0x20 && byte < 0x7f && byte != '\\') {
            made += static_cast<char>(byte);
        } else {
            made += "\\x";
            made += kDigits[byte >> 4U];
            made += kDigits[byte & 0xfU];
        }
    }
    return made;
}

void add_name(const GENERAL_NAME* name, CertificateFacts& facts) {
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
    if (kind == GEN_DNS) {
        facts.dns_names.push_back(printable(value));
    } else if (kind == GEN_URI) {
        facts.uri_names.push_back(printable(value));
    } else if (kind == GEN_IPADD) {
        const int size = ASN1_STRING_length(value);
        if (size == 4 || size == 16) {
            const auto family = size == 4 ? netemu::Family::V4 : netemu::Family::V6;
            const auto* bytes = ASN1_STRING_get0_data(value);
            facts.addresses.push_back(netemu::IpAddress::from_bytes(family, bytes).to_string());
        }
    }
}

} // namespace

std::string to_rfc3339(std::chrono::sys_seconds time) {
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    char text[40];
    std::snprintf(
        text,
        sizeof text,
        "%04d-%02u-%02uT%02d:%02d:%02dZ",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()));
    return text;
}

namespace {

std::string digest_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) {
        return {};
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text.push_back(kDigits[digest[i] >> 4U]); // NOLINT: size is at most that of the array
        text.push_back(kDigits[digest[i] & 15U]); // NOLINT
    }
    return text;
}

} // namespace

CertificateFacts detail::facts_of(x509_st* certificate) {
    CertificateFacts facts;
    facts.subject = name_text(X509_get_subject_name(certificate));
    facts.issuer = name_text(X509_get_issuer_name(certificate));
    facts.serial = serial_text(certificate);
    facts.sha256 = digest_of(certificate);
    facts.not_before = time_of(X509_get0_notBefore(certificate));
    facts.not_after = time_of(X509_get0_notAfter(certificate));
    const std::unique_ptr<GENERAL_NAMES, FreeFacts> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) { // of nothing: -1
        add_name(sk_GENERAL_NAME_value(names.get(), i), facts);
    }
    return facts;
}

} // namespace mesh
