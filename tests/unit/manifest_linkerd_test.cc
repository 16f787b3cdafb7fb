#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string linkerd_object(
    const std::string& kind, const std::string& spec, const std::string& version = "v1alpha1") {
    return "apiVersion: policy.linkerd.io/" + version + "\nkind: " + kind +
           "\nmetadata: {name: a, namespace: shop}\nspec: {" + spec + "}\n---\n" +
           "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n";
}

std::string server_with(const std::string& spec) {
    return linkerd_object("Server", spec, "v1beta3");
}
std::string client_with(const std::string& client) {
    return linkerd_object(
        "ServerAuthorization", "server: {name: s}, client: {" + client + "}", "v1beta1");
}
std::string policy_for(const std::string& target, const std::string& required) {
    return linkerd_object(
        "AuthorizationPolicy",
        "targetRef: {" + target + "}, requiredAuthenticationRefs: [" + required + "]");
}
std::string mesh_tls_with(const std::string& spec) {
    return linkerd_object("MeshTLSAuthentication", spec);
}
std::string route_with(const std::string& spec) {
    return linkerd_object("HTTPRoute", "parentRefs: [{kind: Server, name: s}], " + spec, "v1beta3");
}

const std::string kToServer = "group: policy.linkerd.io, kind: Server, name: s";
const std::string kMeshTls = "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: m}";
const std::string kNetworks = "{group: policy.linkerd.io, kind: NetworkAuthentication, name: nets}";

} // namespace

BOOST_AUTO_TEST_SUITE(linkerd_validation)

BOOST_AUTO_TEST_CASE(linkerd_policies_as_they_are_meant) {
    for (
        const auto& row : {
            FindingRow{server_with("podSelector: {matchLabels: {app: web}}, port: 8080"), ""},
            FindingRow{server_with("podSelector: {}, port: http, proxyProtocol: HTTP/1"), ""},
            FindingRow{
                server_with("podSelector: {}, port: 1, accessPolicy: all-authenticated"), ""},
            FindingRow{linkerd_object("Server", "podSelector: {}, port: 1", "v1alpha1"), ""},
            FindingRow{client_with("unauthenticated: true"), ""},
            FindingRow{
                client_with(
                    "unauthenticated: true, networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]"),
                ""},
            FindingRow{client_with("meshTLS: {unauthenticatedTLS: true}"), ""},
            FindingRow{
                client_with(
                    "meshTLS: {identities: [\"*\"], serviceAccounts: [{name: web, namespace: x}]}"),
                ""},
            FindingRow{policy_for(kToServer, ""), ""},
            FindingRow{policy_for(kToServer, kMeshTls + ", " + kNetworks), ""},
            FindingRow{policy_for(kToServer, "{kind: ServiceAccount, name: web}"), ""},
            FindingRow{policy_for("kind: Namespace, name: shop", kMeshTls), ""},
            FindingRow{policy_for("group: policy.linkerd.io, kind: HTTPRoute, name: r", ""), ""},
            FindingRow{
                policy_for("group: gateway.networking.k8s.io, kind: HTTPRoute, name: r", ""), ""},
            FindingRow{
                mesh_tls_with(
                    "identities: [\"*.shop.serviceaccount.identity.linkerd.cluster.local\", a.b]"),
                ""},
            FindingRow{mesh_tls_with("identities: [\"spiffe://a.lab/x\"]"), ""},
            FindingRow{
                mesh_tls_with("identityRefs: [{kind: ServiceAccount, name: web}, {kind: Namespace, "
                              "name: x}]"),
                ""},
            FindingRow{
                linkerd_object(
                    "NetworkAuthentication", "networks: [{cidr: 10.0.0.1}, {cidr: \"fd00::/8\"}]"),
                ""},
            FindingRow{
                route_with("rules: [{matches: [{path: {type: Exact, value: /a}, method: GET}]}]"),
                ""},
            FindingRow{route_with("hostnames: [a.lab, \"*.b.lab\"]"), ""},
            FindingRow{
                route_with("rules: [{matches: [{headers: [{name: x, value: v}], queryParams: "
                           "[{name: q, value: z}]}]}]"),
                ""},
        }) {
        check_row(row);
    }
}

