#include <boost/test/unit_test.hpp>

#include "mesh/linkerd/identity.h"
#include "tests/unit/mesh_linkerd_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_linkerd_test;

BOOST_AUTO_TEST_SUITE(linkerd_matching)

BOOST_AUTO_TEST_CASE(identities_are_dns_names) {
    BOOST_TEST(service_account_identity("shop", "web", kDomain) == kWeb);
    BOOST_TEST(
        namespace_identity("shop", kDomain) ==
        "*.shop.serviceaccount.identity.linkerd.cluster.local");
}

// Reference 8.2, the table of identity patterns.
BOOST_AUTO_TEST_CASE(identity_patterns) {
    struct Row {
        std::string pattern, identity;
        bool matches;
    };
    const std::string tail = ".serviceaccount.identity.linkerd.cluster.local";
    const std::string uri = "spiffe://cluster.local/ns/shop/sa/web";
    for (const auto& row : {
             Row{kWeb, kWeb, true},
             Row{kWeb, kOther, false},
             Row{kWeb, "x" + kWeb, false},
             Row{"*.shop" + tail, kWeb, true},
             Row{"*.shop" + tail, "web.xshop" + tail, false}, // by whole labels
             Row{"*.shop" + tail, "shop" + tail, false},
             Row{"*.shop" + tail, "a.b.shop" + tail, true},
             Row{"*", kWeb, true},
             Row{"*", uri, false}, // SPIFFE IDs: exactly or not at all
             Row{"*.web", uri, false},
             Row{uri, uri, true},
             Row{"web*", kWeb, false},
             Row{"**.shop" + tail, kWeb, false},
             Row{"web.*.serviceaccount.identity.linkerd.cluster.local", kWeb, false},
             Row{"", kWeb, false},
         }) {
        BOOST_TEST(
            matches_identity(row.pattern, row.identity) == row.matches,
            row.pattern << " and " << row.identity);
    }
}

BOOST_AUTO_TEST_CASE(patterns_that_match_nobody) {
    for (const auto* pattern : {"web*", "**.shop", "a.*.c", "*.a.*", "*x"}) {
        BOOST_TEST(matches_nobody(pattern), pattern);
    }
    for (const auto* pattern : {"*", "*.shop", "web.shop"}) {
        BOOST_TEST(!matches_nobody(pattern), pattern);
    }
}

BOOST_AUTO_TEST_CASE(networks_with_exceptions) {
    const std::vector networks{
        range("10.0.0.0/8", {"10.1.0.0/16", "10.2.0.0/16"}), range("fd00::/8")};
    const auto in = [&](const char* address) {
        return contains(networks, netemu::IpAddress::parse(address).value());
    };
    BOOST_TEST(in("10.3.0.1"));
    BOOST_TEST(!in("10.1.0.1"));
    BOOST_TEST(!in("10.2.255.255"));
    BOOST_TEST(!in("11.0.0.1"));
    BOOST_TEST(in("fd00::1"));
    BOOST_TEST(!in("fe80::1"));
    BOOST_TEST(to_string(networks) == "10.0.0.0/8 except 10.1.0.0/16 and 10.2.0.0/16, fd00::/8");
    // The cluster's, unless they are set.
    for (const auto* address : {"10.9.9.9", "100.64.0.1", "172.16.0.1", "192.168.9.1", "fd12::1"}) {
        BOOST_TEST(
            contains(cluster_networks(), netemu::IpAddress::parse(address).value()), address);
    }
    for (const auto* address : {"9.9.9.9", "172.32.0.1", "203.0.113.7", "2001:db8::1"}) {
        BOOST_TEST(
            !contains(cluster_networks(), netemu::IpAddress::parse(address).value()), address);
    }
}

BOOST_AUTO_TEST_CASE(selectors) {
    using Operator = LabelSelector::Requirement::Operator;
    const Labels labels{{"app", "cart"}, {"tier", "back"}};
    BOOST_TEST(LabelSelector{}.selects(labels));
    BOOST_TEST((LabelSelector{{{"app", "cart"}}, {}}.selects(labels)));
    BOOST_TEST(!(LabelSelector{{{"app", "web"}}, {}}.selects(labels)));
    struct Row {
        LabelSelector::Requirement requirement;
        bool selects;
    };
    for (const auto& row : {
             Row{{"app", Operator::In, {"web", "cart"}}, true},
             Row{{"app", Operator::In, {"web"}}, false},
             Row{{"none", Operator::In, {"web"}}, false},
             Row{{"app", Operator::NotIn, {"cart"}}, false},
             Row{{"none", Operator::NotIn, {"cart"}}, true},
             Row{{"tier", Operator::Exists, {}}, true},
             Row{{"none", Operator::Exists, {}}, false},
             Row{{"none", Operator::DoesNotExist, {}}, true},
             Row{{"tier", Operator::DoesNotExist, {}}, false},
         }) {
        BOOST_TEST(
            (LabelSelector{{}, {row.requirement}}.selects(labels)) == row.selects,
            row.requirement.key);
    }
}

