#include <boost/test/unit_test.hpp>

#include "labctl/compile/sidecars.h"
#include "labctl/explain/describe_mesh.h"
#include "labctl/explain/linkerd_lint.h"
#include "labctl/explain/mesh.h"
#include "labctl/explain/mesh_denial.h"
#include "tests/unit/compile_service_fixture.h"

// What people are told of a mesh of Linkerd.

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
using api::at;
using api::string_at;

namespace {

ClusterConfig told_config() {
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["dns"] = {{"enabled", false}};
    lab.body["spec"]["mesh"] = {{"profile", "linkerd"}};
    return ClusterConfig::from_lab(lab);
}

/// Pods default/web and default/cart with proxies, default/old without, Service cart.
struct ToldLab : ServiceLab {
    ToldLab() : ServiceLab(told_config()) {
        apply(object_of(R"({"apiVersion":"v1","kind":"Namespace",
            "metadata":{"name":"default","annotations":{"linkerd.io/inject":"enabled"}}})"));
        for (const auto* name : {"web", "cart", "old"}) {
            auto pod = bare_pod(name, name);
            if (std::string(name) == "old") {
                pod.body["metadata"]["annotations"]["linkerd.io/inject"] = "disabled";
            }
            apply(std::move(pod));
        }
        apply(object_of(
            R"({"apiVersion":"v1","kind":"Service","metadata":{"namespace":"default","name":"cart"},
            "spec":{"selector":{"app":"cart"},"ports":[{"port":80,"targetPort":8080}]}})"));
        run_all();
        sidecars = std::make_unique<Sidecars>(store, cluster.config());
        (void)sidecars->update();
    }
    void policy(
        const char* kind,
        const char* name,
        const std::string& spec,
        const char* version = "v1alpha1") {
        apply(object_of(
            std::string(R"({"apiVersion":"policy.linkerd.io/)") + version + R"(","kind":")" + kind +
            R"(","metadata":{"namespace":"default","name":")" + name + R"("},"spec":)" + spec +
            "}"));
        (void)sidecars->update();
    }
    void server(const char* name, const std::string& more = "") {
        policy(
            "Server",
            name,
            R"({"podSelector":{"matchLabels":{"app":"cart"}},"port":8080)" + more + "}",
            "v1beta3");
    }
    void allow(const char* name, const std::string& required) {
        policy(
            "AuthorizationPolicy",
            name,
            R"({"targetRef":{"group":"policy.linkerd.io","kind":"Server","name":"http"},"requiredAuthenticationRefs":[)" +
                required + "]}");
    }
    api::Json describe(const char* kind, const char* name) {
        return describe_mesh(store, cluster.config(), sidecars->table(), {kind, "default", name});
    }
    std::optional<MeshDenial> denial(const std::string& from) {
        MeshAttempt attempt;
        attempt.from = "default/" + from;
        attempt.source = address_of(from);
        attempt.remote = {address_of("cart"), 8080};
        attempt.authority = "cart";
        return MeshDenials(store, sidecars->table()).of(attempt);
    }
    netemu::IpAddress address_of(const std::string& pod) {
        const auto object = store.get({"Pod", "default", pod});
        return netemu::IpAddress::parse(string_at(object->body, "status.podIP")).value();
    }
    std::vector<std::string> lint() {
        std::vector<std::string> told;
        for (const auto& finding : lint_linkerd(store, cluster.config())) {
            told.push_back(
                std::string(api::plain_kind(finding.object->kind())) + " " +
                finding.object->name() + " " + finding.path + ": " + finding.message);
        }
        return told;
    }

    std::unique_ptr<Sidecars> sidecars;
};

const std::string kAsWeb = R"({"kind":"ServiceAccount","name":"default"})";

} // namespace