BOOST_AUTO_TEST_CASE(linkerd_policies_that_are_refused) {
    for (const auto& row : {
             FindingRow{server_with("podSelector: {}"), "spec.port: Required value"},
             FindingRow{server_with("port: 80"), "spec.podSelector: Required value"},
             FindingRow{server_with("podSelector: {}, port: 0"), "spec.port: Invalid value: 0"},
             FindingRow{server_with("podSelector: {}, port: 65536"), "spec.port: Invalid value"},
             FindingRow{server_with("podSelector: {}, port: Http_"), "spec.port: Invalid value"},
             FindingRow{
                 server_with("podSelector: {}, port: 1, proxyProtocol: http"),
                 "spec.proxyProtocol: Unsupported value"},
             FindingRow{
                 server_with("podSelector: {}, port: 1, accessPolicy: allow"),
                 "spec.accessPolicy: Unsupported value"},
             FindingRow{
                 server_with("podSelector: {}, externalWorkloadSelector: {}, port: 1"),
                 "only one of podSelector and externalWorkloadSelector"},
             FindingRow{
                 server_with("externalWorkloadSelector: {}, port: 1"),
                 "nothing acts on this Server"},
             FindingRow{
                 client_with("unauthenticated: false"), "one of unauthenticated: true and meshTLS"},
             FindingRow{
                 client_with("unauthenticated: true, meshTLS: {identities: [a]}"),
                 "does not go together with meshTLS"},
             FindingRow{
                 client_with("meshTLS: {}"), "at least one of identities and serviceAccounts"},
             FindingRow{
                 client_with("meshTLS: {unauthenticatedTLS: true, identities: [a]}"),
                 "does not go together with identities"},
             FindingRow{client_with("meshTLS: {identities: [x*]}"), "this matches nobody"},
             FindingRow{
                 client_with("unauthenticated: true, networks: [{cidr: 10.0.0.0/33}]"),
                 "must be an IP address or a CIDR"},
             FindingRow{
                 client_with(
                     "unauthenticated: true, networks: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]"),
                 "is no part of the cidr"},
             FindingRow{
                 client_with(
                     "unauthenticated: true, networks: [{cidr: 10.0.0.0/8, except: [0.0.0.0/0]}]"),
                 "nothing of the cidr is left"},
             FindingRow{
                 linkerd_object(
                     "ServerAuthorization",
                     "server: {name: a, selector: {}}, client: {unauthenticated: true}",
                     "v1beta1"),
                 "only one of name and selector"},
             FindingRow{
                 linkerd_object(
                     "ServerAuthorization", "client: {unauthenticated: true}", "v1beta1"),
                 "spec.server: Required value"},
             FindingRow{
                 policy_for("kind: Server, name: s", ""),
                 "unsupported authorization target type: Server"},
             FindingRow{
                 policy_for("kind: Deployment, name: s", ""),
                 "unsupported authorization target type"},
             FindingRow{
                 policy_for("kind: Namespace, name: other", ""),
                 "cannot target another namespace: other"},
             FindingRow{
                 policy_for("group: gateway.networking.k8s.io, kind: GRPCRoute, name: r", ""),
                 "acts on GRPCRoutes"},
             FindingRow{
                 policy_for(kToServer, kMeshTls + ", {kind: ServiceAccount, name: web}"),
                 "only a single MeshTLSAuthentication or ServiceAccount"},
             FindingRow{
                 policy_for(kToServer, kNetworks + ", " + kNetworks),
                 "only a single NetworkAuthentication"},
             FindingRow{
                 policy_for(kToServer, "{kind: MeshTLSAuthentication, name: m}"),
                 "unsupported authentication target: MeshTLSAuthentication"},
             FindingRow{
                 linkerd_object("AuthorizationPolicy", "targetRef: {" + kToServer + "}"),
                 "requiredAuthenticationRefs: Required value"},
             FindingRow{mesh_tls_with("identities: []"), "one of identities and identityRefs"},
             FindingRow{
                 mesh_tls_with("identities: [a], identityRefs: [{kind: Namespace, name: x}]"),
                 "only one of identities and identityRefs"},
             FindingRow{mesh_tls_with("identities: [\"a.*.c\"]"), "this matches nobody"},
             FindingRow{mesh_tls_with("identities: [\"**.b\"]"), "this matches nobody"},
             FindingRow{
                 mesh_tls_with("identityRefs: [{kind: Pod, name: x}]"),
                 "unsupported target type: Pod"},
             FindingRow{
                 mesh_tls_with("identityRefs: [{kind: ServiceAccount}]"), "name: Required value"},
             FindingRow{
                 linkerd_object("NetworkAuthentication", "networks: []"),
                 "spec.networks: Required value"},
             FindingRow{
                 route_with("rules: [{matches: [{path: {value: a}}]}]"),
                 "must be an absolute path"},
             FindingRow{
                 route_with("rules: [{matches: [{path: {type: RegularExpression, value: a.*}}]}]"),
                 "regular expressions are not supported"},
             FindingRow{route_with("rules: [{matches: [{method: get}]}]"), "Unsupported value"},
             FindingRow{
                 route_with("rules: [{filters: [{type: RequestRedirect}]}]"),
                 "nothing in a lab acts on filters"},
             FindingRow{
                 linkerd_object(
                     "HTTPRoute", "parentRefs: [{kind: Service, group: core, name: s}]", "v1beta3"),
                 "without a parent of kind Server"},
             FindingRow{
                 linkerd_object("Server", "podSelector: {}, port: 1", "v1"), "no matches for kind"},
         }) {
        check_row(row);
    }
}