BOOST_AUTO_TEST_CASE(paths_by_element) {
    using Kind = PathMatch::Kind;
    struct Row {
        Kind kind;
        std::string value, path;
        bool matches;
    };
    for (const auto& row : {
             Row{Kind::Prefix, "/", "/", true},
             Row{Kind::Prefix, "/", "/x/y", true},
             Row{Kind::Prefix, "/abc", "/abc", true},
             Row{Kind::Prefix, "/abc", "/abc/", true},
             Row{Kind::Prefix, "/abc", "/abc/x", true},
             Row{Kind::Prefix, "/abc", "/abcd", false},
             Row{Kind::Prefix, "/abc/", "/abc", true},
             Row{Kind::Prefix, "/abc/", "/abcd", false},
             Row{Kind::Exact, "/abc", "/abc", true},
             Row{Kind::Exact, "/abc", "/abc/", false},
             Row{Kind::Exact, "/abc", "/ABC", false},
         }) {
        BOOST_TEST(matches_path({row.kind, row.value}, row.path) == row.matches, row.path);
    }
}

BOOST_AUTO_TEST_CASE(what_a_match_asks_for) {
    OwnedRequest request;
    request.method = "PUT";
    request.path = "/a";
    request.query = "x=1&y=2";
    request.headers = {{"X-A", "b"}, {"x-a", "c"}};
    const auto holds = [&](const RouteMatch& match) { return matches(match, request.facts()); };
    RouteMatch match;
    BOOST_TEST(holds(match));
    match.method = "PUT";
    match.headers = {{"x-a", "b"}};
    match.query = {{"y", "2"}};
    BOOST_TEST(holds(match));
    auto other = match;
    other.method = "GET";
    BOOST_TEST(!holds(other));
    other = match;
    other.headers = {{"x-a", "c"}}; // the first of them counts
    BOOST_TEST(!holds(other));
    other = match;
    other.query = {{"z", "2"}};
    BOOST_TEST(!holds(other));
}

// Reference 9, precedence: each row has two routes that take the request; the first one wins,
// in both orders.
BOOST_AUTO_TEST_CASE(precedence_of_routes) {
    const auto with = [](auto change) {
        RouteTable table;
        table.name = "shop/b";
        table.created = "2026-01-02T00:00:00Z";
        table.rules = {{{RouteMatch{}}}};
        change(table, table.rules[0].matches[0]);
        return table;
    };
    struct Row {
        const char* what;
        RouteTable wins, loses;
    };
    using Kind = PathMatch::Kind;
    const auto any = with([](auto&, auto&) {});
    const std::vector<Row> rows{
        {"an exact hostname before a wildcard",
         with([](auto& table, auto&) { table.hostnames = {"a.lab"}; }),
         with([](auto& table, auto& match) {
             table.hostnames = {"*.lab"};
             match.path = {Kind::Exact, "/abc/x"};
         })},
        {"a hostname before none",
         with([](auto& table, auto&) { table.hostnames = {"*.lab"}; }),
         any},
        {"an exact path before a prefix",
         with([](auto&, auto& match) {
             match.path = {Kind::Exact, "/abc/x"};
         }),
         with([](auto&, auto& match) {
             match.path = {Kind::Prefix, "/abc/x"};
             match.method = "GET";
         })},
        {"the longest prefix",
         with([](auto&, auto& match) { match.path.value = "/abc"; }),
         with([](auto&, auto& match) { match.method = "GET"; })},
        {"a method before headers",
         with([](auto&, auto& match) { match.method = "GET"; }),
         with([](auto&, auto& match) {
             match.headers = {{"h", "1"}};
         })},
        {"more headers before parameters",
         with([](auto&, auto& match) {
             match.headers = {{"h", "1"}};
         }),
         with([](auto&, auto& match) {
             match.query = {{"q", "1"}};
         })},
        {"more parameters",
         with([](auto&, auto& match) {
             match.query = {{"q", "1"}};
         }),
         any},
        {"the oldest",
         with([](auto& table, auto&) {
             table.created = "2026-01-01T00:00:00Z";
             table.name = "shop/z";
         }),
         any},
        {"the first by name", with([](auto& table, auto&) { table.name = "shop/a"; }), any},
    };
    OwnedRequest request;
    request.path = "/abc/x";
    request.query = "q=1";
    request.authority = "A.lab.:8080";
    request.headers = {{"h", "1"}};
    for (const auto& row : rows) {
        const std::vector<const RouteTable*> one{&row.wins, &row.loses};
        const std::vector<const RouteTable*> other{&row.loses, &row.wins};
        BOOST_TEST_REQUIRE(pick_route(one, request.facts()).has_value(), row.what);
        BOOST_TEST(pick_route(one, request.facts())->route == 0, row.what);
        BOOST_TEST(pick_route(other, request.facts())->route == 1, row.what);
    }
}

BOOST_AUTO_TEST_CASE(first_rule_and_no_rule) {
    RouteTable table;
    table.rules = {{}, {}}; // both take everything
    const std::vector<const RouteTable*> routes{&table};
    const OwnedRequest request;
    BOOST_TEST(pick_route(routes, request.facts())->rule == 0);
    table.hostnames = {"b.lab"};
    BOOST_TEST(!pick_route(routes, request.facts()));
    table.hostnames = {"*.cart.shop.svc.cluster.local"}; // not the name itself
    BOOST_TEST(!pick_route(routes, request.facts()));
    table.hostnames.clear();
    table.rules.clear();
    BOOST_TEST(!pick_route(routes, request.facts()));
    BOOST_TEST(describe(RouteRule{}) == "every request");
    BOOST_TEST(
        describe(
            RouteRule{{{{PathMatch::Kind::Prefix, "/a"}, "GET", {{"h", "1"}}, {{"q", "2"}}}}}) ==
        "GET /a/*, header h: 1, query q=2");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
