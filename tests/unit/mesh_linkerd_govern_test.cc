#include <boost/test/unit_test.hpp>

#include "tests/unit/mesh_linkerd_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_linkerd_test;

namespace {

std::string governs(const std::vector<Server>& servers, std::uint16_t port) {
    Policies policies;
    policies.servers = servers;
    return govern(policies, cart(), port, kDomain).inbound.reference();
}

Policies with_policy(AuthorizationPolicy one) {
    Policies policies;
    policies.servers = {server("http", 8080)};
    policies.authorization_policies = {std::move(one)};
    policies.mesh_tls = {
        {"shop", "web", {kWeb}, {}},
        {"other", "all", {"*"}, {}},
        {"shop", "none", {}, {}},
        {"shop", "bad", {kWeb}, {{"", "Pod", "", "p"}}}};
    policies.networks = {{"shop", "pods", {range("10.1.0.0/16")}}, {"shop", "empty", {}}};
    return policies;
}

/// Why the policy is ignored; "" if it is not.
std::string problem(std::vector<Reference> required) {
    const auto policies = with_policy(policy("p", "http", std::move(required)));
    const auto result = govern(policies, cart(), 8080, kDomain);
    BOOST_TEST(result.ignored.size() + result.inbound.authorizations.size() == 1U);
    return result.ignored.empty() ? "" : result.ignored.front();
}

} // namespace

BOOST_AUTO_TEST_SUITE(linkerd_governing)

// Reference 8.1.
BOOST_AUTO_TEST_CASE(which_server_governs_a_port) {
    BOOST_TEST(governs({}, 8080) == "default/all-unauthenticated");
    BOOST_TEST(governs({server("http", 8080)}, 8080) == "server/shop/http");
    BOOST_TEST(governs({server("http", 8080)}, 8081) == "default/all-unauthenticated");
    auto named = server("named", 0);
    named.port_name = "redis";
    BOOST_TEST(governs({named}, 6379) == "server/shop/named");
    BOOST_TEST(governs({named}, 8080) == "default/all-unauthenticated");
    auto elsewhere = server("http", 8080);
    elsewhere.ns = "other";
    BOOST_TEST(governs({elsewhere}, 8080) == "default/all-unauthenticated");
    auto external = server("http", 8080);
    external.for_pods = false;
    BOOST_TEST(governs({external}, 8080) == "default/all-unauthenticated");
    auto others_pods = server("http", 8080);
    others_pods.pods.match_labels = {{"app", "web"}};
    BOOST_TEST(governs({others_pods}, 8080) == "default/all-unauthenticated");
    auto all_pods = server("http", 8080);
    all_pods.pods = {};
    BOOST_TEST(governs({all_pods}, 8080) == "server/shop/http");
}

