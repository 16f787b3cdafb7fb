#include <boost/test/unit_test.hpp>

#include "labctl/compile/mesh_view.h"
#include "labctl/explain/describe_mesh.h"
#include "tests/unit/explain_mesh_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::test;
using api::Json;

namespace {

Json describe(
    const MeshLab& lab, const char* kind, const std::string& ns, const std::string& name) {
    return explain::describe_mesh(lab.store, lab.config, lab.sidecars->table(), {kind, ns, name});
}

std::string names(const Json& list) {
    std::string text;
    for (const auto& entry : list) {
        const auto name =
            entry.is_string() ? entry.get<std::string>() : api::string_at(entry, "pod");
        text += (text.empty() ? "" : " ") + name.substr(0, name.find("-"));
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(describe_mesh)

BOOST_AUTO_TEST_CASE(a_pod_with_a_sidecar) {
    MeshLab lab(
        authentication_yaml(
            "shop",
            "backend",
            "{selector: {matchLabels: {app: backend}}, mtls: {mode: STRICT}, portLevelMtls: {8080: "
            "{mode: DISABLE}, 4444: {mode: PERMISSIVE}}}") +
        authentication_yaml(
            "shop",
            "other",
            "{selector: {matchLabels: {app: nobody}}, portLevelMtls: {5555: {mode: STRICT}}}") +
        authorization_yaml("istio-system", "all", "{rules: [{}]}") +
        authorization_yaml("shop", "front", "{selector: {matchLabels: {app: frontend}}}"));
    const auto pod = lab.pod_of("shop", "backend");
    const auto answer = describe(lab, "Pod", "shop", pod.substr(pod.find('/') + 1));
    BOOST_TEST(answer["id"] == "spiffe://cluster.local/ns/shop/sa/backend");
    std::string ports;
    for (const auto& port : answer["ports"]) {
        ports += port["port"].dump() + " " + api::string_at(port, "protocol") + " " +
                 api::string_at(port, "mode") + " " + api::string_at(port, "scope") + "\n";
    }
    BOOST_TEST(
        ports == "4444 detect PERMISSIVE port\n5432 TCP STRICT workload\n8080 HTTP DISABLE port\n"
                 "9000 TCP STRICT workload\n");
    BOOST_TEST(answer["others"]["mode"] == "STRICT");
    BOOST_TEST(answer["policies"].size() == 1U);
    BOOST_TEST(answer["policies"][0]["policy"] == "istio-system/all");
    BOOST_TEST(answer["policies"][0]["action"] == "ALLOW");
}

// Reference 5.1, and what came too late.
BOOST_AUTO_TEST_CASE(why_a_pod_has_none) {
    struct Row {
        const char *ns_label, *label, *annotation;
        bool host_network;
        const char* why;
    };
    for (const auto& row : {
             Row{"enabled", "", "", false, ""},
             Row{"enabled", "", "true", false, ""},
             Row{"enabled", "true", "false", false, ""},
             Row{"", "true", "", false, ""},
             Row{"enabled", "", "false", false, "its annotation sidecar.istio.io/inject is false"},
             Row{"enabled", "false", "", false, "its label sidecar.istio.io/inject is false"},
             Row{"", "", "", false, "its namespace n has no label istio-injection=enabled"},
             Row{"disabled",
                 "true",
                 "",
                 false,
                 "its namespace n has the label istio-injection=disabled"},
             Row{"enabled", "true", "", true, "it uses the network of its node (hostNetwork)"},
             Row{"",
                 "",
                 "true",
                 false,
                 "an annotation sidecar.istio.io/inject counts only where the namespace has the "
                 "label istio-injection=enabled; the label of that name would do"},
         }) {
        store::Store store;
        Json ns{{"kind", "Namespace"}, {"metadata", {{"name", "n"}}}};
        Json pod{
            {"kind", "Pod"},
            {"metadata", {{"name", "p"}, {"namespace", "n"}}},
            {"spec", {{"hostNetwork", row.host_network}}}};
        if (*row.ns_label != 0) {
            ns["metadata"]["labels"]["istio-injection"] = row.ns_label;
        }
        if (*row.label != 0) {
            pod["metadata"]["labels"]["sidecar.istio.io/inject"] = row.label;
        }
        if (*row.annotation != 0) {
            pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = row.annotation;
        }
        store.put({ns, {}});
        BOOST_TEST(compile::sidecar_obstacle(store, pod) == row.why);
        BOOST_TEST(
            compile::sidecar_absence(store, pod) ==
            (*row.why == 0 ? "it was made before its namespace or its labels asked for one"
                           : row.why));
    }
}

BOOST_AUTO_TEST_CASE(whom_a_policy_is_for) {
    MeshLab lab(
        authorization_yaml("shop", "backend", "{selector: {matchLabels: {app: backend}}}") +
        authorization_yaml("istio-system", "all", "{}") +
        authorization_yaml(
            "shop",
            "way",
            "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]}") +
        authentication_yaml("shop", "default", "{mtls: {mode: STRICT}}") +
        authentication_yaml(
            "shop", "front", "{selector: {matchLabels: {app: frontend}}, mtls: {mode: DISABLE}}") +
        authentication_yaml(
            "istio-system",
            "picky",
            "{selector: {matchLabels: {app: old}}, mtls: {mode: STRICT}}"));
    const auto backend = describe(lab, "AuthorizationPolicy", "shop", "backend");
    BOOST_TEST(names(backend["pods"]) == "shop/backend shop/backend");
    BOOST_TEST(backend["without"].empty());
    const auto all = describe(lab, "AuthorizationPolicy", "istio-system", "all");
    BOOST_TEST(all["pods"].size() == 3U);
    BOOST_TEST(names(all["without"]) == "legacy/old");
    BOOST_TEST(describe(lab, "AuthorizationPolicy", "shop", "way")["note"] != "");
    const auto strict = describe(lab, "PeerAuthentication", "shop", "default");
    BOOST_REQUIRE(strict["pods"].size() == 3U);
    BOOST_TEST(strict["pods"][0]["decides"] == true);
    BOOST_TEST(strict["pods"][2]["pod"] == "shop/frontend");
    BOOST_TEST(strict["pods"][2]["decides"] == false);
    BOOST_TEST(strict["pods"][2]["by"] == "shop/front");
    const auto picky = describe(lab, "PeerAuthentication", "istio-system", "picky");
    BOOST_TEST(picky["pods"].empty());
    BOOST_TEST(picky["note"] != "");
}

BOOST_AUTO_TEST_CASE(nothing_of_other_kinds_and_labs) {
    MeshLab lab;
    BOOST_TEST(describe(lab, "Service", "shop", "backend").is_null());
    BOOST_TEST(describe(lab, "Pod", "shop", "nobody").is_null());
    const auto old = describe(lab, "Pod", "legacy", "old");
    BOOST_TEST(old["sidecar"] == false);
    BOOST_TEST(old["late"] == false);
    lab.label_namespace("legacy", "istio-injection", "enabled");
    BOOST_TEST(describe(lab, "Pod", "legacy", "old")["late"] == true);
    lab.config.mesh_profile = "none";
    BOOST_TEST(describe(lab, "Pod", "shop", "frontend").is_null());
}

BOOST_AUTO_TEST_CASE(what_validates_tokens) {
    MeshLab lab(
        labctl::test::token_yaml("shop", "jwt") +
        authorization_yaml(
            "shop",
            "who",
            "{selector: {matchLabels: {app: frontend}}, rules: [{from: [{source: "
            "{requestPrincipals: ['*']}}]}]}"));
    const auto pod = describe(lab, "Pod", "shop", "frontend");
    BOOST_TEST(pod["authentications"].size() == 1U);
    BOOST_TEST(pod["authentications"][0]["policy"] == "shop/jwt");
    BOOST_TEST(pod["authentications"][0]["issuers"][0] == "lab@shop.example");
    const auto policy = describe(lab, "RequestAuthentication", "shop", "jwt");
    BOOST_TEST(policy["pods"].size() == 3U);
    for (const auto& told : policy["pods"]) { // only one of them asks for a token
        BOOST_TEST(told["required"] == (told["pod"] == "shop/frontend"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
