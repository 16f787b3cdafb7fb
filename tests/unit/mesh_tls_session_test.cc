#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/unit/mesh_tls_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;

namespace {

/// Chooses by name as a controller would, and remembers who asked.
struct Choice {
    std::vector<std::string> asked;

    std::shared_ptr<const TlsServerConfig> config() {
        TlsServerSettings settings;
        settings.identity = [this](std::string_view name) -> std::shared_ptr<const TlsIdentity> {
            asked.emplace_back(name);
            if (name == "nobody.lab") {
                return nullptr;
            }
            return test_tls::identity(name == "rsa.lab" ? "rsa" : "ec");
        };
        return TlsServerConfig::make(std::move(settings));
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(both_sides_in_pieces_of_every_size) {
    const auto config = test_tls::server("rsa");
    const auto client_config = test_tls::client();
    for (const std::size_t piece : {1, 2, 3, 5, 7, 100, 1000, 16384, 100000}) {
        BOOST_TEST_CONTEXT(piece) {
            TlsServerSession server(config);
            TlsClientSession client(client_config, "web.lab");
            client.write("before the handshake, ");
            test_tls::connect(client, server, piece);
            BOOST_TEST(client.handshaken());
            BOOST_TEST(server.handshaken());
            BOOST_TEST(client.protocol() == "TLSv1.3");
            BOOST_TEST(server.protocol() == "TLSv1.3");
            BOOST_TEST(server.cipher() == client.cipher());
            client.write("and after it");
            const std::string large(300000, 'x');
            server.write(large);
            test_tls::connect(client, server, piece);
            BOOST_TEST(server.take_plain() == "before the handshake, and after it");
            BOOST_TEST((client.take_plain() == large));
            BOOST_TEST(client.take_plain().empty());
            client.write("bye");
            client.close();
            client.write("too late");
            test_tls::connect(client, server, piece);
            BOOST_TEST(server.peer_closed());
            BOOST_TEST(server.take_plain() == "bye");
            server.write("you said so"); // half closed
            server.close();
            server.close();
            test_tls::connect(client, server, piece);
            BOOST_TEST(client.take_plain() == "you said so");
            BOOST_TEST(client.peer_closed());
            client.end_of_input();
            server.end_of_input();
            BOOST_TEST(!client.failed());
            BOOST_TEST(!server.failed());
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_said_before_the_handshake_is_sent_before_the_end) {
    TlsServerSession server(test_tls::server("ec"));
    TlsClientSession client(test_tls::client(), "");
    client.write("all there is");
    client.close();
    test_tls::connect(client, server);
    BOOST_TEST(server.take_plain() == "all there is");
    BOOST_TEST(server.peer_closed());
}

BOOST_AUTO_TEST_CASE(every_kind_of_key_makes_a_handshake) {
    for (const std::string name : {"ec", "rsa", "ed25519", "chain", "expired"}) {
        TlsServerSession server(test_tls::server(name));
        TlsClientSession client(test_tls::client(), "web.lab");
        test_tls::connect(client, server);
        BOOST_TEST(client.handshaken(), name << ": " << client.error() << server.error());
        BOOST_REQUIRE(client.peer() != nullptr);
        BOOST_TEST((*client.peer() == test_tls::identity(name)->facts()));
        BOOST_TEST(server.peer() == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(the_name_chooses_the_certificate) {
    Choice choice;
    const auto config = choice.config();
    const auto client_config = test_tls::client();
    const struct {
        std::string host;
        std::string sent;
        std::string subject;
    } rows[] = {
        {"rsa.lab", "rsa.lab", "CN=web rsa,O=lab"},
        {"RSA.lab.", "rsa.lab", "CN=web rsa,O=lab"},
        {"ec.lab", "ec.lab", "CN=web ec,O=lab"},
        {"", "", "CN=web ec,O=lab"},
        {"10.96.0.5", "", "CN=web ec,O=lab"}, // RFC 6066: no addresses
        {"fd00::5", "", "CN=web ec,O=lab"},
    };
    for (const auto& row : rows) {
        choice.asked.clear();
        TlsServerSession server(config);
        TlsClientSession client(client_config, row.host);
        test_tls::connect(client, server);
        BOOST_TEST(client.handshaken(), row.host << ": " << client.error());
        BOOST_TEST(choice.asked == std::vector<std::string>{row.sent});
        BOOST_TEST(server.server_name() == row.sent);
        BOOST_REQUIRE(client.peer() != nullptr);
        BOOST_TEST(client.peer()->subject == row.subject);
    }
    TlsServerSession server(config);
    TlsClientSession client(client_config, "nobody.lab");
    test_tls::connect(client, server);
    BOOST_TEST(server.error() == "no certificate is for the server that the peer names");
    BOOST_TEST(client.error() == "alert: unrecognized name");
    BOOST_TEST(client.server_name() == "nobody.lab");
    BOOST_TEST(client.peer() == nullptr);
    BOOST_CHECK_THROW(TlsClientSession(client_config, std::string(256, 'a')), netemu::Error);
}

BOOST_AUTO_TEST_CASE(a_choice_that_throws_ends_the_handshake_only) {
    TlsServerSettings settings;
    settings.identity = [](std::string_view) -> std::shared_ptr<const TlsIdentity> {
        throw netemu::Error("the secret is gone");
    };
    TlsServerSession server(TlsServerConfig::make(settings));
    TlsClientSession client(test_tls::client(), "web.lab");
    test_tls::connect(client, server);
    BOOST_TEST(server.error() == "the secret is gone");
    BOOST_TEST(client.error() == "alert: internal error");
}

BOOST_AUTO_TEST_CASE(alpn) {
    const struct {
        std::vector<std::string> served;
        std::vector<std::string> offered;
        std::string chosen; // "!" no agreement
    } rows[] = {
        {{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"}, // the server's order
        {{"h2", "http/1.1"}, {"http/1.1"}, "http/1.1"},
        {{"h2"}, {}, ""},
        {{}, {"h2"}, ""},
        {{"h2"}, {"http/1.1"}, "!"},
    };
    for (const auto& row : rows) {
        auto settings = test_tls::showing("ec");
        settings.alpn = row.served;
        TlsClientSettings client_settings;
        client_settings.alpn = row.offered;
        TlsServerSession server(TlsServerConfig::make(settings));
        TlsClientSession client(test_tls::client(client_settings), "web.lab");
        test_tls::connect(client, server);
        if (row.chosen == "!") {
            BOOST_TEST(client.error() == "alert: no application protocol");
            BOOST_TEST(
                server.error() ==
                "the peer offers no application protocol (ALPN) that is served here");
        } else {
            BOOST_TEST(client.handshaken(), client.error());
            BOOST_TEST(client.alpn() == row.chosen);
            BOOST_TEST(server.alpn() == row.chosen);
        }
    }
    TlsClientSettings bad;
    bad.alpn = {std::string(256, 'x')};
    BOOST_CHECK_THROW(test_tls::client(bad), netemu::Error);
    bad.alpn = {""};
    BOOST_CHECK_THROW(test_tls::client(bad), netemu::Error);
    BOOST_CHECK_THROW(TlsServerConfig::make({}), netemu::Error);
}
// NOLINTEND