// Linkerd takes no notice of such values; the lab says so.
BOOST_AUTO_TEST_CASE(annotations_for_proxies) {
    const auto annotated = [](const std::string& annotation) {
        return "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, annotations: {" + annotation +
               "}}\n";
    };
    for (const auto& row : {
             FindingRow{annotated("linkerd.io/inject: enabled"), ""},
             FindingRow{
                 annotated("linkerd.io/inject: \"true\""),
                 "'true' is none of its values: no proxy is injected"},
             FindingRow{annotated("config.linkerd.io/default-inbound-policy: deny"), ""},
             FindingRow{
                 annotated("config.linkerd.io/default-inbound-policy: allow"),
                 "the cluster's default counts"},
             FindingRow{annotated("config.linkerd.io/opaque-ports: \"25, 80-90\""), ""},
             FindingRow{
                 annotated("config.linkerd.io/opaque-ports: \"25,mysql\""),
                 "'mysql' is no port and no range of ports"},
             FindingRow{annotated("config.linkerd.io/skip-inbound-ports: 9-8"), "'9-8' is no port"},
             FindingRow{
                 annotated("config.linkerd.io/skip-outbound-ports: \"70000\""),
                 "'70000' is no port"},
         }) {
        check_row(row);
    }
    const auto in_template = finding("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: "
                                     "a}\nspec:\n  selector: {matchLabels: {a: b}}\n"
                                     "  template:\n    metadata:\n      labels: {a: b}\n      "
                                     "annotations: {linkerd.io/inject: yes-please}\n"
                                     "    spec: {containers: [{name: c, image: x}]}\n");
    BOOST_TEST(in_template.starts_with("9:"), in_template);
}

// Kinds that two groups have: each is kept by a name of its own.
BOOST_AUTO_TEST_CASE(kinds_of_several_groups) {
    const auto objects = labctl::manifest::read_text(
                             "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, "
                             "metadata: {name: a}}\n---\n"
                             "{apiVersion: policy.linkerd.io/v1alpha1, kind: AuthorizationPolicy, "
                             "metadata: {name: a}, "
                             "spec: {targetRef: {kind: Namespace, name: default}, "
                             "requiredAuthenticationRefs: []}}\n---\n"
                             "{apiVersion: gateway.networking.k8s.io/v1beta1, kind: HTTPRoute, "
                             "metadata: {name: a}, spec: {}}\n---\n"
                             "{apiVersion: policy.linkerd.io/v1beta1, kind: HTTPRoute, metadata: "
                             "{name: a}, spec: {}}\n---\n"
                             "{apiVersion: policy.linkerd.io/v1beta2, kind: ServerAuthorization, "
                             "metadata: {name: a}, "
                             "spec: {server: {name: s}, client: {unauthenticated: true}}}\n---\n"
                             "{apiVersion: acme.io/v1, kind: Server, metadata: {name: a}}\n",
                             "x")
                             .objects;
    std::vector<std::string> told;
    told.reserve(objects.size());
    for (const auto& object : objects) {
        told.push_back(object.api_version() + " " + object.key().to_string());
    }
    const std::vector<std::string> wanted{
        "security.istio.io/v1 authorizationpolicy/a",
        "policy.linkerd.io/v1alpha1 authorizationpolicy.policy.linkerd.io/a",
        "gateway.networking.k8s.io/v1 httproute/a",
        "policy.linkerd.io/v1beta3 httproute.policy.linkerd.io/a",
        "policy.linkerd.io/v1beta1 serverauthorization/a",
        "acme.io/v1 server.acme.io/a"};
    BOOST_TEST(told == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(words_for_kinds_of_several_groups) {
    const auto kind = [](const char* word) {
        const auto* info = labctl::api::find_kind(word);
        return info == nullptr ? std::string("-") : info->kind;
    };
    BOOST_TEST(kind("authorizationpolicies") == "AuthorizationPolicy");
    BOOST_TEST(kind("authorizationpolicies.security.istio.io") == "AuthorizationPolicy");
    BOOST_TEST(
        kind("authorizationpolicies.policy.linkerd.io") == "AuthorizationPolicy.policy.linkerd.io");
    BOOST_TEST(
        kind("AuthorizationPolicy.v1alpha1.policy.linkerd.io") ==
        "AuthorizationPolicy.policy.linkerd.io");
    BOOST_TEST(kind("httproutes.policy.linkerd.io") == "HTTPRoute.policy.linkerd.io");
    BOOST_TEST(kind("httproute") == "HTTPRoute");
    BOOST_TEST(kind("srv") == "Server");
    BOOST_TEST(kind("saz") == "ServerAuthorization");
    BOOST_TEST(kind("deploy.apps") == "Deployment");
    BOOST_TEST(kind("deployments.v1.apps") == "Deployment");
    BOOST_TEST(kind("deployments.v2.apps") == "-");
    BOOST_TEST(kind("pods.apps") == "-");
    BOOST_TEST(labctl::api::find_kinds("authorizationpolicies").size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