BOOST_AUTO_TEST_CASE(pods_of_linkerd_are_described) {
    ToldLab lab;
    lab.server("http");
    const auto cart = lab.describe("Pod", "cart");
    BOOST_TEST(
        string_at(cart, "id") == "default.default.serviceaccount.identity.linkerd.cluster.local");
    BOOST_TEST(string_at(cart["ports"][0], "governs") == "Server default/http");
    BOOST_TEST(cart["ports"][0]["authorizations"].empty());
    BOOST_TEST(string_at(cart, "others.default") == "all-unauthenticated");
    const auto old = lab.describe("Pod", "old");
    BOOST_TEST(!api::bool_at(old, "sidecar", true));
    BOOST_TEST(string_at(old, "why") == "its annotation linkerd.io/inject is disabled");
    BOOST_TEST(lab.describe("Service", "cart").is_null());
}

BOOST_AUTO_TEST_CASE(servers_and_policies_are_described) {
    ToldLab lab;
    lab.server("http");
    lab.allow("all", "");
    lab.allow(
        "broken", R"({"group":"policy.linkerd.io","kind":"MeshTLSAuthentication","name":"gone"})");
    const auto server = lab.describe("Server", "http");
    BOOST_REQUIRE(server["pods"].size() == 1U);
    BOOST_TEST(string_at(server["pods"][0], "pod") == "default/cart");
    BOOST_REQUIRE(server["authorizations"].size() == 1U);
    BOOST_TEST(string_at(server["authorizations"][0], "text") == "anybody");
    BOOST_REQUIRE(server["ignored"].size() == 1U);
    const auto broken = lab.describe("AuthorizationPolicy.policy.linkerd.io", "broken");
    BOOST_TEST(string_at(broken, "problem") == "there is no MeshTLSAuthentication default/gone");
    const auto all = lab.describe("AuthorizationPolicy.policy.linkerd.io", "all");
    BOOST_TEST(all["targets"][0] == "Server default/http");
    BOOST_TEST(string_at(all, "problem").empty());
}

BOOST_AUTO_TEST_CASE(denials_of_linkerd_name_what_governs) {
    ToldLab lab;
    BOOST_TEST(!lab.denial("web"));
    BOOST_TEST(!lab.denial("old"));
    lab.server("http");
    const auto nobody = lab.denial("web");
    BOOST_REQUIRE(nobody);
    BOOST_TEST(nobody->by == "server/default/http");
    lab.allow("web", kAsWeb);
    BOOST_TEST(!lab.denial("web")); // proved, though it called the pod's address
    const auto old = lab.denial("old");
    BOOST_REQUIRE(old);
    const std::vector<std::string> wanted{"server/default/http", "authorizationpolicy/default/web"};
    BOOST_TEST(old->policies == wanted, boost::test_tools::per_element());
    BOOST_TEST(old->text.find("the client has no identity of the mesh") != std::string::npos);
    BOOST_TEST(!lab.denial("cart")); // a pod speaks to itself without being asked
}

