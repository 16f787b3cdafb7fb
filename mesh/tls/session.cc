#include "mesh/tls/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "mesh/tls/handles.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

/// What OpenSSL is given at a time, so that its buffers stay small; a record's length (RFC 8446,
/// section 5.1).
constexpr std::size_t kPieceBytes = 16U << 10U;
constexpr std::size_t kHostNameMax = TLSEXT_MAXLEN_host_name;

/// RFC 8446, sections 5.1 and 4: a record of the handshake that begins with a ClientHello.
bool is_hello_of_client(std::string_view bytes) {
    constexpr std::size_t kMessageAt = 5;
    return bytes.size() > kMessageAt && bytes[0] == SSL3_RT_HANDSHAKE &&
           bytes[kMessageAt] == SSL3_MT_CLIENT_HELLO;
}

struct FreeSession {
    void operator()(SSL* ssl) const { SSL_free(ssl); } // and both of its BIOs
};

} // namespace

class TlsSession::Impl {
public:
    Impl(std::shared_ptr<const void> config, const detail::Context& context, bool server)
        : config_(std::move(config)), ssl_(SSL_new(context.handle.get())) {
        auto* in = BIO_new(BIO_s_mem());
        auto* out = BIO_new(BIO_s_mem());
        if (!ssl_ || in == nullptr || out == nullptr) {
            BIO_free(in);
            BIO_free(out);
            throw netemu::Error("OpenSSL has no memory for a session");
        }
        SSL_set_bio(ssl_.get(), in, out);
        SSL_set_app_data(ssl_.get(), &notes);
        server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    }

    [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
    [[nodiscard]] bool over() const { return failed_ || peer_closed_; }

    void feed(std::string_view bytes) {
        if (!bytes.empty() && first_bytes_.size() < kFirstBytes) {
            first_bytes_ += bytes.substr(0, kFirstBytes - first_bytes_.size());
        }
        while (!bytes.empty() && !over()) {
            const auto piece = bytes.substr(0, kPieceBytes);
            bytes.remove_prefix(piece.size());
            if (BIO_write(SSL_get_rbio(ssl()), piece.data(), static_cast<int>(piece.size())) !=
                static_cast<int>(piece.size())) {
                return fail("out of memory");
            }
            advance();
        }
    }

    /// The handshake as far as it goes, then whatever can be read.
    void advance() {
        if (!handshaken_ && !shake()) {
            return;
        }
        std::array<char, kPieceBytes> buffer; // NOLINT: filled before it is read
        for (;;) {
            std::size_t size = 0;
            ERR_clear_error();
            const int result = SSL_read_ex(ssl(), buffer.data(), buffer.size(), &size);
            if (result == 1) {
                plain_.append(buffer.data(), size);
                continue;
            }
            const int why = SSL_get_error(ssl(), result);
            if (why == SSL_ERROR_ZERO_RETURN) {
                peer_closed_ = true;
            } else if (why != SSL_ERROR_WANT_READ) {
                fail_with_words();
            }
            return;
        }
    }

    void write(std::string_view bytes) {
        if (failed_ || closed_ || bytes.empty()) {
            return;
        }
        if (handshaken_) {
            send(bytes);
        } else {
            waiting_.append(bytes);
        }
    }

    std::string take_output() {
        auto* out = SSL_get_wbio(ssl());
        std::string bytes(BIO_ctrl_pending(out), '\0');
        if (!bytes.empty()) {
            BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
        }
        return bytes;
    }

    void close() {
        if (!std::exchange(closed_, true) && handshaken_ && !failed_) {
            say_end();
        }
    }

    void end_of_input() {
        if (!over()) {
            fail(
                handshaken_ ? "the peer ended the connection without saying so (close_notify)"
                            : "the peer ended the connection during the handshake");
        }
    }

    detail::SessionNotes notes;
    [[nodiscard]] bool handshaken() const { return handshaken_; }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] bool peer_closed() const { return peer_closed_; }
    [[nodiscard]] const std::string& error() const { return error_; }
    std::string take_plain() { return std::exchange(plain_, {}); }

private:
    static constexpr std::size_t kFirstBytes = 6; // a record's head, and what message is in it

