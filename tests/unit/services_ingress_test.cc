#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "services/ingress.h"

using namespace services;

namespace {

/// A table in which every path is its own backend, named as "INGRESS HOST PATH".
class RouteTable {
public:
    RouteTable& path(
        const std::string& host,
        const std::string& path,
        IngressPathType type = IngressPathType::Prefix,
        const std::string& ingress = "shop/web") {
        table_.hosts[host].paths.push_back({type, path, backend(host + path), ingress});
        return *this;
    }
    RouteTable& empty_host(const std::string& host) {
        table_.hosts[host];
        return *this;
    }
    RouteTable& host_default(const std::string& host, const std::string& name) {
        table_.hosts[host].default_backend = backend(name);
        return *this;
    }
    RouteTable& otherwise(const std::string& name) {
        table_.default_backend = backend(name);
        return *this;
    }
    IngressTable done() {
        table_.sort_paths();
        return table_;
    }

private:
    std::uint32_t backend(const std::string& name) {
        table_.backends.push_back({name, {}, {}});
        return static_cast<std::uint32_t>(table_.backends.size() - 1);
    }
    IngressTable table_;
};

/// The name of the backend that takes the request; "404" for none, "400" for a bad target.
std::string taken(const IngressTable& table, std::string_view host, std::string_view target) {
    const auto decision = route_ingress(table, host, target);
    if (!decision) {
        return "400";
    }
    return decision->backend ? table.backends.at(*decision->backend).name : "404";
}

bool path_matches(IngressPathType type, const std::string& rule, std::string_view path) {
    return ingress_path_matches({type, rule, 0, "shop/web"}, path);
}

} // namespace

BOOST_AUTO_TEST_SUITE(ingress_rules)

