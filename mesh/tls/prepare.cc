#include "mesh/tls/prepare.h"

#include <chrono>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "mesh/tls/certificate.h"
#include "mesh/tls/handles.h"
#include "mesh/tls/session.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

/// A connection with oneself uses all that another one will.
void rehearse() {
    TlsServerSettings settings;
    const auto identity = TlsIdentity::make_self_signed("rehearsal", {}, std::chrono::hours(1));
    settings.identity = [identity](std::string_view) { return identity; };
    TlsServerSession server(TlsServerConfig::make(std::move(settings)));
    TlsClientSession client(TlsClientConfig::make({}), "rehearsal");
    constexpr int kFlights = 3;
    for (int i = 0; i < kFlights; ++i) {
        server.feed(client.take_output());
        client.feed(server.take_output());
    }
    if (!server.handshaken() || !client.handshaken()) {
        throw netemu::Error("OpenSSL cannot speak TLS: " + client.error() + server.error());
    }
}

} // namespace

void detail::start_openssl() {
    static const bool started = [] {
        // No handler at exit: other threads may be at work then.
        constexpr std::uint64_t kOptions = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
                                           OPENSSL_INIT_LOAD_SSL_STRINGS |
                                           OPENSSL_INIT_LOAD_CRYPTO_STRINGS;
        if (OPENSSL_init_ssl(kOptions, nullptr) != 1) {
            throw netemu::Error("OpenSSL does not start: " + take_error_words());
        }
        return true;
    }();
    static_cast<void>(started);
}

void prepare_tls() {
    static const bool done = [] {
        detail::start_openssl();
        rehearse();
        return true;
    }();
    static_cast<void>(done);
}

} // namespace mesh