BOOST_AUTO_TEST_CASE(of_several_servers_the_oldest_then_the_first_by_name) {
    const auto old = server("z", 8080, "2026-01-01T00:00:00Z");
    const auto late = server("a", 8080, "2026-01-02T00:00:00Z");
    const auto twin = server("b", 8080, "2026-01-02T00:00:00Z");
    BOOST_TEST(governs({late, old, twin}, 8080) == "server/shop/z");
    BOOST_TEST(governs({twin, late}, 8080) == "server/shop/a");
    Policies policies;
    policies.servers = {late, twin, old};
    const auto others = govern(policies, cart(), 8080, kDomain).others;
    BOOST_TEST(
        others == (std::vector<std::string>{"shop/a", "shop/b"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(default_policy_of_the_pod) {
    auto pod = cart();
    pod.default_policy = DefaultPolicy::ClusterUnauthenticated;
    pod.opaque_ports = {6379};
    pod.identity_ports = {8080};
    pod.probes = {{8080, "/ready"}, {9090, "/live"}};
    const Policies none;
    const auto http = govern(none, pod, 8080, kDomain).inbound;
    BOOST_TEST(http.reference() == "default/cluster-authenticated"); // the port wants an identity
    BOOST_TEST(
        http.probe_paths == (std::vector<std::string>{"/ready"}), boost::test_tools::per_element());
    BOOST_TEST((http.protocol == ProxyProtocol::Unknown));
    const auto redis = govern(none, pod, 6379, kDomain).inbound;
    BOOST_TEST(redis.reference() == "default/cluster-unauthenticated");
    BOOST_TEST((redis.protocol == ProxyProtocol::Opaque));
    pod.default_policy = DefaultPolicy::Deny; // which an identity does not soften
    BOOST_TEST(govern(none, pod, 8080, kDomain).inbound.reference() == "default/deny");
}

// Reference 8.2: a reference that does not resolve, and what cannot be together.
BOOST_AUTO_TEST_CASE(policies_that_are_ignored) {
    BOOST_TEST(problem({}) == "");
    BOOST_TEST(problem({mesh_tls("web")}) == "");
    BOOST_TEST(problem({mesh_tls("all", "other"), network("pods")}) == "");
    BOOST_TEST(problem({account("web")}) == "");
    const std::string ap = "AuthorizationPolicy shop/p: ";
    BOOST_TEST(problem({mesh_tls("all")}) == ap + "there is no MeshTLSAuthentication shop/all");
    BOOST_TEST(
        problem({mesh_tls("web"), network("web")}) ==
        ap + "there is no NetworkAuthentication shop/web");
    BOOST_TEST(problem({network("empty")}) == ap + "there is no NetworkAuthentication shop/empty");
    BOOST_TEST(problem({mesh_tls("none")}) == ap + "its MeshTLSAuthentication names no identities");
    BOOST_TEST(problem({mesh_tls("bad")}) == ap + "its MeshTLSAuthentication names no identities");
    BOOST_TEST(
        problem({mesh_tls("web"), account("web")}) ==
        ap + "it requires two identities (MeshTLSAuthentication or ServiceAccount); one is all");
    BOOST_TEST(
        problem({network("pods"), network("pods")}) ==
        ap + "it requires two NetworkAuthentications; one is all");
    BOOST_TEST(
        problem({{"security.istio.io", "PeerAuthentication", "", "x"}}) ==
        ap + "a PeerAuthentication of security.istio.io is no authentication");
}

BOOST_AUTO_TEST_CASE(which_policies_are_for_a_server) {
    Policies policies;
    policies.servers = {server("http", 8080)};
    policies.servers[0].labels = {{"tier", "back"}};
    auto of_namespace = policy("ns", "");
    of_namespace.target = {"", "Namespace", "", "shop"};
    auto core = of_namespace;
    core.name = "core";
    core.target.group = "core";
    auto elsewhere = policy("elsewhere", "http");
    elsewhere.ns = "other";
    policies.authorization_policies = {
        core, elsewhere, of_namespace, policy("other-server", "redis"), policy("server", "http")};
    ServerAuthorization by_name{"shop", "name", "http", {}, {}, true, false, {}, {}};
    ServerAuthorization by_labels{
        "shop", "labels", "", {{{"tier", "back"}}, {}}, {}, true, false, {}, {}};
    ServerAuthorization by_others{
        "shop", "others", "", {{{"tier", "x"}}, {}}, {}, true, false, {}, {}};
    ServerAuthorization nobody{"shop", "nobody", "http", {}, {}, false, false, {}, {}};
    policies.server_authorizations = {by_labels, by_name, nobody, by_others};
    const auto result = govern(policies, cart(), 8080, kDomain);
    std::vector<std::string> names;
    for (const auto& one : result.inbound.authorizations) {
        names.push_back(one.name);
    }
    BOOST_TEST(
        names == (std::vector<std::string>{
                     "serverauthorization/shop/labels",
                     "serverauthorization/shop/name",
                     "authorizationpolicy/shop/core",
                     "authorizationpolicy/shop/ns",
                     "authorizationpolicy/shop/server"}),
        boost::test_tools::per_element());
    BOOST_TEST_REQUIRE(result.ignored.size() == 1U);
    BOOST_TEST(
        result.ignored[0] ==
        "ServerAuthorization shop/nobody: its client is neither unauthenticated nor of meshTLS");
}

BOOST_AUTO_TEST_CASE(routes_of_a_server) {
    Policies policies;
    policies.servers = {server("http", 8080), server("redis", 6379)};
    auto gateway = route("gateway", "http", {"/"});
    gateway.group = kGatewayGroup;
    auto of_service = route("service", "http", {"/"});
    of_service.parents = {{"", "Service", "", "http"}};
    auto elsewhere = route("elsewhere", "http", {"/"});
    elsewhere.ns = "other";
    elsewhere.parents[0].ns = "shop"; // no route crosses namespaces here
    policies.routes = {
        gateway, of_service, elsewhere, route("own", "http", {"/"}), route("r", "redis", {"/"})};
    auto by_group = policy("group", "");
    by_group.target = {kGatewayGroup, "HTTPRoute", "", "gateway"};
    auto by_other_group = policy("other-group", "");
    by_other_group.target = {kPolicyGroup, "HTTPRoute", "", "gateway"};
    policies.authorization_policies = {by_group, by_other_group};
    const auto result = govern(policies, cart(), 8080, kDomain).inbound;
    BOOST_TEST(result.authorizations.empty());
    BOOST_TEST_REQUIRE(result.routes.size() == 2U);
    BOOST_TEST(result.routes[0].table.name == "shop/gateway");
    BOOST_TEST_REQUIRE(result.routes[0].authorizations.size() == 1U);
    BOOST_TEST(result.routes[0].authorizations[0].name == "authorizationpolicy/shop/group");
    BOOST_TEST(result.routes[1].authorizations.empty());
}

BOOST_AUTO_TEST_CASE(names_of_protocols_and_policies) {
    for (const auto* name : {"unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"}) {
        BOOST_TEST(proxy_protocol_name(parse_proxy_protocol(name).value()) == name);
    }
    BOOST_TEST(!parse_proxy_protocol("http"));
    for (const auto* name :
         {"all-unauthenticated",
          "all-authenticated",
          "cluster-unauthenticated",
          "cluster-authenticated",
          "audit",
          "deny"}) {
        BOOST_TEST(default_policy_name(parse_default_policy(name).value()) == name);
    }
    BOOST_TEST(!parse_default_policy("allow"));
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
