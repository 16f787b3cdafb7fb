#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/tls/certificate.h"

// OpenSSL's structures by name only, so that the sources of mesh/tls, mesh/spiffe and mesh/jwt can
// share them. Nobody else includes this header.
struct evp_pkey_st;
struct ssl_ctx_st;
struct stack_st_X509;
struct x509_st;
struct x509_store_ctx_st;

namespace mesh {

class TlsServerConfig;

namespace detail {

struct FreeOpenSsl {
    void operator()(evp_pkey_st* key) const;
    void operator()(ssl_ctx_st* context) const;
    void operator()(stack_st_X509* certificates) const; // and not what is in it
    void operator()(x509_st* certificate) const;
};
using CertificateHandle = std::unique_ptr<x509_st, FreeOpenSsl>;
using KeyHandle = std::unique_ptr<evp_pkey_st, FreeOpenSsl>;
using CertificateStack = std::unique_ptr<stack_st_X509, FreeOpenSsl>;
using ContextHandle = std::unique_ptr<ssl_ctx_st, FreeOpenSsl>;

struct SvidRules; // mesh/tls/svid.h

/// Of a TlsServerConfig or TlsClientConfig.
struct Context {
    ContextHandle handle;
    std::shared_ptr<const SvidRules> svid_rules; // null: peers need no X509-SVID
};

/// OpenSSL's own default; Debian's is 2, which a lab's certificates need not live up to.
inline constexpr int kSecurityLevel = 1;

struct IdentityParts {
    CertificateHandle own;
    std::vector<CertificateHandle> others; // from the own one's issuer on
    KeyHandle key;
};

/// What the callbacks of a context tell one session, which owns it and hands it to OpenSSL as the
/// SSL object's application data.
struct SessionNotes {
    const TlsServerConfig* server = nullptr; // of a server's session
    const SvidRules* svid_rules = nullptr;   // null: the certificate needs not be an X509-SVID
    std::string host;                        // what the peer's certificate has to be for; "": any
    bool must_verify = false;
    bool has_authorities = false;
    std::string server_name;              // SNI, as the client sent it
    std::optional<CertificateFacts> peer; // of the certificate that the peer has shown
    bool verified = false;
    std::string verify_error; // why not
    std::string refusal;      // why a callback ended the handshake, in words
};

/// The certificates in a PEM text, at least one and at most `max`. Throws netemu::Error.
std::vector<CertificateHandle> read_certificates(std::string_view pem, std::size_t max);

/// The same certificates, which stay where they are. Throws netemu::Error.
CertificateStack stack_of(const std::vector<CertificateHandle>& certificates);

CertificateFacts facts_of(x509_st* certificate);

/// In place of OpenSSL's own verification of a peer (SSL_CTX_set_cert_verify_callback): tells the
/// session's notes, and is 1 if the handshake may go on. With `svid_rules` the certificate has to
/// be an X509-SVID; otherwise it has to be for the notes' host.
int verify_peer(x509_store_ctx_st* store, void* unused);

/// Has OpenSSL start, without a configuration file, if it has not yet. Throws netemu::Error.
void start_openssl();

struct Failure {
    std::string words; // "" if there was no error
    bool is_alert = false;
};
/// Takes every error off this thread's queue and puts the one that says most into words.
Failure take_failure();
/// Its words alone.
std::string take_error_words();

} // namespace detail
} // namespace mesh
