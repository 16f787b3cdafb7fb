#include <boost/test/unit_test.hpp>

#include "labctl/explain/mesh.h"
#include "labctl/explain/url.h"
#include "netemu/base/error.h"
#include "tests/unit/explain_mesh_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::test;
using api::string_at;

namespace {

constexpr const char* kFrontend = "spiffe://cluster.local/ns/shop/sa/frontend";
constexpr const char* kBackend = "spiffe://cluster.local/ns/shop/sa/backend";
const std::string kStrict = authentication_yaml("shop", "default", "{mtls: {mode: STRICT}}");

std::string tls_of(const api::Json& answer, const char* what = "tls") {
    return string_at(answer["mesh"]["endpoints"].at(0), what);
}

} // namespace

BOOST_AUTO_TEST_SUITE(explain_mesh)

BOOST_AUTO_TEST_CASE(a_url_is_taken_apart) {
    struct Row {
        const char *url, *connection, *host, *target;
    };
    for (const auto& row : {
             Row{"http://web", "web:80", "web", "/"},
             Row{"https://web/a?b", "web:443", "web", "/a?b"},
             Row{"http://web.shop:8080/a", "web.shop:8080", "web.shop", "/a"},
             Row{"http://[fd00::7]/a", "[fd00::7]:80", "fd00::7", "/a"},
             Row{"http://[fd00::7]:81?x", "[fd00::7]:81", "fd00::7", "/?x"},
             Row{"http://pod:shop/web-1:8080/a/b", "pod:shop/web-1:8080", "pod:shop/web-1", "/a/b"},
             Row{"http://pod:web-1", "pod:web-1:80", "pod:web-1", "/"},
         }) {
        const auto asked = explain::read_asked_url(row.url);
        BOOST_TEST(asked.connection() == row.connection, row.url);
        BOOST_TEST(asked.host() == row.host, row.url);
        BOOST_TEST(asked.target == row.target, row.url);
    }
    BOOST_CHECK_THROW((void)explain::read_asked_url("http:///a"), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(the_whole_story) {
    MeshLab lab(
        kStrict +
        authorization_yaml(
            "shop",
            "backend",
            "{selector: {matchLabels: {app: backend}}, rules: [{from: [{source: {principals: "
            "[cluster.local/ns/shop/sa/frontend]}}], to: [{operation: {methods: [GET]}}]}]}"));
    const auto answer = lab.explain("frontend", "http://backend/a?b=c");
    const auto& mesh = answer["mesh"];
    BOOST_TEST(answer["outcome"] == "endpoint");
    BOOST_TEST(mesh["outcome"] == "endpoint");
    BOOST_TEST(mesh["request"]["path"] == "/a?b=c");
    BOOST_TEST(mesh["request"]["assumed"] == false);
    BOOST_TEST(mesh["from"]["id"] == kFrontend);
    const auto& outbound = mesh["outbound"];
    BOOST_TEST(outbound["redirect"] == 15001);
    BOOST_TEST(outbound["cluster"] == "outbound|80||backend.shop.svc.cluster.local");
    BOOST_TEST(outbound["sni"] == "outbound_.80_._.backend.shop.svc.cluster.local");
    BOOST_TEST(outbound["serverIds"] == api::Json({kBackend}));
    BOOST_TEST(outbound["protocol"] == "HTTP");
    BOOST_TEST(outbound["protocolWhy"] == "the port's name, http");
    BOOST_TEST(mesh["endpoints"].size() == 2U);
    BOOST_TEST(mesh["endpoints"][0]["share"] == 0.5);
    BOOST_TEST(tls_of(answer) == "mTLS");
    BOOST_TEST(tls_of(answer, "why") == "a sidecar there, mode STRICT");
    BOOST_REQUIRE(mesh["inbound"].size() == 1U); // both pods do the same
    const auto& story = mesh["inbound"][0];
    BOOST_TEST(story["pods"].size() == 2U);
    BOOST_TEST(story["redirect"] == 15006);
    BOOST_TEST(story["port"] == 8080);
    BOOST_TEST(story["mtls"]["mode"] == "STRICT");
    BOOST_TEST(story["mtls"]["policy"] == "shop/default");
    BOOST_TEST(story["mtls"]["scope"] == "namespace");
    BOOST_TEST(story["identity"] == kFrontend);
    BOOST_TEST(story["policies"][0]["matches"] == true);
    BOOST_TEST(story["policies"][0]["rule"] == 1);
    BOOST_TEST(story["verdict"]["rule"] == "ns[shop]-policy[backend]-rule[0]");
    BOOST_TEST(story["application"]["client"] == "127.0.0.6");
    BOOST_TEST(
        string_at(story, "application.xfcc") ==
        std::string("By=") + kBackend +
            ";Hash=<SHA-256 of the client's certificate>;Subject=\"\";URI=" + kFrontend);

    const auto denied = lab.explain("frontend", "http://backend/", "POST");
    BOOST_TEST(denied["outcome"] == "denied");
    const auto& refused = denied["mesh"]["inbound"][0];
    BOOST_TEST(refused["verdict"]["answer"] == "403 RBAC: access denied");
    BOOST_TEST(refused["policies"][0]["matches"] == false);
    BOOST_TEST(refused["policies"][0]["text"] == "rule 1: methods GET: it is POST");
    BOOST_TEST(refused["application"].is_null());
}

// Reference 3: the table of modes and first bytes.
BOOST_AUTO_TEST_CASE(modes_and_who_comes) {
    struct Row {
        const char *mode, *from, *tls;
        bool accepted;
        bool identity;
    };
    for (const auto& row : {
             Row{"STRICT", "frontend", "mTLS", true, true},
             Row{"STRICT", "legacy/old", "plaintext", false, false},
             Row{"STRICT", "external", "plaintext", false, false},
             Row{"PERMISSIVE", "frontend", "mTLS", true, true},
             Row{"PERMISSIVE", "legacy/old", "plaintext", true, false},
             Row{"DISABLE", "frontend", "plaintext", true, false},
             Row{"DISABLE", "legacy/old", "plaintext", true, false},
         }) {
        MeshLab lab(authentication_yaml(
            "shop", "default", std::string("{mtls: {mode: ") + row.mode + "}}"));
        const auto answer = lab.explain(row.from, "http://backend.shop/");
        const auto& story = answer["mesh"]["inbound"].at(0);
        BOOST_TEST_CONTEXT(row.mode << " from " << row.from) {
            BOOST_TEST(tls_of(answer) == row.tls);
            BOOST_TEST(story["mtls"]["accepted"] == row.accepted);
            BOOST_TEST(story["identity"].is_null() != row.identity);
            BOOST_TEST((answer["outcome"] == "endpoint") == row.accepted);
            BOOST_TEST(
                string_at(story, "verdict.answer") == (row.accepted ? "" : "connection reset"));
        }
    }
}

BOOST_AUTO_TEST_CASE(who_decides_the_mode) {
    MeshLab lab(
        authentication_yaml("istio-system", "mesh", "{mtls: {mode: STRICT}}") +
        authentication_yaml(
            "shop",
            "backend",
            "{selector: {matchLabels: {app: backend}}, mtls: {mode: PERMISSIVE}, portLevelMtls: "
            "{9000: {mode: DISABLE}}}"));
    const auto scope = [&](const char* from, const char* to) {
        const auto story = lab.inbound(from, to);
        return string_at(story, "mtls.mode") + " " + string_at(story, "mtls.policy") + " " +
               string_at(story, "mtls.scope");
    };
    BOOST_TEST(scope("frontend", "backend:80") == "PERMISSIVE shop/backend workload");
    BOOST_TEST(scope("frontend", "backend:9000") == "DISABLE shop/backend port");
    BOOST_TEST(scope("frontend", "pod:shop/frontend:1234") == "STRICT istio-system/mesh mesh");
    MeshLab none;
    BOOST_TEST(string_at(none.inbound("frontend", "backend:80"), "mtls.scope") == "default");
}

// 6.4, and what becomes of it at both ends.
BOOST_AUTO_TEST_CASE(protocols) {
    MeshLab lab;
    struct Row {
        const char *to, *protocol, *spoken, *why;
    };
    for (const auto& row : {
             Row{"http://backend/", "HTTP", "HTTP", "the port's name, http"},
             Row{"backend:80", "HTTP", "HTTP", "the port's name, http"},
             Row{"http://backend:9000/", "TCP", "TCP", "the port's name, tcp"},
             Row{"backend:7000",
                 "detect",
                 "TCP",
                 "neither appProtocol nor the port's name says, so the first bytes do"},
             Row{"http://backend:7000/",
                 "detect",
                 "HTTP",
                 "neither appProtocol nor the port's name says, so the first bytes do"},
         }) {
        const auto mesh = lab.explain("frontend", row.to)["mesh"];
        BOOST_TEST(mesh["outbound"]["protocol"] == row.protocol, row.to);
        BOOST_TEST(mesh["outbound"]["spoken"] == row.spoken, row.to);
        BOOST_TEST(mesh["outbound"]["protocolWhy"] == row.why, row.to);
        BOOST_TEST(mesh["inbound"][0]["spoken"] == row.spoken, row.to);
    }
    BOOST_TEST(lab.explain("frontend", "backend:80")["mesh"]["request"]["assumed"] == true);
    BOOST_TEST(lab.explain("frontend", "backend:80")["mesh"]["request"]["host"] == "backend");
    BOOST_TEST(!lab.explain("frontend", "backend:9000")["mesh"].contains("request"));
}

BOOST_AUTO_TEST_CASE(tls_of_the_applications_own) {
    MeshLab lab;
    const auto answer = lab.explain("frontend", "https://backend:80/");
    BOOST_TEST(answer["outcome"] == "denied");
    BOOST_TEST(answer["mesh"]["inbound"].empty());
    BOOST_TEST(lab.explain("frontend", "https://backend:9000/")["outcome"] == "endpoint");
    // without a sidecar at the client, the server's meets it
    const auto story = lab.inbound("legacy/old", "https://backend.shop:80/");
    BOOST_TEST(story["mtls"]["accepted"] == false);
    BOOST_TEST(lab.inbound("legacy/old", "https://backend.shop:9000/")["spoken"] == "TCP");
    MeshLab strict(kStrict);
    BOOST_TEST(
        strict.inbound("legacy/old", "https://backend.shop:9000/")["mtls"]["accepted"] == false);
    MeshLab off(authentication_yaml("shop", "default", "{mtls: {mode: DISABLE}}"));
    BOOST_TEST(off.inbound("legacy/old", "https://backend.shop:80/")["mtls"]["accepted"] == true);
}

BOOST_AUTO_TEST_CASE(a_pods_own_address_is_passed_through) {
    MeshLab lab(kStrict);
    const auto pod = lab.pod_of("shop", "backend");
    const auto answer = lab.explain("frontend", "http://pod:" + pod + ":8080/a");
    BOOST_TEST(answer["mesh"]["outbound"]["kind"] == "passthrough");
    BOOST_TEST(answer["mesh"]["outbound"]["cluster"] == "PassthroughCluster");
    BOOST_TEST(tls_of(answer) == "plaintext");
    BOOST_TEST(answer["outcome"] == "denied");
    // a headless Service knows the pod by its address
    const auto headless = lab.explain("frontend", "pod:" + pod + ":5432");
    BOOST_TEST(headless["mesh"]["outbound"]["kind"] == "cluster");
    BOOST_TEST(tls_of(headless) == "mTLS");
    BOOST_TEST(headless["outcome"] == "endpoint");
}

BOOST_AUTO_TEST_CASE(no_sidecar_at_the_other_end) {
    MeshLab lab;
    const auto answer = lab.explain("frontend", "http://plain.legacy/");
    BOOST_TEST(tls_of(answer) == "plaintext");
    BOOST_TEST(tls_of(answer, "why") == "no sidecar there");
    const auto& story = answer["mesh"]["inbound"][0];
    BOOST_TEST(story["sidecar"] == false);
    BOOST_TEST(story["why"] == "its namespace legacy has no label istio-injection=enabled");
    BOOST_TEST(answer["outcome"] == "endpoint");
    // nobody of the mesh has to do with it, so nothing is told, but of a URL
    BOOST_TEST(!lab.explain("legacy/old", "plain.legacy:80").contains("mesh"));
    BOOST_TEST(lab.explain("legacy/old", "http://plain.legacy/").contains("mesh"));
    BOOST_TEST(!lab.explain("frontend", "192.0.2.1:53/udp").contains("mesh"));
}

BOOST_AUTO_TEST_CASE(policies_in_the_order_in_which_they_are_asked) {
    MeshLab lab(
        authorization_yaml("shop", "a-allow", "{rules: [{}]}") +
        authorization_yaml("shop", "b-audit", "{action: AUDIT, rules: [{}]}") +
        authorization_yaml(
            "shop", "c-deny", "{action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}") +
        authorization_yaml("istio-system", "d-all", "{rules: [{}]}") +
        authorization_yaml("legacy", "elsewhere", "{action: DENY, rules: [{}]}"));
    std::string order;
    const auto story = lab.inbound("frontend", "http://backend/y");
    for (const auto& policy : story["policies"]) {
        order += string_at(policy, "action") + " " + string_at(policy, "policy") + " " +
                 (policy["matches"] == true ? "yes" : "no") + "\n";
    }
    BOOST_TEST(
        order == "DENY shop/c-deny no\nALLOW istio-system/d-all yes\nALLOW shop/a-allow yes\n"
                 "AUDIT shop/b-audit yes\n");
    BOOST_TEST(story["verdict"]["allowed"] == true);
    BOOST_TEST(lab.inbound("frontend", "http://backend/x")["verdict"]["allowed"] == false);
    // what policies are asked with is the normalized path
    BOOST_TEST(lab.inbound("frontend", "http://backend/a/../x")["verdict"]["allowed"] == false);
    BOOST_TEST(string_at(lab.inbound("frontend", "http://backend/%00"), "verdict.answer") == "400");
    BOOST_TEST(lab.inbound("frontend", "backend:9000")["verdict"]["answer"] == "connection closed");
}

BOOST_AUTO_TEST_CASE(headers_of_a_request) {
    const auto deny = [](const char* key, const char* value) {
        return authorization_yaml(
            "shop",
            "p",
            std::string("{action: DENY, rules: [{when: [{key: 'request.headers[") + key +
                "]', values: ['" + value + "']}]}]}");
    };
    const auto outcome = [](MeshLab& lab, const char* to, const char* name, const char* value) {
        auto answer = lab.explain("frontend", "backend:80"); // the way is the same
        explain::ExplainQuestion question{"frontend", to, "shop"};
        question.headers = {{name, value}};
        answer["outcome"] = "endpoint";
        explain::explain_mesh(answer, {lab.store, lab.config, lab.sidecars->table()}, question);
        return string_at(answer, "outcome");
    };
    MeshLab user(deny("x-user", "eve"));
    BOOST_TEST(outcome(user, "http://backend/", "X-User", "eve") == "denied");
    BOOST_TEST(outcome(user, "http://backend/", "X-User", "bob") == "endpoint");
    MeshLab host(deny("host", "backend"));
    BOOST_TEST(outcome(host, "http://backend:80/", "a", "b") == "denied");
    BOOST_TEST(outcome(host, "http://backend/", "Host", "other") == "endpoint");
    BOOST_TEST(outcome(host, "http://backend.shop/", "a", "b") == "endpoint");
}

BOOST_AUTO_TEST_CASE(a_broken_connection_is_told_of_by_the_sidecar_that_asks) {
    MeshLab lab(authentication_yaml("shop", "strict", "{mtls: {mode: STRICT}}") + R"(---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain, namespace: shop}
spec: {host: backend, trafficPolicy: {tls: {mode: DISABLE}}}
)");
    const auto of_http = string_at(lab.explain("frontend", "http://backend/"), "summary");
    BOOST_TEST(
        of_http.ends_with(
            "the client sees: 503 upstream connect error, connection termination, from its own "
            "sidecar"),
        of_http);
    const auto of_tcp = string_at(lab.explain("frontend", "backend:9000"), "summary");
    BOOST_TEST(of_tcp.ends_with("the client sees: connection reset"), of_tcp);
}

BOOST_AUTO_TEST_CASE(pods_of_one_service_may_differ) {
    MeshLab lab(R"(---
apiVersion: v1
kind: Pod
metadata: {name: third, namespace: legacy, labels: {app: old}}
spec: {containers: [{name: web, image: x, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: canary, namespace: shop, labels: {app: backend, track: canary}}
spec: {containers: [{name: web, image: x, ports: [{containerPort: 8080}]}]}
)" + authorization_yaml("shop", "none", "{selector: {matchLabels: {track: canary}}}"));
    const auto answer = lab.explain("frontend", "http://backend/");
    BOOST_TEST(answer["mesh"]["inbound"].size() == 2U);
    BOOST_TEST(answer["outcome"] == "partly");
    BOOST_TEST(string_at(answer, "mesh.text").starts_with("1 of 3 pods refuse: "));
}

BOOST_AUTO_TEST_CASE(nobody_there) {
    MeshLab lab(R"(---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: shop}
spec: {selector: {app: nobody}, ports: [{name: http, port: 80}]}
)");
    const auto answer = lab.explain("frontend", "http://empty/");
    BOOST_TEST(answer["outcome"] == "reject");
    BOOST_TEST(answer["mesh"]["outcome"] == "no-endpoints");
    BOOST_TEST(string_at(answer, "summary").starts_with("503 no healthy upstream"));
}

BOOST_AUTO_TEST_CASE(which_urls_are_of_services) {
    MeshLab lab;
    const auto balanced = [&](const char* name, const char* address, const char* app) {
        auto object = *lab.store.get({"Service", "legacy", "plain"});
        object.body["metadata"]["name"] = name;
        object.body["spec"]["type"] = "LoadBalancer";
        object.body["spec"]["selector"] = {{"app", app}};
        object.body["status"]["loadBalancer"]["ingress"] = {{{"ip", address}}};
        lab.store.put(std::move(object));
    };
    balanced("controller", "192.0.2.7", "controller");
    balanced("other", "192.0.2.8", "old");
    lab.store.put(
        {api::Json::parse(R"({"kind": "Pod", "metadata": {"name": "c", "namespace": "legacy",
            "labels": {"app": "controller"}}, "spec": {"containers": [{"name": "c",
            "image": "registry.k8s.io/ingress-nginx/controller:v1"}]}})"),
         {}});
    const auto address =
        string_at(lab.store.get({"Service", "shop", "backend"})->body, "spec.clusterIP");
    const auto is = [&](const std::string& to) {
        std::map<std::string, services::IngressTable> ingresses;
        ingresses["k8s.io/ingress-nginx"].hosts["plain.legacy"];
        return explain::is_service_url(lab.store, lab.config, ingresses, {"frontend", to, "shop"});
    };
    for (const auto* to :
         {"http://backend/",
          "http://backend.shop:9000/a",
          "http://backend.shop.svc.cluster.local/",
          "http://pod:shop/frontend:1/"}) {
        BOOST_TEST(is(to), to);
    }
    BOOST_TEST(is("http://" + address + "/"));
    const auto nodes = lab.store.list("Node");
    BOOST_TEST(
        is("http://" + string_at(nodes.at(0)->body["status"]["addresses"].at(0), "address") +
           ":30080/"));
    BOOST_TEST(is("http://192.0.2.8/")); // a load balancer's
    for (const auto* to :
         {"http://plain.legacy/", // an Ingress has it
          "http://nobody/",
          "http://backend.shop.example/",
          "http://192.0.2.1/",
          "http://192.0.2.7/", // its controller
          "backend:80"}) {
        BOOST_TEST(!is(to), to);
    }
}

BOOST_AUTO_TEST_CASE(tokens_of_a_request) {
    MeshLab lab(
        labctl::test::token_yaml("shop", "jwt", "app: backend") +
        authorization_yaml(
            "shop",
            "admins",
            "{rules: [{when: [{key: 'request.auth.claims[groups]', values: [admins]}]}]}"));
    const auto story = [&](const std::string& name) {
        const auto answer = lab.explain_with_token(
            "shop/frontend",
            "http://backend/",
            name.empty() ? "Basic eDp5" : labctl::test::bearer_of(name));
        return answer.at("mesh").at("inbound").at(0);
    };
    const auto ann = story("ann");
    BOOST_TEST(ann["tokens"]["outcome"] == "valid");
    BOOST_TEST(ann["tokens"]["principal"] == "lab@shop.example/ann");
    BOOST_TEST(ann["tokens"]["policy"] == "shop/jwt");
    BOOST_TEST(ann["verdict"]["allowed"] == true);
    const auto bob = story("bob");
    BOOST_TEST(bob["tokens"]["outcome"] == "valid");
    BOOST_TEST(bob["verdict"]["answer"] == "403 RBAC: access denied");
    BOOST_TEST(
        bob["policies"][0]["text"] == "rule 1: request.auth.claims[groups] admins: it is staff");
    const auto expired = story("expired");
    BOOST_TEST(expired["tokens"]["outcome"] == "refused");
    BOOST_TEST(expired["verdict"]["answer"] == "401 Jwt is expired");
    BOOST_TEST(
        expired["verdict"]["text"] ==
        "refused: Jwt is expired, says RequestAuthentication shop/jwt "
        "of issuer lab@shop.example");
    BOOST_TEST(expired["policies"].empty()); // they are not asked
    const auto none = story("");
    BOOST_TEST(none["tokens"]["outcome"] == "none");
    BOOST_TEST(
        none["policies"][0]["text"] ==
        "rule 1: request.auth.claims[groups] admins: no token was validated");
    // Bytes have no tokens.
    const auto tcp = lab.inbound("shop/frontend", "backend:9000");
    BOOST_TEST(!tcp.contains("tokens"));
}

BOOST_AUTO_TEST_CASE(a_policy_that_wants_tokens_where_nobody_validates_them) {
    const auto wants = authorization_yaml(
        "shop", "who", "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}");
    const std::string hint = "AuthorizationPolicy shop/who asks for what a token says";
    MeshLab without(wants);
    BOOST_TEST(without.hints("shop/frontend", "http://backend/").find(hint) == 0U);
    MeshLab with(wants + labctl::test::token_yaml("shop", "jwt"));
    BOOST_TEST(with.hints("shop/frontend", "http://backend/").find(hint) == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
