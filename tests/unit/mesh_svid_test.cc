#include <functional>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/unit/mesh_svid_fixture.h"
#include "tests/unit/mesh_tls_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;
using namespace std::chrono;
using test_svid::client_with;
using test_svid::make;
using test_svid::meet;
using test_svid::Meeting;
using test_svid::Pair;
using test_svid::Recipe;
using test_svid::server_with;
using test_svid::signer;

namespace {

const std::string kRefused = "certificate verify failed: ";

Authority fresh_authority(const std::string& trust_domain) {
    return Authority::create(trust_domain, hours(48), system_clock::now());
}

Pair svid_of(const Authority& authority, const std::string& id) {
    return test_svid::pair_of(authority.issue(SpiffeId::parse(id)));
}

/// Who shows `client` to one who shows `server`; each takes those of `bundles`, and the client
/// those of `server_ids`.
Meeting mutual(
    const Pair& server,
    const Pair& client,
    const SpiffeBundles& bundles,
    const std::vector<std::string>& server_ids = {}) {
    auto mine = client_with(&client, bundles);
    mine.server_ids = server_ids;
    return meet(
        TlsServerConfig::make(server_with(server, bundles)),
        TlsClientConfig::make(std::move(mine)));
}

/// What a server has against that client, and a client against one who shows the same as a server.
/// They have to say the same, but for whom they speak of.
std::string verdict_on(const Pair& shown, const SpiffeBundles& bundles) {
    const auto of_client = meet(
        TlsServerConfig::make(server_with(shown, bundles)),
        TlsClientConfig::make(client_with(&shown, {}))); // who does not look
    const auto of_server = meet(
        TlsServerConfig::make(server_with(shown, {})),
        TlsClientConfig::make(client_with(nullptr, bundles)));
    BOOST_TEST(of_client.server_sees.empty() == !of_client.server_error.empty());
    BOOST_TEST(of_server.client_sees.empty() == !of_server.client_error.empty());
    const auto stripped = [](const std::string& words, const std::string& whom) {
        const auto start = kRefused + whom;
        return words.starts_with(start) ? words.substr(start.size()) : words;
    };
    const auto words = stripped(of_client.server_error, "the client");
    BOOST_TEST(stripped(of_server.client_error, "the server") == words);
    return words.empty() ? "fine" : words;
}

/// The same of a leaf that an authority of the trust domain "a" has signed.
template <typename Change>
std::string verdict_on_leaf(Change change) {
    static const auto authority = fresh_authority("a");
    Recipe recipe;
    change(recipe);
    const auto issuer = test_svid::pair_of(authority);
    return verdict_on(make(recipe, &issuer), {{"a", authority.certificate_pem()}});
}

template <typename Settings, typename Change>
std::string error_of(Settings settings, Change change) {
    change(settings);
    try {
        if constexpr (std::is_same_v<Settings, TlsServerSettings>) {
            TlsServerConfig::make(settings);
        } else {
            TlsClientConfig::make(settings);
        }
        return "none";
    } catch (const netemu::Error& error) {
        return error.what();
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(both_sides_show_svids) {
    const auto authority = fresh_authority("a");
    const SpiffeBundles bundles{{"a", authority.certificate_pem()}};
    const auto met = mutual(
        svid_of(authority, "spiffe://a/ns/n/sa/web"),
        svid_of(authority, "spiffe://a/ns/n/sa/client"),
        bundles);
    BOOST_TEST(met.server_error == "");
    BOOST_TEST(met.client_error == "");
    BOOST_TEST(met.server_sees == "spiffe://a/ns/n/sa/client");
    BOOST_TEST(met.client_sees == "spiffe://a/ns/n/sa/web");
    BOOST_TEST(met.server_name == "web.lab"); // for which the certificate is not
}

BOOST_AUTO_TEST_CASE(an_authority_that_was_loaded_signs_for_those_who_know_the_old_one) {
    const auto made = fresh_authority("a");
    const auto loaded = Authority::load("a", made.certificate_pem(), made.key_pem());
    BOOST_TEST(
        verdict_on(svid_of(loaded, "spiffe://a/b"), {{"a", made.certificate_pem()}}) == "fine");
}

BOOST_AUTO_TEST_CASE(each_trust_domain_has_a_bundle_of_its_own) {
    const auto a = fresh_authority("a");
    const auto b = fresh_authority("b");
    const SpiffeBundles both{{"a", a.certificate_pem()}, {"b", b.certificate_pem()}};
    BOOST_TEST(verdict_on(svid_of(a, "spiffe://a/x"), both) == "fine");
    BOOST_TEST(verdict_on(svid_of(b, "spiffe://b/x"), both) == "fine");
    const auto met = mutual(svid_of(a, "spiffe://a/x"), svid_of(b, "spiffe://b/y"), both);
    BOOST_TEST(met.server_sees == "spiffe://b/y");
    BOOST_TEST(met.client_sees == "spiffe://a/x");

    // The authority of b is trusted, but not with names of a.
    const auto b_pair = test_svid::pair_of(b);
    BOOST_TEST(
        verdict_on(make(Recipe{}, &b_pair), both) ==
        " says that it is spiffe://a/ns/n/sa/s; it does not verify with the bundle of a: unable "
        "to get local issuer certificate");
    // Nor does it help to send its root along.
    auto with_root = make(Recipe{}, &b_pair);
    with_root.chain_pem += b.certificate_pem();
    BOOST_TEST(
        verdict_on(with_root, both) ==
        " says that it is spiffe://a/ns/n/sa/s; it does not verify with the bundle of a: "
        "self-signed certificate in certificate chain");
    BOOST_TEST(
        verdict_on(svid_of(fresh_authority("c"), "spiffe://c/x"), both) ==
        " says that it is spiffe://c/x; there is no bundle of that trust domain, only of a, b");
    // Another authority of the same name.
    BOOST_TEST(verdict_on(svid_of(fresh_authority("a"), "spiffe://a/x"), both)
                   .starts_with(" says that it is spiffe://a/x; it does not verify with the bundle "
                                "of a: "));
}

BOOST_AUTO_TEST_CASE(a_bundle_may_have_several_authorities_or_none) {
    const auto old = fresh_authority("a");
    const auto next = fresh_authority("a");
    const SpiffeBundles rotating{{"a", old.certificate_pem() + next.certificate_pem()}};
    BOOST_TEST(verdict_on(svid_of(old, "spiffe://a/x"), rotating) == "fine");
    BOOST_TEST(verdict_on(svid_of(next, "spiffe://a/x"), rotating) == "fine");
    BOOST_TEST(verdict_on(svid_of(old, "spiffe://a/x"), {{"a", ""}})
                   .starts_with(
                       " says that it is spiffe://a/x; it does not verify with the bundle of a: "));
}

BOOST_AUTO_TEST_CASE(rules_of_a_leaf) {
    const std::string no = " has shown no X509-SVID: its certificate ";
    const std::string late = " says that it is spiffe://a/ns/n/sa/s; it does not verify with the "
                             "bundle of a: ";
    const struct {
        std::function<void(Recipe&)> change;
        std::string verdict;
    } rows[] = {
        {[](Recipe&) {}, "fine"},
        {[](Recipe& r) { r.names += ",DNS:web.lab,IP:10.0.0.1,email:me@lab"; }, "fine"},
        {[](Recipe& r) { r.uses = ""; }, "fine"},
        {[](Recipe& r) { r.constraints = ""; }, "fine"}, // RFC 5280: the default is false
        {[](Recipe& r) { r.key_usage = ""; }, "fine"},   // which forbids, if there is one
        {[](Recipe& r) { r.key_usage = "critical,digitalSignature,keyAgreement"; }, "fine"},
        {[](Recipe& r) { r.names = ""; },
         no + "has no SPIFFE ID (a URI among its alternative names)"},
        {[](Recipe& r) { r.names = "DNS:web.lab"; },
         no + "has no SPIFFE ID (a URI among its alternative names)"},
        {[](Recipe& r) { r.names += ",URI:spiffe://a/ns/n/sa/t"; },
         no + "has 2 URI names; an X509-SVID has exactly one"},
        {[](Recipe& r) { r.names += ",URI:spiffe://a/ns/n/sa/s"; },
         no + "has 2 URI names; an X509-SVID has exactly one"},
        {[](Recipe& r) { r.names += ",URI:https://web.lab/"; },
         no + "has 2 URI names; an X509-SVID has exactly one"},
        {[](Recipe& r) { r.names = "URI:https://a/ns/n/sa/s"; },
         no + "has a URI name that is no SPIFFE ID: \"https://a/ns/n/sa/s\" is no SPIFFE ID: it "
              "has to begin with spiffe://"},
        {[](Recipe& r) { r.names = "URI:SPIFFE://a/ns/n/sa/s"; },
         no + "has a URI name with a scheme not in lower case"},
        {[](Recipe& r) { r.names = "URI:spiffe://A/ns/n/sa/s"; },
         no + "has a URI name that is no SPIFFE ID: \"spiffe://A/ns/n/sa/s\" is no SPIFFE ID: the "
              "trust domain has to be in lower case"},
        {[](Recipe& r) { r.names = "URI:spiffe://a/x/../y"; },
         no + "has a URI name that is no SPIFFE ID: \"spiffe://a/x/../y\" is no SPIFFE ID: the "
              "segments \".\" and \"..\" are not allowed in the path"},
        {[](Recipe& r) { r.names = "URI:spiffe://a"; },
         no + "names a trust domain, not a workload: spiffe://a has no path"},
        {[](Recipe& r) { r.names = "URI:spiffe://a/"; },
         no + "has a URI name that is no SPIFFE ID: \"spiffe://a/\" is no SPIFFE ID: an empty "
              "segment of the path, or a slash at its end, is not allowed"},
        {[](Recipe& r) { r.constraints = "critical,CA:TRUE"; },
         no + "is an authority's (cA of its basic constraints is true)"},
        {[](Recipe& r) { r.key_usage = "critical,digitalSignature,keyCertSign"; },
         no + "may sign certificates (keyCertSign)"},
        {[](Recipe& r) { r.key_usage = "critical,digitalSignature,cRLSign"; },
         no + "may sign lists of revoked ones (cRLSign)"},
        {[](Recipe& r) { r.key_usage = "critical,keyAgreement"; },
         no + "has a key usage without digitalSignature"},
        {[](Recipe& r) { r.uses = "serverAuth"; },
         no + "has an extended key usage without both serverAuth and clientAuth"},
        {[](Recipe& r) { r.uses = "clientAuth"; },
         no + "has an extended key usage without both serverAuth and clientAuth"},
        {[](Recipe& r) { r.until = -1s; }, late + "certificate has expired"},
        {[](Recipe& r) { r.from = 60s; }, late + "certificate is not yet valid"},
    };
    for (const auto& row : rows) {
        BOOST_TEST(verdict_on_leaf(row.change) == row.verdict);
    }
}

BOOST_AUTO_TEST_CASE(a_leaf_that_signed_itself) {
    const auto own = make(Recipe{}, nullptr);
    const SpiffeBundles bundles{{"a", fresh_authority("a").certificate_pem()}};
    BOOST_TEST(
        verdict_on(own, bundles) ==
        " says that it is spiffe://a/ns/n/sa/s; it does not verify with the bundle of a: "
        "self-signed certificate");
}

BOOST_AUTO_TEST_CASE(rules_of_what_is_between_a_leaf_and_its_anchor) {
    const auto root = test_svid::pair_of(fresh_authority("a"));
    const std::string says = " says that it is spiffe://a/ns/n/sa/s; ";
    const std::string second = says + "certificate 2 of its chain ";
    const std::string late = says + "it does not verify with the bundle of a: ";
    const struct {
        std::function<void(Recipe&)> change;
        std::string verdict;
    } rows[] = {
        {[](Recipe&) {}, "fine"},
        {[](Recipe& r) { r.names = ""; }, "fine"}, // it should have one, and needs none
        {[](Recipe& r) { r.names = "DNS:ca.lab"; }, "fine"},
        {[](Recipe& r) { r.constraints = "critical,CA:TRUE,pathlen:0"; }, "fine"},
        {[](Recipe& r) { r.name_constraints = "critical,permitted;URI:a"; }, "fine"},
        {[](Recipe& r) { r.name_constraints = "critical,permitted;URI:b"; },
         late + "permitted subtree violation"},
        {[](Recipe& r) { r.constraints = "critical,CA:FALSE"; }, late + "invalid CA certificate"},
        {[](Recipe& r) { r.constraints = ""; }, late + "invalid CA certificate"},
        {[](Recipe& r) { r.key_usage = "critical,cRLSign"; }, late + "invalid CA certificate"},
        {[](Recipe& r) { r.key_usage = ""; },
         second + "may not sign certificates (its key usage lacks keyCertSign)"},
        {[](Recipe& r) { r.names = "URI:spiffe://a/ns/n/sa/ca"; },
         second + "is an authority's, but its SPIFFE ID has a path: spiffe://a/ns/n/sa/ca"},
        {[](Recipe& r) { r.until = -1s; }, late + "certificate has expired"},
    };
    for (const auto& row : rows) {
        auto between = signer();
        row.change(between);
        const auto issuer = make(between, &root);
        BOOST_TEST(verdict_on(make(Recipe{}, &issuer), {{"a", root.chain_pem}}) == row.verdict);
    }
    // A workload signs a name for a friend.
    const auto workload = make(Recipe{}, &root);
    BOOST_TEST(
        verdict_on(make(Recipe{}, &workload), {{"a", root.chain_pem}}) ==
        late + "invalid CA certificate");
    // An anchor need not be a root.
    const auto issuer = make(signer(), &root);
    BOOST_TEST(verdict_on(make(Recipe{}, &issuer), {{"a", issuer.chain_pem}}) == "fine");
    auto limited = signer();
    limited.constraints = "critical,CA:TRUE,pathlen:0";
    const auto last = make(limited, &root);
    const auto too_deep = make(signer(), &last);
    BOOST_TEST(
        verdict_on(make(Recipe{}, &too_deep), {{"a", root.chain_pem}}) ==
        late + "path length constraint exceeded");
}

BOOST_AUTO_TEST_CASE(an_anchor_that_is_out_of_date) {
    auto recipe = signer();
    recipe.until = -1s;
    const auto root = make(recipe, nullptr);
    BOOST_TEST(verdict_on(make(Recipe{}, &root), {{"a", root.chain_pem}})
                   .ends_with("certificate has expired"));
}

BOOST_AUTO_TEST_CASE(who_shows_nothing) {
    const auto authority = fresh_authority("a");
    const SpiffeBundles bundles{{"a", authority.certificate_pem()}};
    const auto met = meet(
        TlsServerConfig::make(server_with(svid_of(authority, "spiffe://a/x"), bundles)),
        TlsClientConfig::make(client_with(nullptr, bundles)));
    BOOST_TEST(met.server_error == "the peer has shown no certificate");
    BOOST_TEST(met.client_error == "alert: certificate required");
}

BOOST_AUTO_TEST_CASE(the_server_has_to_be_one_of_those_expected) {
    const auto a = fresh_authority("a");
    const auto b = fresh_authority("b");
    const SpiffeBundles both{{"a", a.certificate_pem()}, {"b", b.certificate_pem()}};
    const std::string web = "spiffe://a/ns/n/sa/web";
    const auto server = svid_of(a, web);
    const auto client = svid_of(b, "spiffe://b/c");
    const struct {
        std::vector<std::string> expected;
        std::string error;
    } rows[] = {
        {{}, ""},
        {{web}, ""},
        {{"spiffe://b/z", web}, ""},
        {{"SPIFFE://a/ns/n/sa/web"}, ""},
        {{"spiffe://a/ns/n/sa/WEB", "spiffe://a/ns/n/sa/we", "spiffe://a/ns/n/sa/web/x"},
         "the server is spiffe://a/ns/n/sa/web, expected one of spiffe://a/ns/n/sa/WEB, "
         "spiffe://a/ns/n/sa/we, spiffe://a/ns/n/sa/web/x"},
        {{"spiffe://b/ns/n/sa/web"},
         "the server is spiffe://a/ns/n/sa/web, expected one of spiffe://b/ns/n/sa/web"},
        {std::vector<std::string>(10, "spiffe://b/x"),
         "the server is spiffe://a/ns/n/sa/web, expected one of spiffe://b/x, spiffe://b/x, "
         "spiffe://b/x, spiffe://b/x, spiffe://b/x, spiffe://b/x, spiffe://b/x, spiffe://b/x, ..."},
    };
    for (const auto& row : rows) {
        const auto met = mutual(server, client, both, row.expected);
        if (row.error.empty()) {
            BOOST_TEST(met.client_error == "");
            BOOST_TEST(met.client_sees == web);
            BOOST_TEST(met.server_sees == "spiffe://b/c");
        } else {
            BOOST_TEST(met.client_error == kRefused + row.error);
            BOOST_TEST(met.server_error == "alert: bad certificate");
            BOOST_TEST(met.client_sees == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_failure_is_told_as_a_value_too) {
    const auto authority = fresh_authority("a");
    TlsServerSession server(
        TlsServerConfig::make(server_with(svid_of(authority, "spiffe://a/x"), {})));
    TlsClientSession client(
        TlsClientConfig::make(client_with(nullptr, {{"b", authority.certificate_pem()}})), "");
    client.write("secret");
    test_tls::connect(client, server);
    BOOST_TEST(client.failed());
    BOOST_TEST(!client.verified());
    BOOST_TEST(
        client.verify_error() ==
        "the server says that it is spiffe://a/x; there is no bundle of that trust domain, only of "
        "b");
    BOOST_TEST(client.error() == kRefused + client.verify_error());
    BOOST_REQUIRE(client.peer() != nullptr);
    BOOST_TEST(client.peer()->spiffe_id() == "spiffe://a/x");
    BOOST_TEST(server.error() == "alert: unknown CA");
    BOOST_TEST(server.take_plain() == "");
}

BOOST_AUTO_TEST_CASE(settings_that_make_no_sense) {
    const auto authority = fresh_authority("a");
    const auto pem = authority.certificate_pem();
    const auto svid = svid_of(authority, "spiffe://a/x");
    const auto both = "peers are verified either with authorities or with SPIFFE bundles, not with "
                      "both";
    const SpiffeBundles good{{"a", pem}};
    BOOST_TEST(error_of(server_with(svid, good), [&](auto& s) { s.client_ca_pem = pem; }) == both);
    BOOST_TEST(error_of(client_with(&svid, good), [&](auto& s) { s.ca_pem = pem; }) == both);
    BOOST_TEST(error_of(client_with(&svid, good), [](auto& s) { s.must_verify = true; }) == "none");
    BOOST_TEST(error_of(client_with(&svid, {}), [](auto& s) {
                   s.server_ids = {"spiffe://a/x"};
               }) == "a server's SPIFFE ID cannot be verified without SPIFFE bundles");
    BOOST_TEST(error_of(client_with(&svid, good), [](auto& s) {
                   s.server_ids = {"a/x"};
               }) == "\"a/x\" is no SPIFFE ID: it has to begin with spiffe://");
    BOOST_TEST(error_of(client_with(&svid, good), [](auto& s) {
                   s.server_ids = {"spiffe://a"};
               }) == "no server is spiffe://a: it names a trust domain");
    const auto root = test_svid::pair_of(authority);
    auto with_path = signer();
    with_path.names = "URI:spiffe://a/b";
    const struct {
        SpiffeBundles bundles;
        std::string error;
    } rows[] = {
        {{{"A", pem}}, "the SPIFFE bundle of \"A\": the trust domain has to be in lower case"},
        {{{"spiffe://a", pem}},
         "the SPIFFE bundle of \"spiffe://a\": a port is not allowed behind the trust domain"},
        {{{"a", "x"}}, "the SPIFFE bundle of \"a\": no PEM block (-----BEGIN CERTIFICATE-----)"},
        {{{"a", pem + svid.chain_pem}},
         "the SPIFFE bundle of \"a\": certificate 2 is no authority's (cA of its basic constraints "
         "is not true)"},
        {{{"a", make(with_path, nullptr).chain_pem}},
         "the SPIFFE bundle of \"a\": certificate 1 is an authority's, but its SPIFFE ID has a "
         "path: spiffe://a/b"},
    };
    for (const auto& row : rows) {
        BOOST_TEST(error_of(server_with(svid, row.bundles), [](auto&) {}) == row.error);
        BOOST_TEST(error_of(client_with(&svid, row.bundles), [](auto&) {}) == row.error);
    }
}
// NOLINTEND
