#include <boost/test/unit_test.hpp>

#include "mesh/tls/pem.h"
#include "netemu/base/error.h"
#include "tests/unit/mesh_tls_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;
using test_tls::file;

namespace {

std::string error_of_parse(const std::string& chain, const std::string& key) {
    try {
        TlsIdentity::parse(chain, key);
        return "none";
    } catch (const netemu::Error& error) {
        return error.what();
    }
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

} // namespace

BOOST_AUTO_TEST_CASE(keys_of_every_kind_and_form) {
    const struct {
        std::string chain;
        std::string key;
        std::string kind;
    } rows[] = {
        {"ec.pem", "ec.key", "ECDSA"},
        {"ec.pem", "ec-sec1.key", "ECDSA"}, // with EC PARAMETERS in front
        {"rsa.pem", "rsa.key", "RSA"},
        {"rsa.pem", "rsa-pkcs1.key", "RSA"},
        {"ed25519.pem", "ed25519.key", "Ed25519"},
        {"chain.pem", "chain.key", "ECDSA"},
        {"expired.pem", "expired.key", "ECDSA"}, // which is not for us to judge
    };
    for (const auto& row : rows) {
        BOOST_TEST_CONTEXT(row.key) {
            BOOST_TEST(TlsIdentity::parse(file(row.chain), file(row.key))->key_kind() == row.kind);
        }
    }
    const auto both = file("ec.key") + "some words\n" + file("ec.pem");
    BOOST_TEST(TlsIdentity::parse(both, both)->facts().subject == "CN=web ec,O=lab");
    auto windows = file("ec.pem");
    for (std::size_t at = 0; (at = windows.find('\n', at)) != std::string::npos; at += 2) {
        windows.replace(at, 1, "\r\n");
    }
    BOOST_TEST(TlsIdentity::parse(windows, file("ec.key"))->key_kind() == "ECDSA");
}

BOOST_AUTO_TEST_CASE(facts_of_a_certificate) {
    const auto made = test_tls::identity("rsa");
    const auto& facts = made->facts();
    BOOST_TEST(facts.subject == "CN=web rsa,O=lab");
    BOOST_TEST(facts.issuer == "CN=lab authority,O=lab");
    BOOST_TEST(facts.dns_names == (std::vector<std::string>{"web.lab", "*.apps.lab"}));
    BOOST_TEST(facts.addresses == (std::vector<std::string>{"10.96.0.5", "fd00::5"}));
    BOOST_TEST(
        facts.uri_names == std::vector<std::string>{"spiffe://cluster.local/ns/prod/sa/web"});
    BOOST_TEST(facts.spiffe_id() == "spiffe://cluster.local/ns/prod/sa/web");
    BOOST_TEST(to_rfc3339(facts.not_before) == "2020-01-01T00:00:00Z");
    BOOST_TEST(to_rfc3339(facts.not_after) == "2120-01-01T00:00:00Z");
    BOOST_TEST(facts.serial.find_first_not_of("0123456789ABCDEF") == std::string::npos);
    BOOST_TEST(!facts.serial.empty());
    BOOST_TEST(made->covers("x.apps.lab"));
    BOOST_TEST(made->covers("fd00:0::5"));
    BOOST_TEST(!made->covers("web rsa"));
    BOOST_TEST(made->chain_pem() == file("rsa.pem"));
    BOOST_TEST(test_tls::identity("chain")->chain_pem() == file("chain.pem"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_pem_is_said_in_words) {
    const auto pem = file("ec.pem");
    const auto key = file("ec.key");
    const auto first = pem.substr(0, pem.find('\n') + 1);
    const auto last = pem.substr(pem.rfind("-----END"));
    const auto no_end = pem.substr(0, pem.rfind("-----END"));
    auto one_line = pem;
    std::replace(one_line.begin(), one_line.end(), '\n', ' ');
    const struct {
        std::string chain;
        std::string key;
        std::string words;
    } rows[] = {
        {"", key, "the certificate: no PEM block (-----BEGIN CERTIFICATE-----)"},
        {"hello", key, "the certificate: no PEM block (-----BEGIN CERTIFICATE-----)"},
        {key, pem, "the certificate: no PEM block (-----BEGIN CERTIFICATE-----), but PRIVATE KEY"},
        {pem, "", "the private key: no PEM block (-----BEGIN PRIVATE KEY-----)"},
        {pem, pem, "the private key: no PEM block (-----BEGIN PRIVATE KEY-----), but CERTIFICATE"},
        {no_end, key, "the certificate: line 1: BEGIN CERTIFICATE has no END"},
        {no_end + pem, key, "the block of line 1 has no END"},
        {one_line, key, "something follows the PEM header on its line: are line breaks lost?"},
        {"-----BEGIN CERTIFICATE", key, "lacks the dashes at its end"},
        {replaced(pem, "-----END CERTIFICATE", "-----END KEY"),
         key,
         "END KEY where BEGIN CERTIFICATE should end"},
        {replaced(pem, "MII", "MI!"), key, "the certificate: line 2: not base64"},
        {replaced(pem, "MII", "M=I"), key, "the certificate: line 2: not base64"},
        {replaced(pem, "MII", "MI"), key, "the base64 text above is cut short"},
        {first + "AAAA\n" + last, key, "line 1: CERTIFICATE holds no X.509 certificate"},
        {first + last, key, "line 1: CERTIFICATE holds no X.509 certificate"},
        {pem,
         "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
         "the private key: line 1: PRIVATE KEY holds no key that can be read"},
        {pem,
         "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
         "EC PRIVATE KEY holds no key that can be read"},
        {pem,
         "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
         "OPENSSH PRIVATE KEY is not supported"},
        {pem, file("encrypted-pkcs8.key"), "an encrypted key is not supported"},
        {file("rsa.pem"), file("encrypted-pkcs1.key"), "an encrypted key is not supported"},
        {pem, file("x25519.key"), "a key of the kind X25519"},
        {pem, file("rsa-768.key"), "an RSA key of 768 bits; at least 1024 are needed"},
        {pem, file("rsa.key"), "the private key is not that of the certificate (CN=web ec,O=lab)"},
        {pem, file("client.key"), "the private key is not that of the certificate"},
        {file("ca.pem") + pem,
         key,
         "the private key is that of certificate 2: put the server's own"},
    };
    for (const auto& row : rows) {
        const auto error = error_of_parse(row.chain, row.key);
        BOOST_TEST(error.find(row.words) != std::string::npos, error << "\nand not: " << row.words);
    }
    std::string many;
    for (std::size_t i = 0; i <= kCertificateChainMax; ++i) {
        many += pem;
    }
    BOOST_TEST(error_of_parse(many, key).find("more than 16 certificates") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_cut_of_a_pem_text_is_taken_for_another) {
    const auto pem = file("ec.pem");
    const auto key = file("ec.key");
    for (std::size_t size = 0; size + 1 < pem.size(); ++size) { // the last line break is not needed
        BOOST_TEST(error_of_parse(pem.substr(0, size), key) != "none", size);
    }
    for (std::size_t size = 0; size + 1 < key.size(); ++size) {
        BOOST_TEST(error_of_parse(pem, key.substr(0, size)) != "none", size);
    }
    for (std::size_t at = 0; at < pem.size(); ++at) { // and no byte of nonsense ends badly
        auto wrong = pem;
        wrong[at] = '\0';
        error_of_parse(wrong, key);
        wrong[at] = static_cast<char>(pem[at] ^ 1);
        error_of_parse(wrong, key);
    }
}

BOOST_AUTO_TEST_CASE(pem_blocks_as_they_are) {
    const auto blocks = pem_blocks("x\n-----BEGIN A-----\r\naGk=\n-----END A-----\n"
                                   "-----BEGIN B C-----\n  aGkh \n\n-----END B C-----  \nrest");
    BOOST_REQUIRE(blocks.size() == 2U);
    BOOST_TEST(blocks[0].label == "A");
    BOOST_TEST(blocks[0].bytes == "hi");
    BOOST_TEST(blocks[0].line == 2U);
    BOOST_TEST(blocks[1].label == "B C");
    BOOST_TEST(blocks[1].bytes == "hi!");
    BOOST_TEST(blocks[1].line == 5U);
    BOOST_TEST(pem_blocks("").empty());
}

BOOST_AUTO_TEST_CASE(self_signed) {
    const auto made = TlsIdentity::make_self_signed(
        "Ingress Default Certificate",
        {"ingress.local", "*.lab", "10.0.0.1", "fd00::1"},
        std::chrono::hours(24));
    const auto& facts = made->facts();
    BOOST_TEST(facts.subject == "CN=Ingress Default Certificate");
    BOOST_TEST(facts.issuer == facts.subject);
    BOOST_TEST(facts.dns_names == (std::vector<std::string>{"ingress.local", "*.lab"}));
    BOOST_TEST(facts.addresses == (std::vector<std::string>{"10.0.0.1", "fd00::1"}));
    BOOST_TEST(facts.serial.size() == 32U);
    BOOST_TEST((facts.not_after - facts.not_before == std::chrono::hours(25)));
    BOOST_TEST(made->key_kind() == "ECDSA");
    const auto other = TlsIdentity::make_self_signed("x", {}, std::chrono::hours(24 * 365 * 200));
    BOOST_TEST(other->facts().serial != facts.serial);
    BOOST_TEST(other->facts().dns_names.empty());
    for (const std::string name : {"a b", "", "a..b", "*.", "*", "x.*.lab", "a,DNS:b"}) {
        BOOST_CHECK_THROW(
            TlsIdentity::make_self_signed("x", {name}, std::chrono::hours(1)), netemu::Error);
    }
    for (const auto& name : {std::string(), std::string(65, 'x'), std::string("\xff\xfe")}) {
        BOOST_CHECK_THROW(
            TlsIdentity::make_self_signed(name, {}, std::chrono::hours(1)), netemu::Error);
    }
}

BOOST_AUTO_TEST_CASE(which_names_a_certificate_covers) {
    const struct {
        std::vector<std::string> names;
        std::string host;
        bool covered;
    } rows[] = {
        {{"web.lab"}, "web.lab", true},
        {{"web.lab"}, "WEB.Lab", true},
        {{"WEB.lab"}, "web.lab", true},
        {{"web.lab"}, "web.lab.", true}, // RFC 6066 has no dot at the end, people do
        {{"web.lab"}, "web.lab..", false},
        {{"web.lab."}, "web.lab", false},
        {{"web.lab"}, "xweb.lab", false},
        {{"web.lab"}, "a.web.lab", false},
        {{"other", "web.lab"}, "web.lab", true},
        {{}, "web.lab", false},
        {{"web.lab"}, "", false},
        {{""}, "", false},
        {{"*.lab"}, "web.lab", true},
        {{"*.apps.lab"}, "x.apps.lab", true},
        {{"*.apps.lab"}, "X.APPS.LAB.", true},
        {{"*.apps.lab"}, "x.y.apps.lab", false}, // one label
        {{"*.apps.lab"}, "apps.lab", false},
        {{"*.apps.lab"}, ".apps.lab", false},
        {{"*.apps.lab"}, "*.apps.lab", false},   // no host is called so
        {{"x*.apps.lab"}, "xy.apps.lab", false}, // a whole label
        {{"*x.apps.lab"}, "yx.apps.lab", false},
        {{"a.*.lab"}, "a.b.lab", false}, // the left-most one
        {{"*.*.lab"}, "a.b.lab", false},
        {{"*"}, "web", false},
        {{"*."}, "web.", false},
        {{"*."}, "web", false},
        {{"10.96.0.5"}, "10.96.0.5", true},
        {{"10.96.0.5"}, "10.96.0.6", false},
        {{"*.96.0.5"}, "10.96.0.5", false}, // never a part of an address
        {{"fd00::5"}, "FD00:0:0::5", true},
        {{"fd00::5"}, "fd00::6", false},
        {{"web_1.lab"}, "web_1.lab", true},
        {{"web\\x00.lab"}, "web\\x00.lab", false}, // what `printable` makes of hostile bytes
        {{"a b"}, "a b", false},
    };
    for (const auto& row : rows) {
        BOOST_TEST(
            certificate_covers(row.names, row.host) == row.covered,
            (row.names.empty() ? "" : row.names[0]) << " for " << row.host);
    }
}

BOOST_AUTO_TEST_CASE(times_in_words) {
    using std::chrono::sys_seconds;
    BOOST_TEST(to_rfc3339(sys_seconds{}) == "1970-01-01T00:00:00Z");
    BOOST_TEST(to_rfc3339(sys_seconds{std::chrono::seconds(1709210096)}) == "2024-02-29T12:34:56Z");
    BOOST_TEST(
        to_rfc3339(sys_seconds{std::chrono::seconds(253402300799)}) == "9999-12-31T23:59:59Z");
}
// NOLINTEND
