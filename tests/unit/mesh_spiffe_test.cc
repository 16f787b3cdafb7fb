#define BOOST_TEST_MODULE mesh_spiffe
#include <limits>

#include <boost/test/unit_test.hpp>

#include "mesh/spiffe/id.h"
#include "mesh/spiffe/renewal.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;

namespace {

/// What is wrong with it, without the text itself; "" if nothing is.
std::string problem_of(const std::string& text) {
    try {
        SpiffeId::parse(text);
        BOOST_TEST(SpiffeId::try_parse(text).has_value());
        return "";
    } catch (const netemu::Error& error) {
        BOOST_TEST(!SpiffeId::try_parse(text).has_value());
        const std::string words = error.what();
        const std::string verdict = " is no SPIFFE ID: ";
        const auto at = words.find(verdict);
        return at == std::string::npos ? words : words.substr(at + verdict.size());
    }
}

/// An ID of so many bytes.
std::string id_of_size(std::size_t size) {
    std::string text = "spiffe://a/";
    return text + std::string(size - text.size(), 'x');
}

} // namespace

BOOST_AUTO_TEST_CASE(good_ids) {
    const struct {
        std::string text;
        std::string trust_domain;
        std::string path;
    } rows[] = {
        {"spiffe://cluster.local/ns/prod/sa/web", "cluster.local", "/ns/prod/sa/web"},
        {"spiffe://cluster.local", "cluster.local", ""},
        {"spiffe://a/b", "a", "/b"},
        {"spiffe://a-b_c.9/A/b.C/..d/e../...", "a-b_c.9", "/A/b.C/..d/e../..."},
        {"spiffe://10.0.0.1/x", "10.0.0.1", "/x"},
        {"SPIFFE://a/B", "a", "/B"}, // RFC 3986: schemes have no case
        {"spiffe://" + std::string(255, 'a') + "/x", std::string(255, 'a'), "/x"},
        {id_of_size(2048), "a", "/" + std::string(2048 - 11, 'x')},
    };
    for (const auto& row : rows) {
        BOOST_TEST_CONTEXT(row.text) {
            BOOST_REQUIRE(problem_of(row.text).empty());
            const auto id = SpiffeId::parse(row.text);
            BOOST_TEST(id.trust_domain() == row.trust_domain);
            BOOST_TEST(id.path() == row.path);
            BOOST_TEST(id.to_string() == "spiffe://" + row.trust_domain + row.path);
        }
    }
}

BOOST_AUTO_TEST_CASE(bad_ids) {
    const std::string scheme = "it has to begin with spiffe://";
    const std::string lower = "the trust domain has to be in lower case";
    const std::string domain = "the trust domain may have a-z, 0-9, '.', '-' and '_' only";
    const std::string user = "user info is not allowed in front of the trust domain";
    const std::string port = "a port is not allowed behind the trust domain";
    const std::string empty = "an empty segment of the path, or a slash at its end, is not allowed";
    const std::string dots = "the segments \".\" and \"..\" are not allowed in the path";
    const std::string path = "the path may have letters, digits, '.', '-' and '_' only";
    const struct {
        std::string text;
        std::string problem;
    } rows[] = {
        {"", scheme},
        {"spiffe", scheme},
        {"spiffe:/a/b", scheme},
        {"https://a/b", scheme},
        {" spiffe://a/b", scheme},
        {"cluster.local/ns/a/sa/b", scheme},
        {"spiffe://", "the trust domain is empty"},
        {"spiffe:///a", "the trust domain is empty"},
        {"spiffe://a/b?c", "a query is not allowed"},
        {"spiffe://a?c", "a query is not allowed"},
        {"spiffe://a/b#c", "a fragment is not allowed"},
        {"spiffe://me@a/b", user},
        {"spiffe://me:secret@a/b", user},
        {"spiffe://a:443/b", port},
        {"spiffe://a:/b", port},
        {"spiffe://Cluster.local/b", lower},
        {"spiffe://%61/b", "percent encoding is not allowed in the trust domain"},
        {"spiffe://a b/c", domain},
        {"spiffe://\xc3\xa4/c", domain},
        {std::string("spiffe://a\0/c", 13), domain},
        {"spiffe://a\\b/c", domain},
        {"spiffe://[::1]/c", domain},
        {"spiffe://" + std::string(256, 'a') + "/x", "the trust domain has more than 255 bytes"},
        {"spiffe://a/", empty},
        {"spiffe://a/b/", empty},
        {"spiffe://a//b", empty},
        {"spiffe://a/./b", dots},
        {"spiffe://a/b/..", dots},
        {"spiffe://a/%2e", "percent encoding is not allowed in the path"},
        {"spiffe://a/b c", path},
        {"spiffe://a/b:c", path},
        {"spiffe://a/b*", path},
        {"spiffe://a/b\n", path},
        {std::string("spiffe://a/b\0", 13), path},
        {"spiffe://a/\xc3\xa4", path},
        {id_of_size(2049), "it has more than 2048 bytes"},
    };
    for (const auto& row : rows) {
        BOOST_TEST(problem_of(row.text) == row.problem, row.text);
    }
}