BOOST_AUTO_TEST_CASE(policies_of_linkerd_that_are_hardly_meant) {
    ToldLab lab;
    BOOST_TEST(lab.lint().empty());
    lab.server("http");
    lab.server("later", R"(,"accessPolicy":"all-authenticated")");
    lab.allow(
        "broken", R"({"group":"policy.linkerd.io","kind":"NetworkAuthentication","name":"gone"})");
    lab.policy(
        "Server",
        "empty",
        R"({"podSelector":{"matchLabels":{"app":"x"}},"port":1,"accessPolicy":"audit"})",
        "v1beta3");
    lab.policy(
        "Server",
        "bare",
        R"({"podSelector":{"matchLabels":{"app":"old"}},"port":1,"accessPolicy":"audit"})",
        "v1beta3");
    lab.policy(
        "Server",
        "named",
        R"({"podSelector":{"matchLabels":{"app":"cart"}},"port":"nope","accessPolicy":"audit"})",
        "v1beta3");
    lab.policy(
        "ServerAuthorization",
        "saz",
        R"({"server":{"name":"nope"},"client":{"meshTLS":{"identities":["x*","cluster.local/ns/a/sa/b"]}}})",
        "v1beta1");
    lab.policy(
        "MeshTLSAuthentication",
        "mtls",
        R"({"identityRefs":[{"kind":"ServiceAccount","name":"nobody"}]})");
    lab.policy(
        "HTTPRoute",
        "route",
        R"({"parentRefs":[{"kind":"Server","group":"policy.linkerd.io","name":"nope"}]})",
        "v1beta3");
    const auto told = lab.lint();
    const auto has = [&](const std::string& text) {
        BOOST_TEST(
            std::any_of(
                told.begin(),
                told.end(),
                [&](const auto& one) { return one.find(text) != std::string::npos; }),
            text);
    };
    has("Server http spec: nothing authorizes anybody to connect");
    has("Server later spec.port: port 8080 of pod default/cart is governed by Server default/http");
    has("Server empty spec.podSelector: it selects no pod of namespace default");
    has("Server bare spec.podSelector: no pod that it selects has a proxy");
    has("Server named spec.port: no pod that it selects has a port of TCP with the name nope");
    has("AuthorizationPolicy broken spec.requiredAuthenticationRefs: the policy is ignored, and "
        "authorizes nobody: "
        "there is no NetworkAuthentication default/gone");
    has("ServerAuthorization saz spec.server.name: there is no Server default/nope");
    has("ServerAuthorization saz spec.client.meshTLS.identities[0]: 'x*' matches nobody");
    has("ServerAuthorization saz spec.client.meshTLS.identities[1]: 'cluster.local/ns/a/sa/b' is a "
        "principal of Istio");
    has("MeshTLSAuthentication mtls spec.identityRefs[0].name: there is no ServiceAccount "
        "default/nobody");
    has("HTTPRoute route spec.parentRefs[0].name: there is no Server default/nope");
    BOOST_TEST(told.size() == 11U);
}

// The chain of stories, without the rules of nodes.
BOOST_AUTO_TEST_CASE(requests_of_linkerd_are_explained) {
    ToldLab lab;
    lab.server("http", R"(,"proxyProtocol":"HTTP/1")");
    lab.allow("web", kAsWeb);
    const auto explain = [&](const std::string& from) {
        const auto cart = lab.address_of("cart").to_string() + ":8080";
        api::Json way{
            {"from", {{"name", "default/" + from}, {"address", lab.address_of(from).to_string()}}},
            {"to", {{"address", cart}, {"protocol", "TCP"}}},
            {"branches", {{{"result", cart}, {"probability", 1.0}}}},
            {"outcome", "endpoint"}};
        ExplainQuestion question;
        question.from = "default/" + from;
        question.to = "http://" + cart + "/api?x=1";
        question.method = "GET";
        explain_mesh(way, {lab.store, lab.cluster.config(), lab.sidecars->table()}, question);
        return way.at("mesh");
    };
    const auto web = explain("web");
    BOOST_TEST(string_at(web, "outcome") == "endpoint");
    BOOST_TEST(string_at(web, "outbound.chain") == "PROXY_INIT_OUTPUT");
    BOOST_TEST(string_at(web["endpoints"][0], "tls") == "mTLS");
    const auto& story = web["inbound"][0];
    BOOST_TEST(string_at(story, "governs") == "Server default/http");
    BOOST_TEST(api::bool_at(story["policies"][0], "matches", false));
    BOOST_TEST(string_at(story, "application.client") == lab.address_of("cart").to_string());
    const auto old = explain("old");
    BOOST_TEST(string_at(old, "outcome") == "denied");
    BOOST_TEST(string_at(old["inbound"][0], "verdict.answer") == "403, without a body");
    BOOST_TEST(string_at(old["inbound"][0], "verdict.by") == "server/default/http");
}
// NOLINTEND
