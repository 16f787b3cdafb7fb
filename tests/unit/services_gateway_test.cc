#include <map>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "services/gateway.h"

/// The semantics of Gateways and HTTPRoutes. Cases bear the names of the conformance tests of the
/// Gateway API (reference section 10.2).
using namespace services;

namespace {

GatewayMatch prefix(const std::string& path) {
    return {GatewayPathKind::Prefix, path};
}
GatewayMatch exact(const std::string& path) {
    return {GatewayPathKind::Exact, path};
}
GatewayMatch with_headers(GatewayMatch match, std::vector<GatewayValueMatch> headers) {
    match.headers = std::move(headers);
    return match;
}
GatewayMatch with_query(GatewayMatch match, std::vector<GatewayValueMatch> query) {
    match.query = std::move(query);
    return match;
}
GatewayMatch with_method(GatewayMatch match, const std::string& method) {
    match.method = method;
    return match;
}

struct Asked {
    std::string host;
    std::string target = "/";
    std::string method = "GET";
    std::map<std::string, std::string> headers{}; // names in lower case
    std::map<std::string, std::string> query{};
    std::uint16_t port = 80;
};

/// A Gateway whose routes attach to every listener whose hostname meets theirs; each rule is known
/// by the name of its route and its number from 1.
class Gateway {
public:
    Gateway&
    listener(const std::string& name, const std::string& hostname, std::uint16_t port = 80) {
        table_.listeners.push_back({name, hostname, port});
        return *this;
    }
    /// Each rule is a list of matches.
    Gateway& route(
        const std::string& name,
        const std::vector<std::string>& hostnames,
        const std::vector<std::vector<GatewayMatch>>& rules,
        const std::string& created = "2026-01-01T00:00:00Z") {
        GatewayRoute route{name, created};
        for (const auto& matches : rules) {
            route.rules.emplace_back().matches = matches;
        }
        const auto index = static_cast<std::uint32_t>(table_.routes.size());
        table_.routes.push_back(std::move(route));
        for (std::size_t i = 0; i < table_.listeners.size(); ++i) {
            table_.attach(i, index, effective_hostnames(table_.listeners[i].hostname, hostnames));
        }
        table_.sort();
        return *this;
    }
    /// "ROUTE RULE" that takes it, "404 LISTENER", "404" without a listener, "400".
    [[nodiscard]] std::string taken(const Asked& asked) const {
        const auto find = [](const std::map<std::string, std::string>& values) {
            return [&values](std::string_view name) -> std::optional<std::string> {
                std::string lower;
                for (const char c : name) {
                    lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
                }
                const auto found = values.find(lower);
                return found == values.end() ? std::nullopt : std::optional(found->second);
            };
        };
        GatewayFacts facts;
        facts.port = asked.port;
        facts.authority = asked.host;
        facts.target = asked.target;
        facts.method = asked.method;
        facts.header = find(asked.headers);
        facts.query = find(asked.query);
        facts.matches_all_of = [](const std::string& pattern, std::string_view text) {
            return pattern == "/v[0-9]+" && text.starts_with("/v") &&
                   text.find_first_not_of("0123456789", 2) == std::string_view::npos;
        };
        const auto decision = route_gateway(table_, facts);
        if (!decision) {
            return "400";
        }
        if (decision->listener == nullptr) {
            return "404";
        }
        if (decision->entry == nullptr) {
            return "404 " + decision->listener->name;
        }
        return table_.routes[decision->entry->route].name + " " +
               std::to_string(decision->entry->rule + 1);
    }

private:
    GatewayTable table_;
};

Gateway on_port_80() {
    Gateway gateway;
    gateway.listener("http", "");
    return gateway;
}

/// Each path and what takes it.
void check_paths(const Gateway& gateway, const std::map<std::string, std::string>& paths) {
    for (const auto& [path, expected] : paths) {
        BOOST_TEST(gateway.taken({"any.example", path}) == expected, path);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(gateway)

BOOST_AUTO_TEST_CASE(simple_same_namespace) {
    auto gateway = on_port_80().route("a/web", {}, {{prefix("/")}});
    BOOST_TEST(gateway.taken({"any.example", "/"}) == "a/web 1");
    BOOST_TEST(gateway.taken({"", "/x/y?z"}) == "a/web 1");
    BOOST_TEST(gateway.taken({"any.example", "/../x"}) == "400");
    BOOST_TEST(gateway.taken({"any.example", "/", "GET", {}, {}, 81}) == "404");
}

BOOST_AUTO_TEST_CASE(matching) {
    auto gateway = on_port_80().route(
        "a/web",
        {},
        {{prefix("/"), with_headers(prefix("/"), {{"version", "one"}})},
         {prefix("/v2"), with_headers(prefix("/"), {{"version", "two"}})}});
    check_paths(
        gateway,
        {{"/", "a/web 1"},
         {"/example", "a/web 1"},
         {"/v2", "a/web 2"},
         {"/v2/", "a/web 2"},
         {"/v2example", "a/web 1"},
         {"/foo/v2/example", "a/web 1"}});
    BOOST_TEST(gateway.taken({"h", "/", "GET", {{"version", "two"}}}) == "a/web 2");
    BOOST_TEST(gateway.taken({"h", "/v2", "GET", {{"version", "one"}}}) == "a/web 2");
}

BOOST_AUTO_TEST_CASE(matching_across_routes) {
    auto gateway = on_port_80()
                       .route(
                           "a/one",
                           {"example.com", "example.net"},
                           {{prefix("/"), with_headers(prefix("/"), {{"version", "one"}})}})
                       .route(
                           "a/two",
                           {"example.com"},
                           {{prefix("/v2"), with_headers(prefix("/"), {{"version", "two"}})}});
    BOOST_TEST(gateway.taken({"example.com", "/"}) == "a/one 1");
    BOOST_TEST(gateway.taken({"example.com:80", "/v2"}) == "a/two 1");
    BOOST_TEST(gateway.taken({"EXAMPLE.com", "/v2/x"}) == "a/two 1");
    BOOST_TEST(gateway.taken({"example.net", "/v2"}) == "a/one 1");
    BOOST_TEST(gateway.taken({"example.com", "/", "GET", {{"version", "two"}}}) == "a/two 1");
    BOOST_TEST(gateway.taken({"other.com", "/"}) == "404 http");
}

BOOST_AUTO_TEST_CASE(path_match_order) {
    auto gateway = on_port_80().route(
        "a/web",
        {},
        {{prefix("/match/prefix/one")},
         {prefix("/match/prefix")},
         {exact("/match/exact")},
         {exact("/match")},
         {prefix("/match")},
         {{GatewayPathKind::Regex, "/v[0-9]+"}},
         {prefix("/v1/")}});
    check_paths(
        gateway,
        {{"/match/prefix/one/any", "a/web 1"},
         {"/match/prefix/any", "a/web 2"},
         {"/match/exact", "a/web 3"},
         {"/match", "a/web 4"},
         {"/match/", "a/web 5"},
         {"/matches", "404 http"},
         {"/v1", "a/web 6"},
         {"/v1/x", "a/web 7"}});
}

BOOST_AUTO_TEST_CASE(exact_path_matching) {
    auto gateway = on_port_80().route("a/web", {}, {{exact("/one")}, {exact("/two")}});
    check_paths(
        gateway,
        {{"/one", "a/web 1"},
         {"/two", "a/web 2"},
         {"/two?a=b", "a/web 2"},
         {"/", "404 http"},
         {"/one/x", "404 http"},
         {"/two/", "404 http"},
         {"/Two", "404 http"}});
}

BOOST_AUTO_TEST_CASE(header_matching) {
    auto gateway = on_port_80().route(
        "a/web",
        {},
        {{with_headers(prefix("/"), {{"Version", "one"}})},
         {with_headers(prefix("/"), {{"version", "two"}})},
         {with_headers(prefix("/"), {{"version", "two"}, {"color", "orange"}})}});
    const auto taken = [&](std::map<std::string, std::string> headers) {
        return gateway.taken({"h", "/", "GET", std::move(headers)});
    };
    BOOST_TEST(taken({{"version", "one"}}) == "a/web 1");
    BOOST_TEST(taken({{"version", "two"}}) == "a/web 2");
    BOOST_TEST(taken({{"version", "two"}, {"color", "orange"}}) == "a/web 3"); // more of them
    BOOST_TEST(taken({{"color", "orange"}}) == "404 http");
    BOOST_TEST(taken({{"version", "One"}}) == "404 http");
}

BOOST_AUTO_TEST_CASE(method_matching) {
    auto gateway = on_port_80().route(
        "a/web",
        {},
        {{prefix("/")},
         {with_method(prefix("/"), "POST")},
         {with_headers(prefix("/"), {{"a", "b"}})},
         {prefix("/long")}});
    BOOST_TEST(gateway.taken({"h", "/", "GET"}) == "a/web 1");
    BOOST_TEST(gateway.taken({"h", "/", "POST"}) == "a/web 2");
    BOOST_TEST(gateway.taken({"h", "/", "POST", {{"a", "b"}}}) == "a/web 2"); // before headers
    BOOST_TEST(gateway.taken({"h", "/long", "POST"}) == "a/web 4");           // behind the path
}

BOOST_AUTO_TEST_CASE(query_param_matching) {
    auto gateway = on_port_80().route(
        "a/web",
        {},
        {{with_query(prefix("/"), {{"animal", "whale"}})},
         {with_query(prefix("/"), {{"animal", "dolphin"}, {"color", "blue"}})},
         {with_headers(prefix("/"), {{"a", "b"}})}});
    const auto taken = [&](std::map<std::string, std::string> query,
                           std::map<std::string, std::string> headers = {}) {
        return gateway.taken({"h", "/", "GET", std::move(headers), std::move(query)});
    };
    BOOST_TEST(taken({{"animal", "whale"}}) == "a/web 1");
    BOOST_TEST(taken({{"animal", "dolphin"}}) == "404 http");
    BOOST_TEST(taken({{"animal", "dolphin"}, {"color", "blue"}}) == "a/web 2");
    BOOST_TEST(taken({{"animal", "whale"}}, {{"a", "b"}}) == "a/web 3"); // headers come first
}

BOOST_AUTO_TEST_CASE(oldest_route_then_name_then_first_rule) {
    auto gateway = on_port_80()
                       .route("a/new", {}, {{prefix("/")}}, "2026-02-01T00:00:00Z")
                       .route("b/old", {}, {{prefix("/")}, {prefix("/")}}, "2026-01-01T00:00:00Z")
                       .route("a/same", {}, {{prefix("/")}}, "2026-01-01T00:00:00Z");
    BOOST_TEST(gateway.taken({"h"}) == "a/same 1");
}

BOOST_AUTO_TEST_CASE(hostname_intersection) {
    using Common = std::optional<std::string>;
    struct Row {
        const char *listener, *route;
        Common common;
    };
    for (const auto& [listener, route, common] : {
             Row{"", "", ""},
             Row{"", "a.example", "a.example"},
             Row{"a.example", "", "a.example"},
             Row{"a.example", "a.example", "a.example"},
             Row{"a.example", "b.example", std::nullopt},
             Row{"*.example", "a.example", "a.example"},
             Row{"*.example", "a.b.example", "a.b.example"}, // any number of labels
             Row{"*.example", "example", std::nullopt},      // at least one
             Row{"*.example", "*.b.example", "*.b.example"},
             Row{"*.b.example", "*.example", "*.b.example"},
             Row{"*.b.example", "b.example", std::nullopt},
             Row{"*.example", "*.example", "*.example"},
             Row{"*.example", "badexample", std::nullopt},
             Row{"*.a.example", "*.b.example", std::nullopt},
         }) {
        const auto both = std::string(listener) + " and " + route;
        BOOST_TEST((intersect_hostnames(listener, route) == common), both);
        BOOST_TEST((intersect_hostnames(route, listener) == common), both);
    }
    const auto hosts = effective_hostnames("*.x", {"a.x", "b.y", "a.x", "*.c.x"});
    BOOST_TEST(
        hosts == (std::vector<std::string>{"a.x", "*.c.x"}), boost::test_tools::per_element());
    BOOST_TEST(effective_hostnames("a.x", {"b.x"}).empty());
}

BOOST_AUTO_TEST_CASE(hostnames_before_paths) {
    auto gateway = on_port_80()
                       .route("a/any", {}, {{exact("/x")}})
                       .route("a/wide", {"*.example"}, {{exact("/x")}})
                       .route("a/narrow", {"*.shop.example"}, {{exact("/x")}})
                       .route("a/own", {"a.shop.example"}, {{prefix("/")}});
    BOOST_TEST(gateway.taken({"a.shop.example", "/x"}) == "a/own 1");
    BOOST_TEST(gateway.taken({"b.shop.example", "/x"}) == "a/narrow 1");
    BOOST_TEST(gateway.taken({"c.b.shop.example", "/x"}) == "a/narrow 1");
    BOOST_TEST(gateway.taken({"shop.example", "/x"}) == "a/wide 1");
    BOOST_TEST(gateway.taken({"example", "/x"}) == "a/any 1");
}

BOOST_AUTO_TEST_CASE(listener_hostname_matching) {
    Gateway gateway;
    gateway.listener("one", "bar.com")
        .listener("two", "foo.bar.com")
        .listener("three", "*.bar.com");
    gateway.listener("four", "*.foo.com");
    gateway.route("a/web", {}, {{prefix("/")}}).route("a/four", {"x.foo.com"}, {{exact("/x")}});
    for (const auto& [host, expected] : std::map<std::string, std::string>{
             {"bar.com", "a/web 1"},
             {"foo.bar.com", "a/web 1"},
             {"baz.bar.com", "a/web 1"},
             {"boo.bar.com", "a/web 1"},
             {"multiple.prefixes.bar.com", "a/web 1"},
             {"multiple.prefixes.foo.com", "a/web 1"},
             {"foo.com", "404"},
             {"no.match", "404"}}) {
        BOOST_TEST(gateway.taken({host}) == expected, host);
    }
}

BOOST_AUTO_TEST_CASE(gateway_http_listener_isolation) {
    Gateway gateway;
    gateway.listener("empty", "").listener("wildcard", "*.example.com");
    gateway.listener("narrow", "*.foo.example.com").listener("abc", "abc.foo.example.com");
    // Attached to the widest listener alone: each of the others keeps its hosts to itself.
    GatewayTable table;
    gateway.route("a/every", {"every.org"}, {{prefix("/")}});
    BOOST_TEST(gateway.taken({"every.org"}) == "a/every 1");
    BOOST_TEST(gateway.taken({"bar.org"}) == "404 empty");
    BOOST_TEST(gateway.taken({"bar.example.com"}) == "404 wildcard");
    BOOST_TEST(gateway.taken({"bar.foo.example.com"}) == "404 narrow");
    BOOST_TEST(gateway.taken({"abc.foo.example.com"}) == "404 abc");
}

// --- attachment

namespace {

struct AttachRow {
    const char* section;
    std::uint16_t port;
    std::vector<std::string> hostnames;
    const char* reason;
    std::vector<std::size_t> listeners;
};

} // namespace

BOOST_AUTO_TEST_CASE(gateway_with_attached_routes) {
    const std::vector<GatewayOffer> offers{
        {"http", 80, ""},
        {"shop", 80, "shop.example"},
        {"admin", 8080, "*.example", true, false}, // cross-namespace: not from there
        {"grpc", 9090, "", false, true},
        {"clash", 7070, "", true, true, false}};
    for (const auto& row : {
             AttachRow{"", 0, {}, "Accepted", {0, 1}},
             AttachRow{"", 0, {"shop.example"}, "Accepted", {0, 1}},
             AttachRow{"", 0, {"other.example"}, "Accepted", {0}},
             AttachRow{"shop", 0, {}, "Accepted", {1}},
             AttachRow{"shop", 0, {"other.example"}, "NoMatchingListenerHostname", {}},
             AttachRow{"", 80, {}, "Accepted", {0, 1}},
             AttachRow{"shop", 8080, {}, "NoMatchingParent", {}},
             AttachRow{"none", 0, {}, "NoMatchingParent", {}},
             AttachRow{"", 81, {}, "NoMatchingParent", {}},
             AttachRow{"admin", 0, {}, "NotAllowedByListeners", {}},
             AttachRow{"grpc", 0, {}, "NotAllowedByListeners", {}},
             AttachRow{"clash", 0, {}, "NoMatchingListenerHostname", {}},
         }) {
        const auto attachment = attach_route(row.section, row.port, row.hostnames, offers);
        std::vector<std::size_t> listeners;
        for (const auto& at : attachment.listeners) {
            listeners.push_back(at.listener);
        }
        BOOST_TEST(attachment.reason == std::string(row.reason), row.section);
        BOOST_TEST(listeners == row.listeners, boost::test_tools::per_element());
    }
    BOOST_TEST(
        attach_route("shop", 0, {}, offers).listeners.at(0).hostnames.at(0) == "shop.example");
}

BOOST_AUTO_TEST_CASE(listeners_that_conflict) {
    const auto conflicts = listener_conflicts(
        {{80, "HTTP", "a"},
         {80, "HTTP", "b"},
         {81, "HTTP", ""},
         {81, "HTTPS", "x"},
         {82, "HTTP", "c"},
         {82, "HTTP", "c"},
         {83, "HTTPS", ""}});
    const std::vector<std::string> expected{
        "", "", "ProtocolConflict", "ProtocolConflict", "HostnameConflict", "HostnameConflict", ""};
    BOOST_TEST(
        std::vector<std::string>(conflicts.begin(), conflicts.end()) == expected,
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(weight) {
    GatewayRule rule;
    BOOST_TEST(gateway_weight_sum(rule) == 0U);
    rule.backends = {{0, 7}, {1, 0}, {2, 3}};
    BOOST_TEST(gateway_weight_sum(rule) == 10U);
    std::map<std::size_t, int> counts;
    for (std::uint64_t lot = 0; lot < 10; ++lot) {
        ++counts[gateway_choice(rule, lot)];
    }
    BOOST_TEST((counts == std::map<std::size_t, int>{{0, 7}, {2, 3}}));
}

// --- filters

BOOST_AUTO_TEST_CASE(rewrite_path) {
    using Kind = GatewayPathEdit::Kind;
    struct Row {
        Kind kind;
        const char *value, *match, *target, *expected;
    };
    for (const auto& row : {
             // The table of ReplacePrefixMatch in httproute_types.go.
             Row{Kind::Prefix, "/xyz", "/foo", "/foo/bar", "/xyz/bar"},
             Row{Kind::Prefix, "/xyz/", "/foo", "/foo/bar", "/xyz/bar"},
             Row{Kind::Prefix, "/xyz", "/foo/", "/foo/bar", "/xyz/bar"},
             Row{Kind::Prefix, "/xyz/", "/foo/", "/foo/bar", "/xyz/bar"},
             Row{Kind::Prefix, "/xyz", "/foo", "/foo", "/xyz"},
             Row{Kind::Prefix, "/xyz", "/foo", "/foo/", "/xyz/"},
             Row{Kind::Prefix, "", "/foo", "/foo/bar", "/bar"},
             Row{Kind::Prefix, "", "/foo", "/foo/", "/"},
             Row{Kind::Prefix, "", "/foo", "/foo", "/"},
             Row{Kind::Prefix, "/", "/foo", "/foo/", "/"},
             Row{Kind::Prefix, "/", "/foo", "/foo", "/"},
             Row{Kind::Prefix, "/v1", "/", "/a?b=/foo", "/v1/a?b=/foo"},
             Row{Kind::Prefix, "/v1", "/foo", "/foo/a%20b", "/v1/a%20b"},
             Row{Kind::Prefix, "/v1", "/foo", "/x/../foo/a%20b", "/v1/a%20b"},
             Row{Kind::Prefix, "/v1", "/foo", "/f%6fo/a", "/v1/a"},
             Row{Kind::Full, "/one", "/foo", "/foo/a?q", "/one?q"},
             Row{Kind::Full, "", "/foo", "/foo/a", "/"},
             Row{Kind::None, "", "/foo", "/foo//a?q", "/foo//a?q"},
         }) {
        BOOST_TEST(
            gateway_edited_target({row.kind, row.value}, prefix(row.match), row.target) ==
                row.expected,
            row.target << " of " << row.match << " by " << row.value);
    }
}

BOOST_AUTO_TEST_CASE(redirect_host_and_status_scheme_port_path) {
    const auto location = [](const GatewayRedirect& redirect, std::uint16_t port, bool tls) {
        GatewayFacts facts;
        facts.port = port;
        facts.tls = tls;
        facts.authority = "shop.example:8080";
        facts.target = "/a/b?c=d";
        return gateway_redirect_location(redirect, prefix("/a"), facts);
    };
    GatewayRedirect redirect;
    BOOST_TEST(redirect.status == 302);
    BOOST_TEST(location(redirect, 80, false) == "http://shop.example/a/b?c=d");
    BOOST_TEST(location(redirect, 8080, false) == "http://shop.example:8080/a/b?c=d");
    BOOST_TEST(location(redirect, 443, true) == "https://shop.example/a/b?c=d");
    redirect.host = "example.org";
    BOOST_TEST(location(redirect, 80, false) == "http://example.org/a/b?c=d");
    redirect.scheme = "https"; // its well-known port, not the listener's
    BOOST_TEST(location(redirect, 8080, false) == "https://example.org/a/b?c=d");
    redirect.port = 8443;
    BOOST_TEST(location(redirect, 80, false) == "https://example.org:8443/a/b?c=d");
    redirect.path = {GatewayPathEdit::Kind::Prefix, "/x"};
    BOOST_TEST(location(redirect, 80, false) == "https://example.org:8443/x/b?c=d");
}

BOOST_AUTO_TEST_CASE(https_listener_certificates) {
    GatewayListener listener{"https", "", 443, true};
    const auto covers = [](std::uint32_t certificate, std::string_view name) {
        return certificate == 7 && name == "seven.example";
    };
    BOOST_TEST(!gateway_certificate(listener, "x", covers));
    listener.certificates = {3, 7};
    BOOST_TEST(gateway_certificate(listener, "seven.example", covers).value() == 7U);
    BOOST_TEST(gateway_certificate(listener, "other.example", covers).value() == 3U);
    BOOST_TEST(gateway_certificate(listener, "", covers).value() == 3U);
}

BOOST_AUTO_TEST_CASE(matches_as_text) {
    auto match = with_method(with_headers(prefix("/api"), {{"x-a", "b"}}), "GET");
    match.query = {{"q", "1.*", true}};
    BOOST_TEST(describe(match) == "GET /api/*, header x-a: b, parameter q ~ 1.*");
    BOOST_TEST(describe(exact("/x")) == "/x");
}

BOOST_AUTO_TEST_SUITE_END()