BOOST_AUTO_TEST_CASE(what_is_told_of_a_bad_id_is_short_and_printable) {
    try {
        SpiffeId::parse("spiffe://a/\x1b[31m\xff" + std::string(100000, 'x'));
        BOOST_TEST(false);
    } catch (const netemu::Error& error) {
        const std::string words = error.what();
        BOOST_TEST(words.size() < 300);
        BOOST_TEST(words.find('\x1b') == std::string::npos);
        BOOST_TEST(words.starts_with("\"spiffe://a/?[31m?xxx"), words);
    }
}

BOOST_AUTO_TEST_CASE(comparison) {
    const auto id = SpiffeId::parse("spiffe://a/b");
    BOOST_TEST((id == SpiffeId::parse("spiffe://a/b")));
    BOOST_TEST((id == SpiffeId::parse("Spiffe://a/b"))); // the scheme has no case
    BOOST_TEST((id != SpiffeId::parse("spiffe://a/B"))); // the path has
    BOOST_TEST((id != SpiffeId::parse("spiffe://b/b")));
    BOOST_TEST((id != SpiffeId::parse("spiffe://a")));
    BOOST_TEST((SpiffeId::parse("spiffe://a.b/c") != SpiffeId::parse("spiffe://a/b/c")));
}

BOOST_AUTO_TEST_CASE(trust_domains) {
    BOOST_TEST(trust_domain_problem("cluster.local") == "");
    BOOST_TEST(trust_domain_problem("td_1-x") == "");
    BOOST_TEST(trust_domain_problem(std::string(255, 'z')) == "");
    for (const std::string bad :
         {"", "A", "a/b", "a:1", "me@a", "a%41", "a b", "spiffe://a", "a?", "a#"}) {
        BOOST_TEST(trust_domain_problem(bad) != "", bad);
    }
    BOOST_TEST(trust_domain_problem(std::string(256, 'z')) != "");
}

BOOST_AUTO_TEST_CASE(service_accounts) {
    const auto id = SpiffeId::of_service_account("cluster.local", "prod", "web");
    BOOST_TEST(id.to_string() == "spiffe://cluster.local/ns/prod/sa/web");
    BOOST_REQUIRE(id.workload().has_value());
    BOOST_TEST((*id.workload() == SpiffeId::Workload{"prod", "web"}));
    const struct {
        std::string trust_domain, name_space, service_account;
    } bad[] = {
        {"", "prod", "web"},
        {"Cluster.local", "prod", "web"},
        {"a/b", "prod", "web"},
        {"a/ns/prod/sa/web", "", ""},
        {"a", "", "web"},
        {"a", "prod", ""},
        {"a", "prod/sa/admin", "web"},
        {"a", "prod", "web/x"},
        {"a", "..", "web"},
        {"a", "prod", "web?x"},
        {"a", "prod", "web%2f"},
        {"a", std::string(2048, 'n'), "web"},
    };
    for (const auto& row : bad) {
        BOOST_CHECK_THROW(
            SpiffeId::of_service_account(row.trust_domain, row.name_space, row.service_account),
            netemu::Error);
    }
}

BOOST_AUTO_TEST_CASE(only_five_parts_are_a_workload) {
    for (const std::string text :
         {"spiffe://a",
          "spiffe://a/ns/b",
          "spiffe://a/ns/b/sa",
          "spiffe://a/ns/b/sa/c/d",
          "spiffe://a/sa/c/ns/b",
          "spiffe://a/NS/b/sa/c",
          "spiffe://a/ns/b/SA/c",
          "spiffe://a/x/ns/b/sa/c"}) {
        BOOST_TEST(!SpiffeId::parse(text).workload().has_value(), text);
    }
    // Segments that look like the others are names.
    BOOST_TEST(
        (*SpiffeId::parse("spiffe://a/ns/sa/sa/ns").workload() == SpiffeId::Workload{"sa", "ns"}));
}

BOOST_AUTO_TEST_CASE(renewal) {
    using namespace std::chrono;
    const sys_seconds start{seconds(1'700'000'000)};
    const auto end = start + hours(24);
    const auto after = [&](double jitter) {
        return (renew_at(start, end, jitter) - start).count();
    };
    BOOST_TEST(after(0.5) == 43200);
    BOOST_TEST(after(0) == 43200 + 864);
    BOOST_TEST(after(1) == 43200 - 864);
    BOOST_TEST(after(0.25) == 43200 + 432);
    BOOST_TEST(after(-7) == after(0));
    BOOST_TEST(after(7) == after(1));
    BOOST_TEST(after(std::numeric_limits<double>::quiet_NaN()) == after(0.5));
    BOOST_TEST((renew_at(end, start, 0.5) == start)); // no lifetime: at its end
}
// NOLINTEND
