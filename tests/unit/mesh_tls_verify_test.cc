#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/unit/mesh_tls_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;
using test_tls::file;

namespace {

/// What the client thinks of the server's certificate.
std::string verdict(const std::string& name, const std::string& host, const std::string& ca) {
    TlsClientSettings settings;
    settings.ca_pem = ca;
    TlsServerSession server(test_tls::server(name));
    TlsClientSession client(test_tls::client(settings), host);
    test_tls::connect(client, server);
    BOOST_TEST(client.handshaken(), client.error()); // whatever it thinks
    BOOST_TEST(client.verified() == client.verify_error().empty());
    return client.verified() ? "verified" : client.verify_error();
}

} // namespace

BOOST_AUTO_TEST_CASE(what_is_verified_is_a_value) {
    const auto ca = file("ca.pem");
    const struct {
        std::string name;
        std::string host;
        std::string ca;
        std::string verdict;
    } rows[] = {
        {"ec", "web.lab", ca, "verified"},
        {"ec", "x.apps.lab", ca, "verified"},
        {"ec", "10.96.0.5", ca, "verified"},
        {"ec", "fd00::5", ca, "verified"},
        {"ec", "", ca, "verified"}, // any name will do
        {"chain", "chained.lab", ca, "verified"},
        {"chain",
         "chained.lab",
         file("intermediate.pem"),
         "verified"}, // no root, but said to be trusted
        {"ec", "web.lab", file("ec.pem"), "verified"},
        {"ec", "web.lab", file("intermediate.pem") + ca, "verified"},
        {"ec", "web.lab", "", "no authority was given that could have signed it"},
        {"ec", "web.lab", file("intermediate.pem"), "unable to get local issuer certificate"},
        {"ec",
         "other.lab",
         ca,
         "the certificate is for web.lab, *.apps.lab, 10.96.0.5, fd00::5, not for other.lab"},
        {"ec",
         "10.96.0.6",
         ca,
         "the certificate is for web.lab, *.apps.lab, 10.96.0.5, fd00::5, not for 10.96.0.6"},
        {"expired", "expired.lab", ca, "certificate has expired"},
        {"client", "web.lab", ca, "unsuitable certificate purpose"},
    };
    for (const auto& row : rows) {
        BOOST_TEST(verdict(row.name, row.host, row.ca) == row.verdict, row.name << " " << row.host);
    }
}

BOOST_AUTO_TEST_CASE(what_must_verify_ends_the_handshake_otherwise) {
    const auto strict = test_tls::strict_client();
    {
        TlsServerSession server(test_tls::server("ec"));
        TlsClientSession client(strict, "web.lab");
        test_tls::connect(client, server);
        BOOST_TEST(client.handshaken(), client.error());
        BOOST_TEST(client.verified());
    }
    {
        TlsServerSession server(test_tls::server("ec"));
        TlsClientSession client(strict, "x.other.lab");
        test_tls::connect(client, server);
        BOOST_TEST(
            client.error() ==
            "certificate verify failed: the certificate is for web.lab, *.apps.lab, "
            "10.96.0.5, fd00::5, not for x.other.lab");
        BOOST_TEST(server.error() == "alert: bad certificate");
        BOOST_REQUIRE(client.peer() != nullptr); // for whoever wants to know what it was
        BOOST_TEST(client.peer()->subject == "CN=web ec,O=lab");
    }
    TlsServerSettings settings;
    const auto own = TlsIdentity::make_self_signed("web", {"web.lab"}, std::chrono::hours(1));
    settings.identity = [own](std::string_view) { return own; };
    const auto config = TlsServerConfig::make(settings);
    {
        TlsServerSession server(config);
        TlsClientSession client(strict, "web.lab");
        test_tls::connect(client, server);
        BOOST_TEST(client.error() == "certificate verify failed: self-signed certificate");
        BOOST_TEST(server.error() == "alert: unknown CA");
    }
    {
        TlsClientSettings trusting;
        trusting.must_verify = true;
        trusting.ca_pem = own->chain_pem();
        TlsServerSession server(config);
        TlsClientSession client(test_tls::client(trusting), "web.lab");
        test_tls::connect(client, server);
        BOOST_TEST(client.verified(), client.error());
    }
}

BOOST_AUTO_TEST_CASE(authorities_that_cannot_be_read) {
    const auto error = [](const std::string& ca, bool must) {
        TlsClientSettings settings;
        settings.ca_pem = ca;
        settings.must_verify = must;
        try {
            test_tls::client(settings);
            return std::string("none");
        } catch (const netemu::Error& failure) {
            return std::string(failure.what());
        }
    };
    BOOST_TEST(error("", false) == "none");
    BOOST_TEST(
        error("", true) == "nothing can be verified without the certificate of an authority");
    BOOST_TEST(error("x", true) == "the authorities: no PEM block (-----BEGIN CERTIFICATE-----)");
    BOOST_TEST(
        error(file("ec.key"), true) ==
        "the authorities: no PEM block (-----BEGIN CERTIFICATE-----), but PRIVATE KEY");
    BOOST_TEST(error(file("ca.pem") + file("ca.pem"), true) == "none");
}

BOOST_AUTO_TEST_CASE(mutual) {
    auto settings = test_tls::showing("ec");
    settings.client_ca_pem = file("ca.pem");
    const auto config = TlsServerConfig::make(settings);
    const auto as = [&](const std::string& name) {
        TlsClientSettings mine;
        if (!name.empty()) {
            mine.identity = name == "own"
                                ? TlsIdentity::make_self_signed("own", {}, std::chrono::hours(1))
                                : test_tls::identity(name);
        }
        return test_tls::client(mine);
    };
    {
        TlsServerSession server(config);
        TlsClientSession client(as("client"), "web.lab");
        client.write("hello");
        test_tls::connect(client, server);
        BOOST_TEST(server.verified(), server.error());
        BOOST_TEST(server.take_plain() == "hello");
        BOOST_REQUIRE(server.peer() != nullptr);
        BOOST_TEST(server.peer()->spiffe_id() == "spiffe://cluster.local/ns/prod/sa/client");
    }
    const struct {
        std::string name;
        std::string server_error;
        std::string client_error;
    } rows[] = {
        {"", "the peer has shown no certificate", "alert: certificate required"},
        {"own", "certificate verify failed: self-signed certificate", "alert: unknown CA"},
        {"expired",
         "certificate verify failed: certificate has expired",
         "alert: certificate expired"},
    };
    for (const auto& row : rows) {
        TlsServerSession server(config);
        TlsClientSession client(as(row.name), "web.lab");
        test_tls::connect(client, server);
        BOOST_TEST(server.error() == row.server_error);
        BOOST_TEST(client.error() == row.client_error);
        BOOST_TEST(!server.handshaken());
    }
    settings.client_ca_pem = "nonsense";
    BOOST_CHECK_THROW(TlsServerConfig::make(settings), netemu::Error);
}
// NOLINTEND
