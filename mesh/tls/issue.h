#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "mesh/tls/handles.h"

/// How this room makes certificates. As handles.h, this is for the sources of this room only.
namespace mesh::detail {

/// What a certificate says (RFC 5280). What it is good for follows from `is_authority`: to sign
/// certificates and lists of revoked ones and nothing else, or both sides of TLS and nothing else.
struct CertificateDraft {
    std::string common_name;        // of the subject; "": none
    std::string organization;       // the same
    std::string uri;                // alternative name; "": none
    std::vector<std::string> names; // further alternative names: DNS names and addresses
    bool is_authority = false;
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
};

/// A fresh ECDSA P-256 key. Throws netemu::Error.
KeyHandle make_p256_key();

/// A certificate of `subject_key` with a random serial number, signed with the ECDSA or RSA key of
/// `issuer`, or, if that is null, with `subject_key` itself. If there is no subject, the
/// alternative names are critical (section 4.2.1.6). Throws netemu::Error, also for a name that is
/// none.
CertificateHandle make_certificate(
    const CertificateDraft& draft, evp_pkey_st* subject_key, const IdentityParts* issuer);

/// One that is signed with its own fresh ECDSA P-256 key. Throws netemu::Error.
std::shared_ptr<const TlsIdentity> make_self_signed(const CertificateDraft& draft);

/// As PEM. Throws netemu::Error.
std::string to_pem(const std::vector<x509_st*>& certificates);
/// The private key as PEM, PKCS#8, not encrypted. Throws netemu::Error.
std::string to_pem(evp_pkey_st* key);

} // namespace mesh::detail
