#include "mesh/tls/svid.h"

#include <openssl/x509v3.h>

#include "netemu/base/error.h"

namespace mesh {
namespace {

using detail::CertificateHandle;

/// Uses of a certificate without the extension are all there are, to OpenSSL; here they are none.
std::uint32_t key_usage_of(X509* certificate) {
    const bool present = (X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) != 0;
    return present ? X509_get_key_usage(certificate) : 0;
}

/// Of the one URI name of a leaf.
std::string leaf_id_problem(const std::string& uri) {
    try {
        const auto id = SpiffeId::parse(uri);
        if (id.path().empty()) {
            return "names a trust domain, not a workload: " + uri + " has no path";
        }
        // Who compares texts must not be led astray.
        return id.to_string() == uri ? "" : "has a URI name with a scheme not in lower case";
    } catch (const netemu::Error& error) {
        return std::string("has a URI name that is no SPIFFE ID: ") + error.what();
    }
}

std::vector<CertificateHandle>
read_bundle(const std::string& trust_domain, const std::string& pem) {
    if (const auto problem = trust_domain_problem(trust_domain); !problem.empty()) {
        throw netemu::Error(problem);
    }
    if (pem.empty()) {
        return {};
    }
    auto authorities = detail::read_certificates(pem, kCertificateBundleMax);
    for (std::size_t i = 0; i < authorities.size(); ++i) {
        const auto problem = detail::signing_problem(authorities[i].get());
        if (!problem.empty()) {
            throw netemu::Error("certificate " + std::to_string(i + 1) + " " + problem);
        }
    }
    return authorities;
}

SpiffeId read_expected(const std::string& text) {
    auto id = SpiffeId::parse(text);
    if (id.path().empty()) {
        throw netemu::Error("no server is " + text + ": it names a trust domain");
    }
    return id;
}

} // namespace

std::string detail::signing_problem(x509_st* certificate) {
    const auto flags = X509_get_extension_flags(certificate);
    if ((flags & EXFLAG_INVALID) != 0) {
        return "has an extension that cannot be read";
    }
    if ((flags & EXFLAG_CA) == 0) {
        return "is no authority's (cA of its basic constraints is not true)";
    }
    if ((key_usage_of(certificate) & KU_KEY_CERT_SIGN) == 0) {
        return "may not sign certificates (its key usage lacks keyCertSign)";
    }
    for (const auto& uri : facts_of(certificate).uri_names) {
        if (const auto id = SpiffeId::try_parse(uri); id && !id->path().empty()) {
            return "is an authority's, but its SPIFFE ID has a path: " + uri;
        }
    }
    return {};
}

std::string detail::leaf_problem(x509_st* certificate, const CertificateFacts& facts) {
    const auto flags = X509_get_extension_flags(certificate);
    const auto usage = key_usage_of(certificate);
    if ((flags & EXFLAG_INVALID) != 0) {
        return "has an extension that cannot be read";
    }
    if ((flags & EXFLAG_CA) != 0) {
        return "is an authority's (cA of its basic constraints is true)";
    }
    if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) {
        return "may sign " + std::string(
                                 (usage & KU_KEY_CERT_SIGN) != 0
                                     ? "certificates (keyCertSign)"
                                     : "lists of revoked ones (cRLSign)");
    }
    if ((flags & EXFLAG_KUSAGE) != 0 && (usage & KU_DIGITAL_SIGNATURE) == 0) {
        return "has a key usage without digitalSignature";
    }
    constexpr std::uint32_t kBothSides = XKU_SSL_SERVER | XKU_SSL_CLIENT;
    if ((flags & EXFLAG_XKUSAGE) != 0 &&
        (X509_get_extended_key_usage(certificate) & kBothSides) != kBothSides) {
        return "has an extended key usage without both serverAuth and clientAuth";
    }
    if (facts.uri_names.size() != 1) {
        return facts.uri_names.empty() ? "has no SPIFFE ID (a URI among its alternative names)"
                                       : "has " + std::to_string(facts.uri_names.size()) +
                                             " URI names; an X509-SVID has exactly one";
    }
    return leaf_id_problem(facts.uri_names.front());
}

std::shared_ptr<const detail::SvidRules>
detail::read_svid_rules(const SpiffeBundles& bundles, const std::vector<std::string>& expected) {
    if (bundles.empty()) {
        if (!expected.empty()) {
            throw netemu::Error("a server's SPIFFE ID cannot be verified without SPIFFE bundles");
        }
        return nullptr;
    }
    auto rules = std::make_shared<SvidRules>();
    for (const auto& [trust_domain, pem] : bundles) {
        try {
            rules->bundles.emplace(trust_domain, read_bundle(trust_domain, pem));
        } catch (netemu::Error& error) {
            error.add_context("the SPIFFE bundle of \"" + trust_domain + "\"");
            throw;
        }
    }
    for (const auto& id : expected) {
        rules->expected.push_back(read_expected(id));
    }
    return rules;
}

} // namespace mesh
