#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/spiffe/id.h"
#include "mesh/tls/certificate.h"

/// Who signs the certificates of a trust domain (X509-SVID.md of the SPIFFE standards).
namespace mesh {

/// How far in the past a certificate begins, for peers whose clock is slow.
inline constexpr std::chrono::seconds kSvidSkew{60};

/// What an SVID is to be.
struct IssueOptions {
    /// From `now` on; Istio's SECRET_TTL (istio/istio:pilot/cmd/pilot-agent/options/options.go).
    std::chrono::seconds lifetime = std::chrono::hours(24);
    std::vector<std::string> dns_names; // further names of the workload
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
    std::chrono::seconds skew = kSvidSkew; // it begins that long before `now`
};

/// An X509-SVID: who a workload is, and how it proves that. For TlsIdentity::parse.
struct Svid {
    SpiffeId id;
    std::string chain_pem; // the certificate and what leads to the root, which is in the bundle
    std::string key_pem;   // PKCS#8; a secret
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
};

/// The same of a workload of Linkerd, whose identity is a DNS name.
struct NamedCertificate {
    std::string chain_pem;
    std::string key_pem;
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
};

/// The root of one trust domain: a self-signed certificate and its ECDSA P-256 key. Immutable; one
/// may serve several threads. What moved elsewhere may only be assigned to or go.
class Authority {
public:
    /// A fresh one: its URI name is the trust domain's SPIFFE ID, it may sign certificates and
    /// lists of revoked ones (section 4) and begins kSvidSkew before `now`. Its subject is O= the
    /// trust domain, the first 64 bytes of it (RFC 5280, ub-organization-name). Throws
    /// netemu::Error for a trust domain that is none, or a lifetime that is not positive or ends
    /// behind the year 9999 (RFC 5280, section 4.1.2.5).
    static Authority create(
        const std::string& trust_domain,
        std::chrono::seconds lifetime,
        std::chrono::system_clock::time_point now);

    /// One that was made before, from `certificate_pem` and `key_pem`. Throws netemu::Error with
    /// the reason if the two are no pair, or the certificate is not as `create` makes them for that
    /// trust domain. An expired one is loaded, and issues nothing.
    static Authority
    load(const std::string& trust_domain, std::string_view cert_pem, std::string_view key_pem);

    [[nodiscard]] const std::string& trust_domain() const { return id_.trust_domain(); }
    /// Of the authority's own certificate.
    [[nodiscard]] const CertificateFacts& facts() const { return identity_->facts(); }
    /// What others need to verify its SVIDs (TlsServerSettings::spiffe_bundles).
    [[nodiscard]] std::string certificate_pem() const;
    /// PKCS#8, not encrypted. Whoever has it is every workload of the trust domain.
    [[nodiscard]] std::string key_pem() const;

    /// A fresh ECDSA P-256 key and a certificate for it as X509-SVID.md wants it: no subject, one
    /// URI name, which is critical; cA false; key usage digitalSignature; both sides of TLS. It
    /// never ends after the authority's own, nor begins before it. Throws netemu::Error for an ID
    /// of another trust domain or without a path, for a name that is no DNS name, for a lifetime
    /// that is not positive or a negative skew, or if the authority is not valid at `now`.
    [[nodiscard]] Svid issue(const SpiffeId& id, const IssueOptions& options = {}) const;
    /// The same with a DNS name in place of the URI name (linkerd/linkerd2 pkg/identity). Throws
    /// likewise.
    [[nodiscard]] NamedCertificate
    issue_name(const std::string& dns_name, const IssueOptions& options = {}) const;

private:
    Authority(SpiffeId id, std::shared_ptr<const TlsIdentity> identity);

    /// With the names of its subject.
    [[nodiscard]] NamedCertificate sign(
        const std::string& uri,
        std::vector<std::string> dns_names,
        const IssueOptions& options) const;

    SpiffeId id_; // of the trust domain
    std::shared_ptr<const TlsIdentity> identity_;
};

} // namespace mesh
