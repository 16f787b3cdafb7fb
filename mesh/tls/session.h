#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/tls/certificate.h"
#include "mesh/tls/config.h"

namespace mesh {

/// One end of a TLS connection (RFC 8446, RFC 5246). Pure: bytes in, bytes out, no socket, and
/// nothing that a peer sends makes it throw. Use TlsServerSession or TlsClientSession.
///
/// After each call that may have made some, send what `take_output` gives; also after a failure
/// (an alert tells the peer why), before the connection is closed. A session keeps no more of what
/// it was fed than one record and one message of the handshake; what it has decrypted waits for
/// `take_plain` and is never more than was fed since.
class TlsSession {
public:
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Takes what the peer has sent, in pieces of any size. Bytes behind a failure or behind the
    /// peer's end are passed over.
    void feed(std::string_view cipher_text);
    /// Tells that the transport has ended. Unless the peer has said so before (`peer_closed`), what
    /// was received may be cut short, and the session has failed (RFC 8446, section 6.1).
    void end_of_input();
    /// What the peer has said; empty when there is nothing new.
    std::string take_plain();

    /// Says something to the peer. Before the end of the handshake it waits for it; after a
    /// failure or `close` it is passed over.
    void write(std::string_view plain_text);
    /// Bytes for the peer; empty when there are none.
    std::string take_output();
    /// Says that nothing more will be written (close_notify). The peer may go on.
    void close();

    [[nodiscard]] bool handshaken() const;
    [[nodiscard]] bool failed() const;
    /// Why, in words: "alert: unknown CA" (the peer's), "the peer speaks plain HTTP, not TLS", "no
    /// shared cipher". Empty unless `failed`.
    [[nodiscard]] const std::string& error() const;
    /// Whether the peer has said in good order that it will write no more.
    [[nodiscard]] bool peer_closed() const;

    /// Of the connection; empty before the end of the handshake.
    [[nodiscard]] std::string protocol() const; // "TLSv1.3"
    [[nodiscard]] std::string cipher() const;   // "TLS_AES_256_GCM_SHA384"
    [[nodiscard]] std::string alpn() const;     // the one agreed on, or empty

    /// The certificate that the peer has shown, whether it is to be believed or not; nullptr: none
    /// so far.
    [[nodiscard]] const CertificateFacts* peer() const;
    /// Whether the peer's certificate leads to an authority of the settings, is valid today and, of
    /// a server, is one for the name that was asked for; or, if the settings have SPIFFE bundles,
    /// whether it is an X509-SVID that they take.
    [[nodiscard]] bool verified() const;
    /// Why not: "self-signed certificate", "the certificate is for a.lab, not for b.lab"; empty if
    /// verified.
    [[nodiscard]] const std::string& verify_error() const;

protected:
    class Impl;
    explicit TlsSession(std::unique_ptr<Impl> impl);
    ~TlsSession();

    std::unique_ptr<Impl> impl_;
};

class TlsServerSession final : public TlsSession {
public:
    /// Throws netemu::Error if OpenSSL has no memory for it.
    explicit TlsServerSession(const std::shared_ptr<const TlsServerConfig>& config);
    /// The name that the client asks for, in lower case; empty if none, or not known yet.
    [[nodiscard]] const std::string& server_name() const;
};

class TlsClientSession final : public TlsSession {
public:
    /// The first bytes are ready at once. `host` is whom the client wants: a name, which is sent to
    /// the server (SNI), or an address, which is not; the certificate has to be for it. Empty: no
    /// name is sent, and any certificate is for it. With SPIFFE bundles in the settings it is sent
    /// and no more than that. Throws netemu::Error for a name of more than 255 characters, or if
    /// OpenSSL has no memory for it.
    TlsClientSession(const std::shared_ptr<const TlsClientConfig>& config, std::string_view host);
    /// The name that was sent; empty if none.
    [[nodiscard]] const std::string& server_name() const;
};

} // namespace mesh
