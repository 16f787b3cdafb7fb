#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// X.509 certificates and their private keys (RFC 5280), for TLS. No OpenSSL type appears here.
namespace mesh {

namespace detail {
struct IdentityParts; // certificates and key as OpenSSL has them; this room's own
} // namespace detail

/// What people and programs ask of a certificate. Text of a peer's certificate is made printable:
/// in names other bytes than printable ASCII are written as \xNN, in `subject` and `issuer` control
/// characters are escaped.
struct CertificateFacts {
    std::string subject; // RFC 2253: "CN=web,O=lab"; may be empty
    std::string issuer;
    std::string serial; // hexadecimal digits
    std::vector<std::string> dns_names;
    std::vector<std::string> addresses; // of iPAddress entries, as IpAddress::to_string writes them
    std::vector<std::string> uri_names; // SPIFFE IDs are among them
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
    std::string sha256; // of the certificate in DER: hexadecimal digits

    bool operator==(const CertificateFacts&) const = default;
    /// `dns_names` and then `addresses`: what `certificate_covers` asks for.
    [[nodiscard]] std::vector<std::string> names() const;
    /// The first URI that begins with "spiffe://", or "".
    [[nodiscard]] std::string spiffe_id() const;
};

/// Whether a certificate for `names` (DNS names, perhaps with a wildcard, and addresses) is one for
/// `host`, a name or an address (RFC 9525 section 6, RFC 6125 section 6.4.3). Case does not matter,
/// nor does a dot at the end of `host`. A wildcard is a whole label, the left-most one, stands for
/// exactly one label and never for a part of an address. The subject's common name is nobody's
/// name (RFC 9525 section 6.2). Pure.
bool certificate_covers(std::span<const std::string> names, std::string_view host);

/// A time as "2027-01-31T00:00:00Z" (RFC 3339).
std::string to_rfc3339(std::chrono::sys_seconds time);

/// A server's (or client's) certificate, those that lead to its issuer, and its private key.
/// Immutable, so any number of sessions and threads may share one.
class TlsIdentity {
public:
    /// Reads PEM texts (RFC 7468): `chain_pem` has the own certificate first, up to
    /// kCertificateChainMax of them, and `key_pem` its key: RSA, ECDSA or Ed25519, in PKCS#8,
    /// PKCS#1 or SEC1 form, not encrypted. Blocks of other kinds are passed over, so both may be
    /// the same text. An expired certificate is none the worse here. Throws netemu::Error that says
    /// which of the two is bad, why, and, where it is known, in which line.
    static std::shared_ptr<const TlsIdentity>
    parse(std::string_view chain_pem, std::string_view key_pem);

    /// A fresh ECDSA P-256 key with a certificate of its own, valid from an hour ago until
    /// `lifetime` from now. `names` may hold addresses. Throws netemu::Error, also for a common
    /// name of more than 64 characters (RFC 5280, ub-common-name) and for a name that is none.
    static std::shared_ptr<const TlsIdentity> make_self_signed(
        const std::string& common_name,
        const std::vector<std::string>& names,
        std::chrono::seconds lifetime);

    explicit TlsIdentity(std::unique_ptr<detail::IdentityParts> parts);
    TlsIdentity(const TlsIdentity&) = delete;
    TlsIdentity& operator=(const TlsIdentity&) = delete;
    ~TlsIdentity();

    /// Of the own certificate.
    [[nodiscard]] const CertificateFacts& facts() const { return facts_; }
    [[nodiscard]] bool covers(std::string_view host) const;
    /// "ECDSA", "RSA" or "Ed25519".
    [[nodiscard]] std::string key_kind() const;
    /// The certificates without the key, as PEM.
    [[nodiscard]] std::string chain_pem() const;

    /// For this room only.
    [[nodiscard]] const detail::IdentityParts& parts() const { return *parts_; }

private:
    std::unique_ptr<detail::IdentityParts> parts_;
    CertificateFacts facts_;
};

inline constexpr std::size_t kCertificateChainMax = 16;
inline constexpr std::size_t kCertificateBundleMax = 1024; // of authorities
inline constexpr int kRsaBitsMin = 1024;                   // what OpenSSL's security level 1 takes

} // namespace mesh
