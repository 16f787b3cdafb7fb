#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/tls/certificate.h"

namespace mesh {

namespace detail {
struct Context; // settings as OpenSSL has them; this room's own
} // namespace detail

/// Trust domain -> PEM of its authorities; "": it has none any more, and nobody of it is believed.
///
/// A peer whose settings have bundles has to show an X509-SVID (X509-SVID.md of the SPIFFE
/// standards, section 5), or the handshake ends: a certificate with exactly one URI name, a SPIFFE
/// ID with a path; no authority's, and with no right to sign (keyCertSign, cRLSign); if it names
/// uses, for both sides of TLS; today; and by authorities (cA, keyCertSign, no path in a SPIFFE ID)
/// that lead to one of the bundle of *its own* trust domain (RFC 5280, section 6). Bundles are
/// never pooled: another domain's authority could otherwise sign names of ours.
using SpiffeBundles = std::map<std::string, std::string>;

/// What a TLS server wants of its sessions. TLS 1.2 and 1.3, no renegotiation, no compression.
struct TlsServerSettings {
    /// The identity to show to a client that asks for this name (SNI, RFC 6066 section 3: in lower
    /// case, without a dot at its end; empty if it names none). Null ends the handshake with the
    /// alert unrecognized_name. Called in the session's thread, from its `feed`.
    std::function<std::shared_ptr<const TlsIdentity>(std::string_view server_name)> identity;
    /// Application protocols (RFC 7301), the preferred first. A client that names some and none of
    /// these ends with the alert no_application_protocol; one that names none goes on without.
    /// Empty: no choice is made.
    std::vector<std::string> alpn;
    /// PEM of authorities; if not empty, a client has to show a certificate that one of them has
    /// signed (mutual TLS).
    std::string client_ca_pem;
    /// In its place: if not empty, a client has to show an X509-SVID that verifies (below).
    SpiffeBundles spiffe_bundles;
};

/// What a TLS client wants of its sessions.
struct TlsClientSettings {
    std::vector<std::string> alpn; // offered; empty: no offer
    /// PEM of authorities, any one of which is an anchor, a root or not. Empty: nothing can be
    /// verified, and no session is `verified()`.
    std::string ca_pem;
    /// End the handshake if the server's certificate does not verify: signature, dates, name.
    bool must_verify = false;
    std::shared_ptr<const TlsIdentity> identity; // to show to a server that asks; may be null
    /// In place of `ca_pem`: if not empty, the server has to show an X509-SVID that verifies. Which
    /// names it has besides does not matter, nor does `must_verify`.
    SpiffeBundles spiffe_bundles;
    /// SPIFFE IDs; the server has to be one of them (Istio's secure naming). Empty: anybody of the
    /// bundles' trust domains.
    std::vector<std::string> server_ids;
};

/// Settings, checked and ready for any number of sessions, in one thread or several. Immutable;
/// each session keeps it alive. A change of settings is a new one.
class TlsServerConfig {
public:
    /// Throws netemu::Error for bad PEM, ALPN names or trust domains, for what is no authority in a
    /// bundle, or for bundles besides `client_ca_pem`.
    static std::shared_ptr<const TlsServerConfig> make(TlsServerSettings settings);

    explicit TlsServerConfig(TlsServerSettings settings);
    TlsServerConfig(const TlsServerConfig&) = delete;
    TlsServerConfig& operator=(const TlsServerConfig&) = delete;
    ~TlsServerConfig();

    [[nodiscard]] const TlsServerSettings& settings() const { return settings_; }
    /// For this room only.
    [[nodiscard]] const detail::Context& context() const { return *context_; }

private:
    TlsServerSettings settings_;
    std::string alpn_; // as on the wire
    std::unique_ptr<detail::Context> context_;
};

/// The same for clients.
class TlsClientConfig {
public:
    /// Throws netemu::Error as for a server, and if `must_verify` has no authorities, `server_ids`
    /// no bundles, or holds what is no SPIFFE ID of a workload.
    static std::shared_ptr<const TlsClientConfig> make(TlsClientSettings settings);

    explicit TlsClientConfig(TlsClientSettings settings);
    TlsClientConfig(const TlsClientConfig&) = delete;
    TlsClientConfig& operator=(const TlsClientConfig&) = delete;
    ~TlsClientConfig();

    [[nodiscard]] const TlsClientSettings& settings() const { return settings_; }
    /// For this room only.
    [[nodiscard]] const detail::Context& context() const { return *context_; }

private:
    TlsClientSettings settings_;
    std::unique_ptr<detail::Context> context_;
};

} // namespace mesh
