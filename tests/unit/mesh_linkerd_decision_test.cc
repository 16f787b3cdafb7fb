#include <boost/test/unit_test.hpp>

#include "tests/unit/mesh_linkerd_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_linkerd_test;

namespace {

Policies one_server(std::vector<AuthorizationPolicy> policies = {}) {
    Policies all;
    all.servers = {server("http", 8080)};
    all.authorization_policies = std::move(policies);
    all.mesh_tls = {
        {"shop", "web", {kWeb}, {}},
        {"shop", "refs", {}, {account("web"), {"", "Namespace", "", "other"}}}};
    all.networks = {{"shop", "pods", {range("10.1.0.0/16", {"10.1.9.0/24"})}}};
    return all;
}

Policies with_authorization(ServerAuthorization one) {
    auto all = one_server();
    one.ns = "shop";
    one.name = "saz";
    one.server = "http";
    all.server_authorizations = {std::move(one)};
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(linkerd_decisions)

// Reference 8.1, the table: who is let in by a default policy, and by the same accessPolicy.
BOOST_AUTO_TEST_CASE(default_policies) {
    struct Row {
        DefaultPolicy policy;
        bool meshed, plain, plain_outside, meshed_outside;
    };
    using P = DefaultPolicy;
    for (const auto& row : {
             Row{P::AllUnauthenticated, true, true, true, true},
             Row{P::Audit, true, true, true, true},
             Row{P::AllAuthenticated, true, false, false, true},
             Row{P::ClusterUnauthenticated, true, true, false, false},
             Row{P::ClusterAuthenticated, true, false, false, false},
             Row{P::Deny, false, false, false, false},
         }) {
        auto pod = cart();
        pod.default_policy = row.policy;
        Policies policies;
        auto by_default = govern(policies, pod, 8080, kDomain).inbound;
        policies.servers = {server("http", 8080)};
        policies.servers[0].access_policy = row.policy;
        auto by_access = govern(policies, pod, 8080, kDomain).inbound;
        for (const auto& inbound : {by_default, by_access}) {
            const auto allowed = [&](const std::string& id, const char* from) {
                const auto decision = decide(inbound, client(id, from), Speech::Tcp, nullptr);
                BOOST_TEST(decision.audit == (row.policy == P::Audit));
                return decision.allowed;
            };
            const std::string name(default_policy_name(row.policy));
            BOOST_TEST(allowed(kWeb, "10.1.0.5") == row.meshed, name);
            BOOST_TEST(allowed("", "10.1.0.5") == row.plain, name);
            BOOST_TEST(allowed("", "203.0.113.7") == row.plain_outside, name);
            BOOST_TEST(allowed(kWeb, "203.0.113.7") == row.meshed_outside, name);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_server_without_authorizations_denies) {
    const auto decision = on_http(one_server(), client(kWeb));
    BOOST_TEST(!decision.allowed);
    BOOST_TEST(decision.status == 403);
    BOOST_TEST((decision.why == Why::NotAuthorized));
    BOOST_TEST(decision.text == "Server shop/http: nothing is authorized");
    BOOST_TEST(!on_tcp(one_server(), client(kWeb)).allowed);
    // The pod itself may.
    for (const auto* local : {"127.0.0.1", "::1"}) {
        const auto own = on_http(one_server(), client("", local));
        BOOST_TEST(own.allowed);
        BOOST_TEST((own.why == Why::Localhost));
    }
}

// Reference 8.2: all required authentications must hold.
BOOST_AUTO_TEST_CASE(required_authentications) {
    struct Row {
        std::vector<Reference> required;
        std::string id, from;
        bool allowed;
    };
    for (const auto& row : {
             Row{{}, "", "203.0.113.7", true}, // an empty list is anybody
             Row{{mesh_tls("web")}, kWeb, "203.0.113.7", true},
             Row{{mesh_tls("web")}, kOther, "10.1.0.5", false},
             Row{{mesh_tls("web")}, "", "10.1.0.5", false},
             Row{{mesh_tls("refs")}, kWeb, "10.1.0.5", true},
             Row{{mesh_tls("refs")}, kOther, "10.1.0.5", true}, // by its namespace
             Row{{network("pods")}, "", "10.1.0.5", true},
             Row{{network("pods")}, "", "10.1.9.5", false}, // excepted
             Row{{network("pods")}, kWeb, "10.2.0.5", false},
             Row{{mesh_tls("web"), network("pods")}, kWeb, "10.1.0.5", true},
             Row{{mesh_tls("web"), network("pods")}, kWeb, "10.2.0.5", false},
             Row{{mesh_tls("web"), network("pods")}, "", "10.1.0.5", false},
             Row{{account("web")}, kWeb, "10.1.0.5", true},
             Row{{account("web", "other")}, kWeb, "10.1.0.5", false},
             Row{{account("app", "other")}, kOther, "10.1.0.5", true},
             Row{{mesh_tls("missing")}, kWeb, "10.1.0.5", false}, // ignored: allows nobody
         }) {
        const auto policies = one_server({policy("p", "http", row.required)});
        BOOST_TEST(on_http(policies, client(row.id, row.from)).allowed == row.allowed);
        BOOST_TEST(on_tcp(policies, client(row.id, row.from)).allowed == row.allowed);
    }
}

BOOST_AUTO_TEST_CASE(server_authorizations) {
    struct Row {
        ServerAuthorization policy;
        std::string id, from;
        bool allowed;
    };
    ServerAuthorization anybody;
    anybody.unauthenticated = true;
    ServerAuthorization tls;
    tls.unauthenticated_tls = true;
    ServerAuthorization web;
    web.identities = {kWeb};
    ServerAuthorization accounts;
    accounts.accounts = {account("web"), account("app", "other")};
    auto both = web;
    both.accounts = {account("app", "other")};
    auto near = anybody;
    near.networks = {range("10.1.0.0/16")};
    auto everywhere = anybody;
    everywhere.networks = {range("0.0.0.0/0")};
    for (const auto& row : {
             Row{anybody, "", "10.1.0.5", true},
             Row{anybody, "", "203.0.113.7", false}, // no networks: those of the cluster
             Row{everywhere, "", "203.0.113.7", true},
             Row{near, "", "10.1.0.5", true},
             Row{near, kWeb, "10.2.0.5", false},
             Row{tls, kOther, "10.1.0.5", true},
             Row{tls, "", "10.1.0.5", false},
             Row{web, kWeb, "10.1.0.5", true},
             Row{web, kWeb, "203.0.113.7", false},
             Row{web, kOther, "10.1.0.5", false},
             Row{accounts, kWeb, "10.1.0.5", true},
             Row{accounts, kOther, "10.1.0.5", true},
             Row{both, kWeb, "10.1.0.5", true},
             Row{both, kOther, "10.1.0.5", true},
             Row{ServerAuthorization{}, kWeb, "10.1.0.5", false},
         }) {
        BOOST_TEST(
            on_http(with_authorization(row.policy), client(row.id, row.from)).allowed ==
            row.allowed);
    }
}

// TLS that shows nobody: only unauthenticatedTLS is content.
BOOST_AUTO_TEST_CASE(tls_without_an_identity) {
    ConnectionFacts unknown = client("");
    unknown.tls = true;
    ServerAuthorization tls;
    tls.unauthenticated_tls = true;
    BOOST_TEST(on_tcp(with_authorization(tls), unknown).allowed);
    auto pod = cart();
    pod.default_policy = DefaultPolicy::AllAuthenticated;
    BOOST_TEST(
        !decide(govern({}, pod, 8080, kDomain).inbound, unknown, Speech::Tcp, nullptr).allowed);
}

BOOST_AUTO_TEST_CASE(everything_is_additive) {
    auto policies =
        one_server({policy("a", "http", {account("web")}), policy("b", "http", {network("pods")})});
    BOOST_TEST(
        on_http(policies, client(kWeb, "203.0.113.7")).authorization ==
        "authorizationpolicy/shop/a");
    BOOST_TEST(on_http(policies, client("")).authorization == "authorizationpolicy/shop/b");
    policies.servers[0].access_policy = DefaultPolicy::AllAuthenticated;
    BOOST_TEST(
        on_http(policies, client(kOther, "203.0.113.7")).authorization ==
        "default/all-authenticated");
    const auto denied = on_http(policies, client("", "203.0.113.7"));
    BOOST_TEST(!denied.allowed);
    BOOST_TEST(
        denied.text ==
        "Server shop/http: no authorization matches: AuthorizationPolicy shop/a: the client has no "
        "identity of the mesh; AuthorizationPolicy shop/b: 203.0.113.7 is not in 10.1.0.0/16 "
        "except "
        "10.1.9.0/24; default policy all-authenticated: the client has no identity of the mesh");
}

BOOST_AUTO_TEST_CASE(routes_decide_on_http) {
    auto policies = one_server({policy("all", "http", {account("web")})});
    auto of_route = policy("api", "");
    of_route.target = {kPolicyGroup, "HTTPRoute", "", "api"};
    policies.authorization_policies.push_back(of_route);
    policies.routes = {route("api", "http", {"/api"}), route("admin", "http", {"/admin"})};
    struct Row {
        std::string path, id;
        Why why;
        int status;
    };
    for (const auto& row : {
             Row{"/api/x", "", Why::Authorized, 0},      // by the route's own
             Row{"/admin", "", Why::NotAuthorized, 403}, // which is no other's
             Row{"/admin", kWeb, Why::Authorized, 0},    // by the Server's
             Row{"/other", kWeb, Why::NoRoute, 404},
             Row{"/apix", kWeb, Why::NoRoute, 404},
         }) {
        const auto decision = on_http(policies, client(row.id), {"GET", row.path});
        BOOST_TEST((decision.why == row.why), row.path);
        BOOST_TEST(decision.status == row.status);
        BOOST_TEST(decision.allowed == (row.status == 0));
    }
    BOOST_TEST(on_http(policies, client(""), {"GET", "/api"}).route == "shop/api");
    // Other TCP has no routes, and none of their authorizations.
    BOOST_TEST(!on_tcp(policies, client("")).allowed);
    BOOST_TEST(on_tcp(policies, client(kWeb)).allowed);
}

BOOST_AUTO_TEST_CASE(probes_pass_unless_there_are_routes) {
    auto pod = cart();
    pod.probes = {{8080, "/ready"}};
    auto policies = one_server();
    const auto asks = [&](const std::string& method, const std::string& path) {
        const OwnedRequest request{method, path};
        const auto facts = request.facts();
        return decide(
            govern(policies, pod, 8080, kDomain).inbound, client(""), Speech::Http1, &facts);
    };
    BOOST_TEST(asks("GET", "/ready").authorization == "probe");
    BOOST_TEST(!asks("POST", "/ready").allowed);
    BOOST_TEST(!asks("GET", "/ready/x").allowed);
    policies.routes = {route("all", "http", {"/"})};
    BOOST_TEST(!asks("GET", "/ready").allowed);
}

BOOST_AUTO_TEST_CASE(what_the_port_speaks) {
    struct Row {
        ProxyProtocol protocol;
        bool routes;
        Speech speech;
        bool allowed;
    };
    using P = ProxyProtocol;
    for (const auto& row : {
             Row{P::Unknown, false, Speech::Tcp, true},
             Row{P::Unknown, false, Speech::Http1, true},
             Row{P::Unknown, false, Speech::Http2, true},
             Row{P::Unknown, true, Speech::Tcp, true}, // routes are for HTTP
             Row{P::Unknown, true, Speech::Http2, false},
             Row{P::Http1, false, Speech::Http1, true},
             Row{P::Http1, false, Speech::Tcp, false},
             Row{P::Http1, false, Speech::Http2, true},
             Row{P::Http1, true, Speech::Http2, false}, // none of them takes it
             Row{P::Http2, false, Speech::Http2, true},
             Row{P::Http2, false, Speech::Http1, false},
             Row{P::Grpc, false, Speech::Http2, true},
             Row{P::Grpc, false, Speech::Tcp, false},
             Row{P::Opaque, true, Speech::Tcp, true},
             Row{P::Opaque, true, Speech::Http1, true}, // nobody looks into it
             Row{P::Tls, false, Speech::Tcp, true},
         }) {
        auto policies = one_server({policy("p", "http")});
        policies.servers[0].protocol = row.protocol;
        if (row.routes) {
            policies.routes = {route("none", "http", {"/none"})};
        }
        const OwnedRequest request;
        const auto facts = request.facts();
        const auto decision = decide(
            govern(policies, cart(), 8080, kDomain).inbound,
            client(""),
            row.speech,
            row.speech == Speech::Tcp ? nullptr : &facts);
        BOOST_TEST(decision.allowed == row.allowed, decision.text);
    }
    auto policies = one_server({policy("p", "http")});
    policies.routes = {route("all", "http", {"/"})};
    const OwnedRequest request;
    const auto facts = request.facts();
    const auto inbound = govern(policies, cart(), 8080, kDomain).inbound;
    BOOST_TEST(decide(inbound, client(""), Speech::Http2, &facts).route == "shop/all");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
