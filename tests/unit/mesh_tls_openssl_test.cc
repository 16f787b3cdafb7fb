#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/mesh_tls_fixture.h"

// NOLINTBEGIN: Boost.Test's macros, and OpenSSL's
using namespace mesh;

namespace {

/// A client that is not ours and can be told to be of another age.
class ForeignClient {
public:
    explicit ForeignClient(int least = TLS1_2_VERSION, int most = TLS1_3_VERSION)
        : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free), ssl_(nullptr, &SSL_free) {
        SSL_CTX_set_security_level(context_.get(), 0);
        SSL_CTX_set_min_proto_version(context_.get(), least);
        SSL_CTX_set_max_proto_version(context_.get(), most);
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl_.get());
    }

    SSL* ssl() { return ssl_.get(); }

    /// Carries bytes until nothing more happens; what the client has read.
    std::string talk(TlsServerSession& server) {
        std::string read;
        for (bool more = true; more;) {
            char buffer[4096];
            for (int size = 0; (size = SSL_read(ssl(), buffer, sizeof buffer)) > 0;) {
                read.append(buffer, static_cast<std::size_t>(size));
            }
            std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl())), '\0');
            if (!out.empty()) {
                BIO_read(SSL_get_wbio(ssl()), out.data(), static_cast<int>(out.size()));
            }
            server.feed(out);
            const auto back = server.take_output();
            BIO_write(SSL_get_rbio(ssl()), back.data(), static_cast<int>(back.size()));
            more = !out.empty() || !back.empty();
        }
        ERR_clear_error();
        return read;
    }

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_client_of_tls_1_2) {
    for (const std::string name : {"rsa", "ec", "ed25519", "chain"}) {
        TlsServerSession server(test_tls::server(name));
        ForeignClient client(TLS1_2_VERSION, TLS1_2_VERSION);
        client.talk(server);
        BOOST_TEST(server.handshaken(), name << ": " << server.error());
        BOOST_TEST(server.protocol() == "TLSv1.2");
        server.write("hello");
        BOOST_TEST(client.talk(server) == "hello");
        SSL_write(client.ssl(), "you", 3);
        SSL_shutdown(client.ssl());
        client.talk(server);
        BOOST_TEST(server.take_plain() == "you");
        BOOST_TEST(server.peer_closed());
    }
}

BOOST_AUTO_TEST_CASE(older_versions_are_refused) {
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        TlsServerSession server(test_tls::server("rsa"));
        ForeignClient client(version, version);
        client.talk(server);
        BOOST_TEST(!server.handshaken());
        BOOST_TEST(server.error() == "the peer speaks no version of TLS from 1.2 on");
    }
}

BOOST_AUTO_TEST_CASE(renegotiation_is_off) {
    TlsServerSession server(test_tls::server("rsa"));
    ForeignClient client(TLS1_2_VERSION, TLS1_2_VERSION);
    client.talk(server);
    BOOST_REQUIRE(server.handshaken());
    SSL_renegotiate(client.ssl());
    SSL_do_handshake(client.ssl());
    client.talk(server);
    server.write("still here");
    BOOST_TEST(client.talk(server).empty()); // the client has given up: no_renegotiation
    BOOST_TEST(SSL_renegotiate_pending(client.ssl()) == 1);
}

BOOST_AUTO_TEST_CASE(a_chain_is_sent_whole) {
    TlsServerSession server(test_tls::server("chain"));
    ForeignClient client;
    client.talk(server);
    BOOST_TEST(server.handshaken(), server.error());
    BOOST_TEST(sk_X509_num(SSL_get_peer_cert_chain(client.ssl())) == 2);
}

BOOST_AUTO_TEST_CASE(a_session_is_taken_up_again) {
    const auto config = test_tls::server("ec");
    TlsServerSession first(config);
    ForeignClient client;
    client.talk(first);
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> ticket(
        SSL_get1_session(client.ssl()), &SSL_SESSION_free);
    BOOST_REQUIRE(SSL_SESSION_is_resumable(ticket.get()) == 1);
    TlsServerSession second(config);
    ForeignClient again;
    SSL_set_session(again.ssl(), ticket.get());
    again.talk(second);
    BOOST_TEST(second.handshaken(), second.error());
    BOOST_TEST(SSL_session_reused(again.ssl()) == 1);
    TlsServerSession other(test_tls::server("ec")); // another configuration knows nothing of it
    ForeignClient stranger;
    SSL_set_session(stranger.ssl(), ticket.get());
    stranger.talk(other);
    BOOST_TEST(other.handshaken(), other.error());
    BOOST_TEST(SSL_session_reused(stranger.ssl()) == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_ours_and_of_tls_1_2) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    const auto folder = std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/";
    BOOST_REQUIRE(
        SSL_CTX_use_certificate_chain_file(context.get(), (folder + "chain.pem").c_str()) == 1);
    BOOST_REQUIRE(
        SSL_CTX_use_PrivateKey_file(
            context.get(), (folder + "chain.key").c_str(), SSL_FILETYPE_PEM) == 1);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION, TLS1_1_VERSION}) {
        SSL_CTX_set_min_proto_version(context.get(), version);
        SSL_CTX_set_max_proto_version(context.get(), version);
        const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
        SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(ssl.get());
        TlsClientSession client(test_tls::strict_client(), "chained.lab");
        for (bool more = true; more;) {
            const auto out = client.take_output();
            BIO_write(SSL_get_rbio(ssl.get()), out.data(), static_cast<int>(out.size()));
            SSL_do_handshake(ssl.get());
            std::string back(BIO_ctrl_pending(SSL_get_wbio(ssl.get())), '\0');
            if (!back.empty()) {
                BIO_read(SSL_get_wbio(ssl.get()), back.data(), static_cast<int>(back.size()));
            }
            client.feed(back);
            more = !out.empty() || !back.empty();
        }
        ERR_clear_error();
        if (version == TLS1_1_VERSION) {
            BOOST_TEST(client.error() == "alert: protocol version");
        } else {
            BOOST_TEST(client.verified(), client.error());
            BOOST_TEST(client.protocol() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        }
    }
}
// NOLINTEND
