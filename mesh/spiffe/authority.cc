#include "mesh/spiffe/authority.h"

#include <algorithm>
#include <utility>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "mesh/tls/issue.h"
#include "mesh/tls/svid.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

using namespace std::chrono;

constexpr std::size_t kOrganizationMax = 64;
constexpr sys_seconds kLastMoment = sys_days{year{9999} / December / 31} + 24h - 1s;

/// Its SPIFFE ID.
SpiffeId trust_domain_id(const std::string& trust_domain) {
    if (const auto problem = trust_domain_problem(trust_domain); !problem.empty()) {
        throw netemu::Error(problem);
    }
    return SpiffeId::parse("spiffe://" + trust_domain);
}

/// `start` and so much more, at most `last`; no sum overflows.
sys_seconds later(sys_seconds start, seconds lifetime, sys_seconds last) {
    return start >= last || lifetime >= last - start ? last : start + lifetime;
}

void check_lifetime(seconds lifetime) {
    if (lifetime <= 0s) {
        throw netemu::Error(
            "a certificate's lifetime of " + std::to_string(lifetime.count()) +
            " s is not positive");
    }
}

bool is_p256(const EVP_PKEY* key) {
    char name[32] = {};
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, name, sizeof name, nullptr) == 1 &&
           EC_curve_nist2nid("P-256") == OBJ_sn2nid(name);
}

bool is_critical(const X509* certificate, int kind) {
    const int at = X509_get_ext_by_NID(certificate, kind, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

/// What keeps a pair of certificate and key from being an authority of that ID; "" if nothing does.
std::string authority_problem(const SpiffeId& id, const TlsIdentity& identity) {
    const auto& parts = identity.parts();
    auto* certificate = parts.own.get();
    if (!parts.others.empty()) {
        return "is followed by " + std::to_string(parts.others.size()) +
               " more; a root needs no chain";
    }
    if (auto problem = detail::signing_problem(certificate); !problem.empty()) {
        return problem;
    }
    if (!is_critical(certificate, NID_basic_constraints) ||
        !is_critical(certificate, NID_key_usage)) {
        return "has basic constraints or a key usage that are not critical";
    }
    const auto& uris = identity.facts().uri_names;
    if (uris.size() != 1 || uris.front() != id.to_string()) {
        return "is not that of " + id.to_string() +
               (uris.empty() ? "" : ", but of " + uris.front().substr(0, kSpiffeIdMax));
    }
    if (X509_self_signed(certificate, 1) != 1) {
        return "is not signed with its own key";
    }
    return is_p256(parts.key.get()) ? "" : "has a key that is not ECDSA P-256";
}

} // namespace

Authority::Authority(SpiffeId id, std::shared_ptr<const TlsIdentity> identity)
    : id_(std::move(id)), identity_(std::move(identity)) {
}

Authority
Authority::create(const std::string& trust_domain, seconds lifetime, system_clock::time_point now) {
    auto id = trust_domain_id(trust_domain);
    check_lifetime(lifetime);
    const auto start = floor<seconds>(now);
    if (start > kLastMoment || lifetime > kLastMoment - start) {
        throw netemu::Error("an authority's certificate has to end before the year 10000");
    }
    detail::CertificateDraft draft;
    draft.organization = trust_domain.substr(0, kOrganizationMax);
    draft.uri = id.to_string();
    draft.is_authority = true;
    draft.not_before = start - kSvidSkew;
    draft.not_after = start + lifetime;
    return {std::move(id), detail::make_self_signed(draft)};
}

Authority Authority::load(
    const std::string& trust_domain, std::string_view cert_pem, std::string_view key_pem) {
    auto id = trust_domain_id(trust_domain);
    try {
        auto identity = TlsIdentity::parse(cert_pem, key_pem);
        const auto problem = authority_problem(id, *identity);
        if (!problem.empty()) {
            throw netemu::Error("the certificate " + problem);
        }
        return {std::move(id), std::move(identity)};
    } catch (netemu::Error& error) {
        error.add_context("the authority of " + trust_domain);
        throw;
    }
}

std::string Authority::certificate_pem() const {
    return identity_->chain_pem();
}

std::string Authority::key_pem() const {
    return detail::to_pem(identity_->parts().key.get());
}

Svid Authority::issue(const SpiffeId& id, const IssueOptions& options) const {
    if (id.trust_domain() != trust_domain()) {
        throw netemu::Error(
            "the authority of " + trust_domain() + " signs nothing for " + id.to_string());
    }
    if (id.path().empty()) {
        throw netemu::Error(id.to_string() + " is no workload's: it has no path");
    }
    auto made = sign(id.to_string(), options.dns_names, options);
    return {
        id, std::move(made.chain_pem), std::move(made.key_pem), made.not_before, made.not_after};
}

NamedCertificate
Authority::issue_name(const std::string& dns_name, const IssueOptions& options) const {
    auto names = options.dns_names;
    names.insert(names.begin(), dns_name);
    return sign({}, std::move(names), options);
}

NamedCertificate Authority::sign(
    const std::string& uri, std::vector<std::string> dns_names, const IssueOptions& options) const {
    check_lifetime(options.lifetime);
    const auto now = floor<seconds>(options.now);
    if (options.skew < 0s) {
        throw netemu::Error("a certificate cannot begin after the moment that it is issued");
    }
    if (now < facts().not_before || now >= facts().not_after) {
        throw netemu::Error(
            "the authority of " + trust_domain() + " is valid from " +
            to_rfc3339(facts().not_before) + " to " + to_rfc3339(facts().not_after) +
            ", and cannot sign at " + to_rfc3339(now));
    }
    detail::CertificateDraft draft;
    draft.uri = uri;
    draft.names = std::move(dns_names);
    draft.not_before =
        options.skew > now - facts().not_before ? facts().not_before : now - options.skew;
    draft.not_after = later(now, options.lifetime, facts().not_after);
    const auto key = detail::make_p256_key();
    const auto certificate = detail::make_certificate(draft, key.get(), &identity_->parts());
    return {
        detail::to_pem(std::vector<x509_st*>{certificate.get()}),
        detail::to_pem(key.get()),
        draft.not_before,
        draft.not_after};
}

} // namespace mesh
