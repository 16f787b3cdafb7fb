#include <openssl/obj_mac.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/unit/mesh_svid_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;
using namespace std::chrono;
using test_svid::extension;
using test_svid::Pair;
using test_svid::Recipe;

namespace {

const sys_seconds kNoon = sys_days{2030y / March / 1} + 12h;

template <typename Attempt>
std::string words_of(Attempt attempt) {
    try {
        attempt();
        return "none";
    } catch (const netemu::Error& error) {
        return error.what();
    }
}

CertificateFacts facts_of_pair(const Pair& pair) {
    return TlsIdentity::parse(pair.chain_pem, pair.key_pem)->facts();
}

std::string load_error(const Pair& pair, const std::string& trust_domain = "a") {
    return words_of([&] { Authority::load(trust_domain, pair.chain_pem, pair.key_pem); });
}

} // namespace

// An identity of Linkerd.
BOOST_AUTO_TEST_CASE(a_certificate_for_a_dns_name) {
    const auto authority = Authority::create("cluster.local", days(365), kNoon);
    const std::string name = "web.shop.serviceaccount.identity.linkerd.cluster.local";
    IssueOptions options;
    options.now = kNoon;
    const auto made = authority.issue_name(name, options);
    const auto facts = TlsIdentity::parse(made.chain_pem, made.key_pem)->facts();
    BOOST_TEST(facts.dns_names == std::vector<std::string>{name});
    BOOST_TEST(facts.uri_names.empty());
    BOOST_TEST((facts.not_after == kNoon + 24h));
    BOOST_TEST(extension(made.chain_pem, NID_subject_alt_name) == "critical: DNS:" + name);
    BOOST_TEST(extension(made.chain_pem, NID_basic_constraints) == "critical: CA:FALSE");
    BOOST_TEST(words_of([&] { (void)authority.issue_name("no name", options); }) != "none");
}