    bool shake() {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl());
        if (result != 1) {
            if (SSL_get_error(ssl(), result) != SSL_ERROR_WANT_READ) {
                fail_with_words();
            }
            return false;
        }
        handshaken_ = true;
        send(std::exchange(waiting_, {}));
        if (closed_ && !failed_) {
            say_end();
        }
        return !failed_;
    }

    void send(std::string_view bytes) {
        std::size_t written = 0;
        ERR_clear_error();
        if (!bytes.empty() && SSL_write_ex(ssl(), bytes.data(), bytes.size(), &written) != 1) {
            fail_with_words();
        }
    }

    void say_end() {
        SSL_shutdown(ssl());
        ERR_clear_error();
    }

    void fail(std::string why) {
        failed_ = true;
        error_ = std::move(why);
        waiting_.clear();
        ERR_clear_error();
    }

    void fail_with_words() {
        const auto failure = detail::take_failure();
        if (!notes.refusal.empty()) {
            return fail(notes.refusal);
        }
        if (!handshaken_ && first_bytes_.starts_with("HTTP/")) { // what a server says to a client
            return fail("the peer speaks plain HTTP, not TLS");
        }
        if (!handshaken_ && SSL_is_server(ssl()) == 0 && is_hello_of_client(first_bytes_)) {
            return fail("the peer speaks no TLS, it sends back what it is sent");
        }
        const bool unverified = notes.must_verify && !notes.verify_error.empty();
        if (!handshaken_ && unverified && !failure.is_alert) {
            return fail("certificate verify failed: " + notes.verify_error);
        }
        fail(failure.words.empty() ? "OpenSSL failed without a reason" : failure.words);
    }

    std::shared_ptr<const void> config_; // what the context is a part of
    std::unique_ptr<SSL, FreeSession> ssl_;
    std::string plain_;
    std::string waiting_; // written before the end of the handshake
    std::string first_bytes_;
    std::string error_;
    bool handshaken_ = false;
    bool failed_ = false;
    bool closed_ = false; // by us
    bool peer_closed_ = false;
};

TlsSession::TlsSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}

TlsSession::~TlsSession() = default;

void TlsSession::feed(std::string_view cipher_text) {
    impl_->feed(cipher_text);
}

void TlsSession::end_of_input() {
    impl_->end_of_input();
}

std::string TlsSession::take_plain() {
    return impl_->take_plain();
}

void TlsSession::write(std::string_view plain_text) {
    impl_->write(plain_text);
}

std::string TlsSession::take_output() {
    return impl_->take_output();
}

void TlsSession::close() {
    impl_->close();
}

bool TlsSession::handshaken() const {
    return impl_->handshaken();
}

bool TlsSession::failed() const {
    return impl_->failed();
}

const std::string& TlsSession::error() const {
    return impl_->error();
}

bool TlsSession::peer_closed() const {
    return impl_->peer_closed();
}

std::string TlsSession::protocol() const {
    return handshaken() ? SSL_get_version(impl_->ssl()) : "";
}

std::string TlsSession::cipher() const {
    return handshaken() ? SSL_get_cipher_name(impl_->ssl()) : "";
}

std::string TlsSession::alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(impl_->ssl(), &name, &size);
    return {reinterpret_cast<const char*>(name), size}; // NOLINT: bytes are bytes
}

const CertificateFacts* TlsSession::peer() const {
    return impl_->notes.peer ? &*impl_->notes.peer : nullptr;
}

bool TlsSession::verified() const {
    return impl_->notes.verified;
}

const std::string& TlsSession::verify_error() const {
    return impl_->notes.verify_error;
}

TlsServerSession::TlsServerSession(const std::shared_ptr<const TlsServerConfig>& config)
    : TlsSession(std::make_unique<Impl>(config, config->context(), true)) {
    impl_->notes.server = config.get();
    impl_->notes.svid_rules = config->context().svid_rules.get();
    impl_->notes.has_authorities = !config->settings().client_ca_pem.empty();
    impl_->notes.must_verify = impl_->notes.has_authorities || impl_->notes.svid_rules != nullptr;
}

const std::string& TlsServerSession::server_name() const {
    return impl_->notes.server_name;
}

TlsClientSession::TlsClientSession(
    const std::shared_ptr<const TlsClientConfig>& config, std::string_view host)
    : TlsSession(std::make_unique<Impl>(config, config->context(), false)) {
    auto& notes = impl_->notes;
    notes.host = host;
    notes.svid_rules = config->context().svid_rules.get();
    notes.has_authorities = !config->settings().ca_pem.empty();
    notes.must_verify = config->settings().must_verify || notes.svid_rules != nullptr;
    if (notes.host.ends_with('.')) {
        notes.host.pop_back(); // RFC 6066, section 3
    }
    if (notes.host.size() > kHostNameMax || notes.host.find('\0') != std::string::npos) {
        throw netemu::Error("a TLS server's name has more than 255 characters, or a zero byte");
    }
    if (!notes.host.empty() && !netemu::IpAddress::parse(notes.host)) {
        notes.server_name = notes.host;
        SSL_ctrl( // the macro for this holds a cast of the old style
            impl_->ssl(),
            SSL_CTRL_SET_TLSEXT_HOSTNAME,
            TLSEXT_NAMETYPE_host_name,
            notes.server_name.data());
    }
    impl_->advance();
}

const std::string& TlsClientSession::server_name() const {
    return impl_->notes.server_name;
}

} // namespace mesh
