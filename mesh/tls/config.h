#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/tls/certificate.h"

namespace mesh {

namespace detail {
struct Context; // settings as OpenSSL has them; this room's own
} // namespace detail

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
};

/// Settings, checked and ready for any number of sessions, in one thread or several. Immutable;
/// each session keeps it alive. A change of settings is a new one.
class TlsServerConfig {
public:
    /// Throws netemu::Error for bad PEM or ALPN names.
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
    /// Throws netemu::Error for bad PEM or ALPN names, or if `must_verify` has no authorities.
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