BOOST_AUTO_TEST_CASE(the_certificate_of_an_authority) {
    const auto authority = Authority::create("cluster.local", days(365), kNoon);
    const auto pem = authority.certificate_pem();
    const auto& facts = authority.facts();
    BOOST_TEST(authority.trust_domain() == "cluster.local");
    BOOST_TEST(facts.subject == "O=cluster.local");
    BOOST_TEST(facts.issuer == facts.subject);
    BOOST_TEST(facts.uri_names == std::vector<std::string>{"spiffe://cluster.local"});
    BOOST_TEST(facts.names().empty());
    BOOST_TEST(facts.serial.size() == 32);
    BOOST_TEST((facts.not_before == kNoon - 60s));
    BOOST_TEST((facts.not_after == kNoon + days(365)));
    BOOST_TEST(extension(pem, NID_basic_constraints) == "critical: CA:TRUE");
    BOOST_TEST(extension(pem, NID_key_usage) == "critical: Certificate Sign, CRL Sign");
    BOOST_TEST(extension(pem, NID_ext_key_usage) == "none");
    BOOST_TEST(extension(pem, NID_subject_alt_name) == "URI:spiffe://cluster.local");
    BOOST_TEST(extension(pem, NID_subject_key_identifier).size() == 59); // 20 bytes in hexadecimal
    BOOST_TEST(authority.key_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const auto other = Authority::create("cluster.local", days(365), kNoon);
    BOOST_TEST(other.facts().serial != facts.serial);
    BOOST_TEST(other.key_pem() != authority.key_pem());
}

BOOST_AUTO_TEST_CASE(what_no_authority_can_be_for) {
    for (const std::string bad : {"", "Cluster.local", "a/b", "spiffe://a", "a:1"}) {
        BOOST_CHECK_THROW(Authority::create(bad, hours(1), kNoon), netemu::Error);
    }
    BOOST_CHECK_THROW(Authority::create("a", seconds(0), kNoon), netemu::Error);
    BOOST_CHECK_THROW(Authority::create("a", seconds(-1), kNoon), netemu::Error);
    BOOST_CHECK_THROW(Authority::create("a", seconds::max(), kNoon), netemu::Error);
    BOOST_CHECK_THROW(Authority::create("a", days(366 * 8000), kNoon), netemu::Error);
    const std::string longest(255, 'a');
    const auto authority = Authority::create(longest, days(366 * 7900), kNoon);
    BOOST_TEST(authority.facts().subject == "O=" + std::string(64, 'a'));
    BOOST_TEST(authority.facts().spiffe_id() == "spiffe://" + longest);
    const auto again = Authority::load(longest, authority.certificate_pem(), authority.key_pem());
    BOOST_TEST((again.facts() == authority.facts()));
}

BOOST_AUTO_TEST_CASE(the_certificate_of_a_workload) {
    const auto authority = Authority::create("cluster.local", days(365), kNoon);
    const auto id = SpiffeId::of_service_account("cluster.local", "prod", "web");
    IssueOptions options;
    options.now = kNoon + 1h;
    options.dns_names = {"web.prod.svc", "*.web.prod.svc"};
    const auto svid = authority.issue(id, options);
    const auto facts = facts_of_pair(test_svid::pair_of(svid)); // and the key is the certificate's
    BOOST_TEST((svid.id == id));
    BOOST_TEST(facts.subject == "");
    BOOST_TEST(facts.issuer == "O=cluster.local");
    BOOST_TEST(
        facts.uri_names == std::vector<std::string>{"spiffe://cluster.local/ns/prod/sa/web"});
    BOOST_TEST(facts.names() == options.dns_names);
    BOOST_TEST(facts.serial.size() == 32);
    BOOST_TEST((facts.not_before == svid.not_before));
    BOOST_TEST((facts.not_after == svid.not_after));
    BOOST_TEST((svid.not_before == kNoon + 1h - 60s));
    BOOST_TEST((svid.not_after == kNoon + 25h));
    const auto& pem = svid.chain_pem;
    BOOST_TEST(
        extension(pem, NID_subject_alt_name) ==
        "critical: URI:spiffe://cluster.local/ns/prod/sa/web, DNS:web.prod.svc, "
        "DNS:*.web.prod.svc");
    BOOST_TEST(extension(pem, NID_basic_constraints) == "critical: CA:FALSE");
    BOOST_TEST(extension(pem, NID_key_usage) == "critical: Digital Signature");
    BOOST_TEST(
        extension(pem, NID_ext_key_usage) ==
        "TLS Web Server Authentication, TLS Web Client Authentication");
    auto key_id = extension(pem, NID_authority_key_identifier);
    BOOST_TEST(
        key_id.ends_with(extension(authority.certificate_pem(), NID_subject_key_identifier)),
        key_id);
    BOOST_TEST(pem.find("-----BEGIN", 1) == std::string::npos); // the root is in the bundle
    BOOST_TEST(svid.key_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const auto again = authority.issue(id, options);
    BOOST_TEST(again.key_pem != svid.key_pem);
    BOOST_TEST(facts_of_pair(test_svid::pair_of(again)).serial != facts.serial);
}

BOOST_AUTO_TEST_CASE(the_time_of_a_certificate_is_within_its_issuers) {
    const auto authority = Authority::create("a", days(10), kNoon);
    const auto begin = kNoon - 60s;
    const auto end = kNoon + days(10);
    const struct {
        seconds at, lifetime, skew; // at: after noon
        sys_seconds from, until;
    } rows[] = {
        {0s, hours(24), 60s, begin, kNoon + 24h},
        {0s, hours(24), 0s, kNoon, kNoon + 24h},
        {10s, hours(1), 1h, begin, kNoon + 10s + 1h},
        {-60s, hours(1), 60s, begin, begin + 1h},
        {days(9), hours(24), 60s, kNoon + days(9) - 60s, end},
        {days(9) + 1s, hours(24), 60s, kNoon + days(9) - 59s, end},
        {0s, seconds::max(), seconds::max(), begin, end},
        {days(10) - 1s, hours(24), 60s, end - 61s, end},
    };
    for (const auto& row : rows) {
        IssueOptions options;
        options.now = kNoon + row.at;
        options.lifetime = row.lifetime;
        options.skew = row.skew;
        const auto svid = authority.issue(SpiffeId::parse("spiffe://a/b"), options);
        BOOST_TEST_CONTEXT(row.at.count() << " s after noon") {
            BOOST_TEST(to_rfc3339(svid.not_before) == to_rfc3339(row.from));
            BOOST_TEST(to_rfc3339(svid.not_after) == to_rfc3339(row.until));
            BOOST_TEST((facts_of_pair(test_svid::pair_of(svid)).not_after == svid.not_after));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_an_authority_does_not_issue) {
    const auto authority = Authority::create("a", days(10), kNoon);
    const auto error = [&](const std::string& id, auto change) {
        IssueOptions options;
        options.now = kNoon;
        change(options);
        return words_of([&] { static_cast<void>(authority.issue(SpiffeId::parse(id), options)); });
    };
    const auto nothing = [](IssueOptions&) {};
    BOOST_TEST(error("spiffe://a/b", nothing) == "none");
    BOOST_TEST(
        error("spiffe://b/b", nothing) == "the authority of a signs nothing for spiffe://b/b");
    BOOST_TEST(error("spiffe://a", nothing) == "spiffe://a is no workload's: it has no path");
    BOOST_TEST(error("spiffe://a/b", [](IssueOptions& o) {
                   o.lifetime = 0s;
               }) == "a certificate's lifetime of 0 s is not positive");
    BOOST_TEST(error("spiffe://a/b", [](IssueOptions& o) {
                   o.skew = -1s;
               }) == "a certificate cannot begin after the moment that it is issued");
    BOOST_TEST(
        error("spiffe://a/b", [](IssueOptions& o) { o.now = kNoon + days(10); }) ==
        "the authority of a is valid from 2030-03-01T11:59:00Z to 2030-03-11T12:00:00Z, and cannot "
        "sign at 2030-03-11T12:00:00Z");
    BOOST_TEST(error("spiffe://a/b", [](IssueOptions& o) {
                   o.now = kNoon - 61s;
               }).starts_with("the authority of a is valid from"));
    BOOST_TEST(error("spiffe://a/b", [](IssueOptions& o) {
                   o.dns_names = {"not a name"};
               }) == "make a certificate: \"not a name\" is no DNS name");
    BOOST_TEST(
        error("spiffe://a/b", [](IssueOptions& o) { o.dns_names = {"web\nlab"}; }) != "none");
}

BOOST_AUTO_TEST_CASE(an_authority_is_loaded_as_it_was) {
    const auto made = Authority::create("a", days(10), kNoon);
    const auto loaded = Authority::load("a", made.certificate_pem(), made.key_pem());
    BOOST_TEST(loaded.trust_domain() == "a");
    BOOST_TEST(loaded.certificate_pem() == made.certificate_pem());
    BOOST_TEST(loaded.key_pem() == made.key_pem());
    BOOST_TEST((loaded.facts() == made.facts()));
    BOOST_TEST(load_error(test_svid::make(test_svid::signer(), nullptr)) == "none");
    auto expired = test_svid::signer();
    expired.until = -1s;
    const auto pair = test_svid::make(expired, nullptr);
    const auto old = Authority::load("a", pair.chain_pem, pair.key_pem);
    BOOST_CHECK_THROW(static_cast<void>(old.issue(SpiffeId::parse("spiffe://a/b"))), netemu::Error);
}

BOOST_AUTO_TEST_CASE(what_is_not_loaded_as_an_authority) {
    const auto good = test_svid::make(test_svid::signer(), nullptr);
    const auto other = test_svid::make(test_svid::signer(), nullptr);
    const auto changed = [&](auto change, const Pair* issuer = nullptr) {
        auto recipe = test_svid::signer();
        change(recipe);
        return load_error(test_svid::make(recipe, issuer));
    };
    const std::string start = "the authority of a: ";
    BOOST_TEST(
        load_error({"", good.key_pem}) ==
        start + "the certificate: no PEM block (-----BEGIN CERTIFICATE-----)");
    BOOST_TEST(
        load_error({good.chain_pem, "x"}) ==
        start + "the private key: no PEM block (-----BEGIN PRIVATE KEY-----)");
    BOOST_TEST(load_error({good.chain_pem, other.key_pem})
                   .starts_with(start + "the private key is not that of the certificate"));
    BOOST_TEST(
        load_error({good.chain_pem + other.chain_pem, good.key_pem}) ==
        start + "the certificate is followed by 1 more; a root needs no chain");
    BOOST_TEST(
        load_error(good, "b") ==
        "the authority of b: the certificate is not that of spiffe://b, but of spiffe://a");
    BOOST_TEST(load_error(good, "") == "the trust domain is empty");
    BOOST_TEST(changed([](Recipe& r) {
                   r.names = "";
               }) == start + "the certificate is not that of spiffe://a");
    BOOST_TEST(changed([](Recipe& r) {
                   r.names = "URI:spiffe://a,URI:spiffe://b";
               }).starts_with(start + "the certificate is not that of spiffe://a"));
    BOOST_TEST(
        changed([](Recipe& r) { r.names = "URI:spiffe://a/b"; }) ==
        start + "the certificate is an authority's, but its SPIFFE ID has a path: spiffe://a/b");
    const auto no_authority =
        start + "the certificate is no authority's (cA of its basic constraints is not true)";
    BOOST_TEST(changed([](Recipe& r) { r.constraints = "critical,CA:FALSE"; }) == no_authority);
    BOOST_TEST(changed([](Recipe& r) { r.constraints = ""; }) == no_authority);
    const auto signs_not =
        start + "the certificate may not sign certificates (its key usage lacks keyCertSign)";
    BOOST_TEST(changed([](Recipe& r) { r.key_usage = "critical,cRLSign"; }) == signs_not);
    BOOST_TEST(changed([](Recipe& r) { r.key_usage = ""; }) == signs_not);
    const auto critical =
        start + "the certificate has basic constraints or a key usage that are not critical";
    BOOST_TEST(changed([](Recipe& r) { r.key_usage = "keyCertSign"; }) == critical);
    BOOST_TEST(changed([](Recipe& r) { r.constraints = "CA:TRUE"; }) == critical);
    BOOST_TEST(changed([](Recipe& r) {
                   r.curve = "P-384";
               }) == start + "the certificate has a key that is not ECDSA P-256");
    BOOST_TEST(
        changed([](Recipe&) {}, &good) == start + "the certificate is not signed with its own key");
}
// NOLINTEND