/// The table "Examples" of the concept page, row by row.
BOOST_AUTO_TEST_CASE(paths_match_as_the_concept_page_says) {
    struct Row {
        IngressPathType type;
        const char* rule;
        const char* path;
        bool matches;
    };
    constexpr auto kPrefix = IngressPathType::Prefix;
    constexpr auto kExact = IngressPathType::Exact;
    const std::vector<Row> rows{
        {kPrefix, "/", "/any/path", true},
        {kExact, "/foo", "/foo", true},
        {kExact, "/foo", "/bar", false},
        {kExact, "/foo", "/foo/", false},
        {kExact, "/foo/", "/foo", false},
        {kPrefix, "/foo", "/foo", true},
        {kPrefix, "/foo", "/foo/", true},
        {kPrefix, "/foo/", "/foo", true},
        {kPrefix, "/foo/", "/foo/", true},
        {kPrefix, "/aaa/bb", "/aaa/bbb", false},
        {kPrefix, "/aaa/bbb", "/aaa/bbb", true},
        {kPrefix, "/aaa/bbb/", "/aaa/bbb", true},
        {kPrefix, "/aaa/bbb", "/aaa/bbb/", true},
        {kPrefix, "/aaa/bbb", "/aaa/bbb/ccc", true},
        {kPrefix, "/aaa/bbb", "/aaa/bbbxyz", false},
        {kPrefix, "/aaa/bbb", "/AAA/bbb", false},
        {IngressPathType::ImplementationSpecific, "/aaa", "/aaa/b", true},
        {IngressPathType::ImplementationSpecific, "/aaa", "/aaab", false},
    };
    for (const auto& row : rows) {
        BOOST_TEST_CONTEXT(to_text(row.type) << ' ' << row.rule << " and " << row.path) {
            BOOST_TEST(path_matches(row.type, row.rule, row.path) == row.matches);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_longest_path_wins_then_exact_then_the_oldest) {
    const auto table = RouteTable()
                           .path("shop", "/")
                           .path("shop", "/cart")
                           .path("shop", "/cart/items", IngressPathType::Prefix)
                           .path("shop", "/cart/", IngressPathType::Exact)
                           .path("shop", "/twice", IngressPathType::Prefix, "shop/first")
                           .path("shop", "/twice", IngressPathType::Prefix, "shop/second")
                           .path("shop", "/same/")
                           .path("shop", "/same", IngressPathType::Exact)
                           .done();
    BOOST_TEST(taken(table, "shop", "/") == "shop/");
    BOOST_TEST(taken(table, "shop", "/other") == "shop/");
    BOOST_TEST(taken(table, "shop", "/cart") == "shop/cart");
    BOOST_TEST(taken(table, "shop", "/cart/") == "shop/cart/");
    BOOST_TEST(taken(table, "shop", "/cart/items/7") == "shop/cart/items");
    BOOST_TEST(route_ingress(table, "shop", "/twice")->matched->ingress == "shop/first");
    BOOST_TEST(to_text(route_ingress(table, "shop", "/same")->matched->type) == "Exact");
    BOOST_TEST(to_text(route_ingress(table, "shop", "/same/")->matched->type) == "Prefix");
}

BOOST_AUTO_TEST_CASE(hosts_are_chosen_before_paths) {
    const auto table =
        RouteTable().path("a.foo.com", "/only").path("*.foo.com", "/").path("", "/").done();
    BOOST_TEST(taken(table, "a.foo.com", "/only") == "a.foo.com/only");
    BOOST_TEST(
        taken(table, "a.foo.com", "/other") == "404"); // not the wildcard's, not the empty one's
    BOOST_TEST(taken(table, "b.foo.com", "/other") == "*.foo.com/");
    BOOST_TEST(taken(table, "a.b.foo.com", "/") == "/"); // one label, and no more
    BOOST_TEST(taken(table, "foo.com", "/") == "/");
    BOOST_TEST(taken(table, "*.foo.com", "/") == "/"); // nobody's name
    BOOST_TEST(taken(table, "", "/") == "/");
    BOOST_TEST(taken(table, "A.FOO.com:8080", "/only") == "a.foo.com/only");
    BOOST_TEST(taken(table, "a.foo.com.", "/only") == "a.foo.com/only");
    BOOST_TEST(taken(table, "[fd00::1]:80", "/x") == "/");
}

BOOST_AUTO_TEST_CASE(a_host_without_rules_of_its_own_is_not_found_where_there_is_no_empty_host) {
    const auto table = RouteTable().path("shop", "/").done();
    BOOST_TEST(taken(table, "blog", "/") == "404");
    BOOST_TEST((route_ingress(table, "blog", "/")->rule == nullptr));
}

BOOST_AUTO_TEST_CASE(default_backends) {
    const auto table = RouteTable()
                           .path("shop", "/cart")
                           .host_default("shop", "shop default")
                           .path("blog", "/posts")
                           .empty_host("all")
                           .otherwise("default")
                           .done();
    BOOST_TEST(taken(table, "shop", "/other") == "shop default");
    BOOST_TEST(taken(table, "blog", "/other") == "default");
    BOOST_TEST(taken(table, "all", "/any") == "default"); // a rule without http
    BOOST_TEST(taken(table, "unknown", "/") == "default");
}

BOOST_AUTO_TEST_CASE(targets_are_normalized_before_rules_see_them) {
    BOOST_TEST(*normalized_path("/") == "/");
    BOOST_TEST(*normalized_path("/a/b?x=/c") == "/a/b");
    BOOST_TEST(*normalized_path("/a//b///") == "/a/b/");
    BOOST_TEST(*normalized_path("/a/./b/../c") == "/a/c");
    BOOST_TEST(*normalized_path("/a/b/..") == "/a/");
    BOOST_TEST(*normalized_path("/a/..") == "/");
    BOOST_TEST(*normalized_path("/%61dmin%2Fx") == "/admin/x");
    BOOST_TEST(*normalized_path("/a%2e%2e") == "/a..");
    BOOST_TEST(*normalized_path("/100%") == "/100%");
    BOOST_TEST(*normalized_path("/%zz") == "/%zz");
    BOOST_TEST(!normalized_path("/.."));
    BOOST_TEST(!normalized_path("/a/%2e%2e/../b"));
    BOOST_TEST(!normalized_path("/a%00b"));
    BOOST_TEST(!normalized_path("*"));
    BOOST_TEST(!normalized_path(""));
    const auto table = RouteTable().path("", "/admin").path("", "/").done();
    BOOST_TEST(taken(table, "x", "/public/../%61dmin/users") == "/admin");
    BOOST_TEST(taken(table, "x", "/../admin") == "400");
}

BOOST_AUTO_TEST_CASE(certificates_go_by_server_name) {
    IngressTable table;
    table.certificates = {
        {"shop/wild", {"*.example"}, {}, {}},
        {"shop/exact", {"shop.example"}, {}, {}},
        {"shop/later", {"shop.example"}, {}, {}},
    };
    const auto secret = [&table](std::string_view name) {
        const auto* found = ingress_certificate(table, name);
        return found == nullptr ? std::string("none") : found->secret;
    };
    BOOST_TEST(secret("shop.example") == "shop/exact");
    BOOST_TEST(secret("blog.example") == "shop/wild");
    BOOST_TEST(secret("a.blog.example") == "none");
    BOOST_TEST(secret("example") == "none");
    BOOST_TEST(secret("") == "none");
}

BOOST_AUTO_TEST_SUITE_END()
