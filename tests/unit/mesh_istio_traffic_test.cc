#include <boost/test/unit_test.hpp>

#include "mesh/istio/traffic.h"

// NOLINTBEGIN: Boost.Test's macros
namespace {

using namespace mesh::istio;
using Kind = StringMatch::Kind;

StringMatch exact(const std::string& text) {
    return {Kind::Exact, text};
}
StringMatch prefix(const std::string& text) {
    return {Kind::Prefix, text};
}
StringMatch regex(const std::string& text) {
    return {Kind::Regex, "", Regex(text)};
}

HttpMatch uri(StringMatch match, bool ignore_case = false) {
    HttpMatch block;
    block.uri = std::move(match);
    block.ignore_uri_case = ignore_case;
    return block;
}

/// GET TARGET of cart on port 80, by a client app=web of the namespace shop.
bool takes(const HttpMatch& match, const std::string& target, const mesh::Headers& headers = {}) {
    const Labels labels{{"app", "web"}, {"version", "v1"}};
    return matches(match, {"GET", target, "cart.shop", &headers, 80, &labels, "shop"});
}

HttpRoute to(const std::vector<std::uint32_t>& weights) {
    HttpRoute route;
    for (const auto weight : weights) {
        route.to.push_back({{"h"}, weight});
    }
    return route;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_path_matches_exactly_by_prefix_or_by_a_regular_expression_of_all_of_it) {
    struct Row {
        HttpMatch match;
        const char* target;
        bool taken;
    };
    for (const auto& [match, target, taken] : std::vector<Row>{
             {uri(exact("/api")), "/api", true},
             {uri(exact("/api")), "/api?x=1", true}, // the query is never looked at
             {uri(exact("/api")), "/api/", false},
             {uri(exact("/api")), "/API", false},
             {uri(exact("/api"), true), "/API", true},
             {uri(prefix("/api")), "/apix", true}, // text, not segments
             {uri(prefix("/api")), "/ap", false},
             {uri(prefix("/api"), true), "/ApI/1", true},
             {uri(regex("/api/v[0-9]+")), "/api/v12", true},
             {uri(regex("/api/v[0-9]+")), "/api/v12/x", false},
             {uri(regex("/api/v[0-9]+")), "/x/api/v1", false},
             {uri(regex("/api/v[0-9]+"), true), "/API/v1", false}, // that is for the others
             {uri(regex("(?i)/api")), "/API", true},
             {uri(regex("/a(b")), "/a(b", false}, // none at all
             {uri({}), "/x", true},
             {HttpMatch{}, "/x", true}}) {
        BOOST_TEST(takes(match, target) == taken, target);
    }
}

BOOST_AUTO_TEST_CASE(a_long_text_takes_no_long_time) {
    const std::string text = "/" + std::string(60'000, 'a');
    BOOST_TEST(!takes(uri(regex("/(a*)*b")), text));
}

BOOST_AUTO_TEST_CASE(headers_are_there_or_have_a_value) {
    const mesh::Headers headers{{"X-User", "jason"}, {"x-many", "a"}, {"X-Many", "b"}, {"e", ""}};
    struct Row {
        NamedMatch match;
        bool with;
        bool without;
    };
    for (const auto& [match, with, without] : std::vector<Row>{
             {{"x-user", {}}, true, false},
             {{"x-user", exact("jason")}, true, false},
             {{"x-user", exact("Jason")}, false, true},
             {{"x-user", prefix("ja")}, true, false},
             {{"x-user", regex("j.*n")}, true, false},
             {{"x-user", regex("j")}, false, true},
             {{"x-many", exact("a,b")}, true, false},
             {{"e", {}}, true, false},
             {{"e", exact("")}, true, false},
             {{"none", {}}, false, true},
             {{"none", exact("x")}, false, true},
             {{"none", regex(".*")}, false, false}}) {
        HttpMatch wanted;
        wanted.headers = {match};
        HttpMatch unwanted;
        unwanted.without_headers = {match};
        BOOST_TEST(takes(wanted, "/", headers) == with, match.name << " " << match.match.text);
        BOOST_TEST(takes(unwanted, "/", headers) == without, match.name << " " << match.match.text);
    }
}

BOOST_AUTO_TEST_CASE(the_other_keys_of_a_match) {
    struct Row {
        const char* what;
        bool taken;
        HttpMatch match;
    };
    std::vector<Row> rows;
    const auto row = [&](const char* what, bool taken, const auto& change) {
        HttpMatch match;
        change(match);
        rows.push_back({what, taken, match});
    };
    row("method", true, [](auto& m) { m.method = exact("GET"); });
    row("other method", false, [](auto& m) { m.method = exact("POST"); });
    row("method by regex", true, [](auto& m) { m.method = regex("GET|HEAD"); });
    row("authority", true, [](auto& m) { m.authority = exact("cart.shop"); });
    row("authority's prefix", true, [](auto& m) { m.authority = prefix("cart"); });
    row("other authority", false, [](auto& m) { m.authority = exact("cart"); });
    row("scheme", true, [](auto& m) { m.scheme = exact("http"); });
    row("other scheme", false, [](auto& m) { m.scheme = exact("https"); });
    row("port", true, [](auto& m) { m.port = 80; });
    row("other port", false, [](auto& m) { m.port = 81; });
    row("query", true, [](auto& m) { m.query = {{"v", exact("2")}}; });
    row("query there", true, [](auto& m) { m.query = {{"v", {}}}; });
    row("query's value", false, [](auto& m) { m.query = {{"v", exact("1")}}; });
    row("no such query", false, [](auto& m) { m.query = {{"w", {}}}; });
    row("labels", true, [](auto& m) { m.source_labels = {{"app", "web"}}; });
    row("other labels", false, [](auto& m) { m.source_labels = {{"app", "old"}}; });
    row("namespace", true, [](auto& m) { m.source_ns = "shop"; });
    row("other namespace", false, [](auto& m) { m.source_ns = "x"; });
    row("all must hold", false, [](auto& m) { m.method = exact("GET"), m.port = 1; });
    for (const auto& [what, taken, match] : rows) {
        BOOST_TEST(takes(match, "/a?u=1&v=2") == taken, what);
    }
}

BOOST_AUTO_TEST_CASE(the_first_route_that_matches_takes_a_request) {
    std::vector<HttpRoute> routes(3);
    routes[0].match = {uri(exact("/a")), uri(prefix("/b"))};
    routes[1].match = {uri(prefix("/"))};
    const auto chosen = [&](const char* target) {
        return choose_route(routes, {"GET", target, "h", nullptr, 80});
    };
    BOOST_TEST(chosen("/a")->route == 0U);
    BOOST_TEST(*chosen("/a")->match == 0U);
    BOOST_TEST(*chosen("/bc")->match == 1U); // blocks are alternatives
    BOOST_TEST(chosen("/c")->route == 1U);   // not the third, which has no match
    routes[1].match = {uri(exact("/z"))};
    BOOST_TEST(chosen("/c")->route == 2U);
    BOOST_TEST(!chosen("/c")->match);
    routes.pop_back();
    BOOST_TEST(!chosen("/c")); // nothing is implied
}

BOOST_AUTO_TEST_CASE(weights_share_the_requests) {
    const auto chosen = [](const HttpRoute& route) {
        std::string text;
        for (std::uint32_t lot = 0; lot < weight_sum(route); ++lot) {
            text += std::to_string(weighted_choice(route, lot));
        }
        return text;
    };
    BOOST_TEST(chosen(to({3, 1})) == "0001");
    BOOST_TEST(chosen(to({0, 2})) == "11"); // 0 beside others is nothing
    BOOST_TEST(chosen(to({2, 0, 1})) == "002");
    BOOST_TEST(chosen(to({0})) == "0"); // a single one takes all
    BOOST_TEST(chosen(to({0, 0})).empty());
}

BOOST_AUTO_TEST_CASE(hosts_are_completed_in_the_namespace_of_what_names_them) {
    const auto whole = [](const char* host) {
        return complete_host(host, "shop", "cluster.local");
    };
    BOOST_TEST(whole("cart") == "cart.shop.svc.cluster.local");
    BOOST_TEST(whole("Cart") == "cart.shop.svc.cluster.local");
    BOOST_TEST(whole("cart.other") == "cart.other"); // Istio completes only names without dots
    BOOST_TEST(whole("cart.other.svc.cluster.local") == "cart.other.svc.cluster.local");
    BOOST_TEST(whole("*") == "*");
    BOOST_TEST(whole("*.shop.svc.cluster.local") == "*.shop.svc.cluster.local");
    BOOST_TEST(host_matches("*", "a.b"));
    BOOST_TEST(host_matches("*.b", "a.b"));
    BOOST_TEST(!host_matches("*.b", "b"));
    BOOST_TEST(!host_matches("a", "a.b"));
    BOOST_TEST(host_closeness("a.b", "a.b") > host_closeness("*.b", "a.b"));
    BOOST_TEST(host_closeness("*.b", "a.b") > host_closeness("*", "a.b"));
}

BOOST_AUTO_TEST_CASE(export_to_says_who_sees_it) {
    BOOST_TEST(is_exported({}, "shop", "x"));
    BOOST_TEST(is_exported({"*"}, "shop", "x"));
    BOOST_TEST(is_exported({"."}, "shop", "shop"));
    BOOST_TEST(!is_exported({"."}, "shop", "x"));
    BOOST_TEST(is_exported({"y", "x"}, "shop", "x"));
    BOOST_TEST(!is_exported({"~"}, "shop", "shop"));
}

BOOST_AUTO_TEST_CASE(a_rewrite_replaces_what_has_matched) {
    struct Row {
        HttpMatch match;
        Rewrite rewrite;
        const char* target;
        const char* result;
    };
    for (const auto& [match, rewrite, target, result] : std::vector<Row>{
             {uri(prefix("/api")), {"/v2"}, "/api/x?q=1", "/v2/x?q=1"},
             {uri(prefix("/api/")), {"/"}, "/api/x", "/x"},
             {uri(exact("/api")), {"/v2"}, "/api?q=/api", "/v2?q=/api"},
             {uri(regex("/a.*")), {"/v2"}, "/abc", "/v2"},
             {HttpMatch{}, {"/v2/"}, "/abc", "/v2/abc"},
             {uri(prefix("/")), {"", "other"}, "/abc", "/abc"},
             {uri(prefix("/")),
              {"", "", Regex("/u/([0-9]+)"), "/user-\\1"},
              "/u/7/x",
              "/user-7/x"}}) {
        HttpRoute route;
        route.match = {match};
        route.rewrite = rewrite;
        BOOST_TEST(rewritten_target(route, {0, 0}, target) == result, target);
    }
    BOOST_TEST(rewritten_target({}, {0, std::nullopt}, "/a?b") == "/a?b");
}

BOOST_AUTO_TEST_CASE(a_redirect_keeps_what_it_does_not_name) {
    const auto location = [](const Redirect& redirect) {
        return redirect_location(redirect, "cart:8080", "/a?b=1");
    };
    BOOST_TEST(location({}) == "http://cart:8080/a?b=1");
    BOOST_TEST(location({"/new"}) == "http://cart:8080/new?b=1");
    BOOST_TEST(location({"/new?c=2"}) == "http://cart:8080/new?c=2");
    BOOST_TEST(location({"", "shop.example"}) == "http://shop.example/a?b=1");
    BOOST_TEST(location({"", "", "https", 443}) == "https://cart:443/a?b=1");
}

BOOST_AUTO_TEST_CASE(headers_are_removed_set_and_added) {
    mesh::Headers headers{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"host", "h"}};
    const HeaderEdits edits{
        {{"B", "new"}, {"d", "4"}, {"Host", "other"}}, {{"c", "more"}}, {"a", "host"}};
    edit_headers(headers, edits);
    BOOST_TEST(
        (headers ==
         mesh::Headers{{"c", "3"}, {"host", "h"}, {"B", "new"}, {"d", "4"}, {"c", "more"}}));
    BOOST_TEST(set_authority(edits) == "other");
    BOOST_TEST(set_authority({}).empty());
}
// NOLINTEND
