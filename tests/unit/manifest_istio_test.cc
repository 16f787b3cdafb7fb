#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string
istio_object(const std::string& kind, std::string spec, const std::string& version = "v1") {
    for (std::size_t at = 0; (at = spec.find('\n', at)) != std::string::npos; at += 3) {
        spec.insert(at + 1, "  ");
    }
    return "apiVersion: security.istio.io/" + version + "\nkind: " + kind +
           "\nmetadata: {name: a}\nspec:\n  " + spec + "\n";
}

std::string authorization(const std::string& spec) {
    return istio_object("AuthorizationPolicy", spec);
}

std::string peer_authentication(const std::string& spec) {
    return istio_object("PeerAuthentication", spec);
}

std::string request_authentication(const std::string& rule) {
    return istio_object("RequestAuthentication", "jwtRules: [{" + rule + "}]");
}

std::string source_of(const std::string& fields) {
    return authorization("rules: [{from: [{source: {" + fields + "}}]}]");
}
std::string operation_of(const std::string& fields) {
    return authorization("rules: [{to: [{operation: {" + fields + "}}]}]");
}
std::string condition_of(const std::string& fields) {
    return authorization("rules: [{when: [{" + fields + "}]}]");
}

} // namespace

BOOST_AUTO_TEST_SUITE(istio_validation)

BOOST_AUTO_TEST_CASE(policies_as_they_are_meant) {
    for (const auto& row : {
             FindingRow{authorization("{}"), ""}, // allow-nothing
             FindingRow{authorization("rules: [{}]"), ""},
             FindingRow{authorization("action: DENY\nrules: [{}]"), ""},
             FindingRow{authorization("action: AUDIT"), ""},
             FindingRow{authorization("selector: {matchLabels: {app: web}}\naction: ALLOW"), ""},
             FindingRow{authorization("targetRefs: [{kind: Gateway, name: g, group: x.io}]"), ""},
             FindingRow{authorization("action: CUSTOM\nprovider: {name: opa}\nrules: [{}]"), ""},
             FindingRow{
                 source_of("principals: [\"*\", cluster.local/ns/a/sa/b, \"*/sa/b\", x*]"), ""},
             FindingRow{source_of("notNamespaces: [a, p*d]"), ""},
             FindingRow{source_of("serviceAccounts: [a/b, c]"), ""},
             FindingRow{source_of("ipBlocks: [10.0.0.1, 10.0.0.0/8, \"fd00::/8\"]"), ""},
             FindingRow{source_of("requestPrincipals: [iss/sub], remoteIpBlocks: [1.2.3.4]"), ""},
             FindingRow{operation_of("hosts: [a, \"*.b\"], methods: [GET], ports: [\"80\"]"), ""},
             FindingRow{operation_of("paths: [/a, /a/*, \"/a/{*}/b/{**}\", \"/{**}/end\"]"), ""},
             FindingRow{condition_of("key: \"request.headers[x-a]\", values: [b]"), ""},
             FindingRow{condition_of("key: \"request.auth.claims[a][b]\", notValues: [b]"), ""},
             FindingRow{condition_of("key: source.ip, values: [10.0.0.0/8]"), ""},
             FindingRow{condition_of("key: destination.port, notValues: [\"80\"]"), ""},
             FindingRow{peer_authentication("{}"), ""},
             FindingRow{peer_authentication("mtls: {mode: STRICT}"), ""},
             FindingRow{
                 peer_authentication(
                     "selector: {matchLabels: {app: web}}\nportLevelMtls: {8080: {mode: DISABLE}}"),
                 ""},
         }) {
        check_row(row);
    }
}

BOOST_AUTO_TEST_CASE(request_authentications) {
    const std::string keys = "issuer: i, jwks: '{\"keys\": [{\"kty\": \"oct\", \"k\": \"AA\"}]}'";
    for (const auto& row : {
             FindingRow{istio_object("RequestAuthentication", "{}"), ""},
             FindingRow{istio_object("RequestAuthentication", "{}", "v1beta1"), ""},
             FindingRow{request_authentication(keys), ""},
             FindingRow{
                 request_authentication(
                     keys +
                     ", audiences: [a], fromHeaders: [{name: x-jwt, prefix: 'JWT '}], fromParams: "
                     "[t], fromCookies: [c], outputPayloadToHeader: x-p, forwardOriginalToken: "
                     "true, outputClaimToHeaders: [{header: x-a, claim: a.b}], timeout: 5s"),
                 ""},
             FindingRow{
                 request_authentication("jwks: '{\"keys\": []}'"),
                 "5:14 error: RequestAuthentication \"a\": spec.jwtRules[0].issuer: Required "
                 "value"},
             FindingRow{
                 request_authentication("issuer: i"),
                 "5:14 warning: RequestAuthentication \"a\": spec.jwtRules[0]: there are no keys"},
             FindingRow{
                 request_authentication("issuer: i, jwksUri: https://example/keys"),
                 "5:35 warning: RequestAuthentication \"a\": spec.jwtRules[0].jwksUri: keys cannot "
                 "be fetched in a lab, so every token of this issuer is refused | write the keys"},
             FindingRow{
                 request_authentication("issuer: i, jwksUri: example/keys"),
                 "jwksUri: Invalid value: \"example/keys\": must be a URL"},
             FindingRow{
                 request_authentication(keys + ", jwksUri: https://example/keys"),
                 "jwks is there as well, and is what counts"},
             FindingRow{request_authentication("issuer: i, jwks: '{'"), "must be JSON"},
             FindingRow{request_authentication("issuer: i, jwks: '[]'"), "a list called keys"},
             FindingRow{
                 request_authentication("issuer: i, jwks: '{\"keys\": [{\"kty\": \"RSB\"}]}'"),
                 "a key of the kty 'RSB' is left out"},
             FindingRow{
                 request_authentication(
                     "issuer: i, jwks: '{\"keys\": [{\"kty\": \"RSA\", \"n\": \"AA\"}]}'"),
                 "a key of the kty RSA has no e, so it is left out"},
             FindingRow{
                 request_authentication(keys + ", audiences: ['']"), "audiences[0]: Required"},
             FindingRow{
                 request_authentication(keys + ", fromHeaders: [{prefix: x}]"),
                 "fromHeaders[0].name: Required value"},
             FindingRow{
                 request_authentication(keys + ", fromHeaders: [{name: 'a b'}]"),
                 "fromHeaders[0].name: Invalid value: \"a b\": must be the name of a header field"},
             FindingRow{
                 request_authentication(keys + ", outputPayloadToHeader: 'x:'"),
                 "outputPayloadToHeader: Invalid value"},
             FindingRow{
                 request_authentication(keys + ", outputClaimToHeaders: [{header: x}]"),
                 "outputClaimToHeaders[0].claim: Required value"},
             FindingRow{
                 request_authentication(keys + ", fromHeader: []"),
                 "unknown field | did you mean 'fromHeaders'?"},
             FindingRow{
                 istio_object(
                     "RequestAuthentication",
                     "selector: {matchLabels: {a: b}}\ntargetRefs: [{kind: a, name: b}]"),
                 "only one of selector, targetRef and targetRefs"},
         }) {
        check_row(row);
    }
}

// 4.2
BOOST_AUTO_TEST_CASE(what_istio_refuses_of_rules) {
    const std::string custom = "action: CUSTOM\nprovider: {name: opa}\nrules: ";
    for (const auto& row : {
             FindingRow{authorization("action: DENY"), "spec.rules: Required value: without rules"},
             FindingRow{authorization("action: DENY\nrules: []"), "spec.rules: Required value"},
             FindingRow{
                 authorization("action: CUSTOM\nprovider: {name: x}"), "spec.rules: Required"},
             FindingRow{
                 authorization("action: CUSTOM\nrules: [{}]"), "spec.provider.name: Required"},
             FindingRow{
                 authorization("provider: {name: x}"), "spec.provider: Forbidden: only the action"},
             FindingRow{
                 authorization("rules: [{from: []}]"),
                 "5:12 error: AuthorizationPolicy \"a\": spec.rules[0].from: Invalid value: []: "
                 "cannot be empty | to match all, leave it out"},
             FindingRow{authorization("rules: [{to: []}]"), "rules[0].to: Invalid value: []"},
             FindingRow{authorization("rules: [{from: [{}]}]"), "from[0].source: Required value"},
             FindingRow{authorization("rules: [{to: [{}]}]"), "to[0].operation: Required value"},
             FindingRow{
                 source_of(""), "source: Invalid value: {}: must have at least one field set"},
             FindingRow{source_of("principals: []"), "must have at least one field set"},
             FindingRow{
                 operation_of("methods: [], notPaths: []"), "must have at least one field set"},
             FindingRow{
                 authorization(custom + "[{from: [{source: {principals: [a]}}]}]"),
                 "source.principals: Forbidden: is not supported with the action CUSTOM"},
             FindingRow{
                 authorization(custom + "[{from: [{source: {notNamespaces: [a]}}]}]"),
                 "source.notNamespaces: Forbidden"},
             FindingRow{
                 authorization(custom + "[{from: [{source: {requestPrincipals: [a]}}]}]"),
                 "source.requestPrincipals: Forbidden"},
             FindingRow{
                 authorization(custom + "[{when: [{key: source.principal, values: [a]}]}]"),
                 "when[0].key: Forbidden"},
             FindingRow{
                 authorization(custom + "[{when: [{key: request.auth.principal, values: [a]}]}]"),
                 "when[0].key: Forbidden"},
             FindingRow{authorization(custom + "[{to: [{operation: {paths: [/a]}}]}]"), ""},
             FindingRow{authorization("rules:\n-"), "rules[0]: expected an object, found nothing"},
             FindingRow{authorization("action: Deny\nrules: [{}]"), "Unsupported value: \"Deny\""},
             FindingRow{
                 authorization("selector: {}\ntargetRefs: [{kind: a, name: b}]"),
                 "only one of selector, targetRef and targetRefs"},
         }) {
        check_row(row);
    }
}

BOOST_AUTO_TEST_CASE(what_istio_refuses_of_fields) {
    for (const auto& row : {
             FindingRow{source_of("ipBlocks: [10.0.0.0/33]"), "ipBlocks[0]: Invalid value"},
             FindingRow{source_of("notIpBlocks: [10.0.0]"), "notIpBlocks[0]: Invalid value"},
             FindingRow{
                 source_of("remoteIpBlocks: [x]"), "remoteIpBlocks[0]: Invalid value: \"x\""},
             FindingRow{source_of("principals: [\"\"]"), "principals[0]: Required value"},
             FindingRow{
                 source_of("serviceAccounts: [a], namespaces: [b]"),
                 "serviceAccounts: Forbidden: cannot be set together with"},
             FindingRow{
                 source_of("notServiceAccounts: [a], principals: [b]"), "notServiceAccounts: Forb"},
             FindingRow{source_of("serviceAccounts: [a/b/c]"), "must be NAME or NAMESPACE/NAME"},
             FindingRow{source_of("serviceAccounts: [a/]"), "must be NAME or NAMESPACE/NAME"},
             FindingRow{source_of("serviceAccounts: [a*]"), "warning: AuthorizationPolicy"},
             FindingRow{
                 source_of("principals: [cluster.local/*/sa/x]"),
                 "principals[0]: a '*' counts only as the first or the last character"},
             FindingRow{source_of("principals: [\"*a*\"]"), "a '*' counts only"},
             FindingRow{
                 source_of("principal: [a], namespaces: [b]"),
                 "unknown field | did you mean 'principals'?"},
             FindingRow{
                 operation_of("ports: [\"0\"]"), "must be a port number between 1 and 65535"},
             FindingRow{operation_of("ports: [\"65536\"]"), "must be a port number"},
             FindingRow{operation_of("notPorts: [http]"), "notPorts[0]: Invalid value: \"http\""},
             FindingRow{operation_of("ports: [\"80 \"]"), "must be a port number"},
             FindingRow{
                 operation_of("ports: [80]"), "expected a string, found the number 80 | put it in"},
             FindingRow{operation_of("paths: [\"/{**}/{*}\"]"), "'{**}' must be the last operator"},
             FindingRow{operation_of("paths: [\"/a{*}\"]"), "stand for whole segments"},
             FindingRow{operation_of("notPaths: [\"/{id}\"]"), "stand for whole segments"},
             FindingRow{operation_of("paths: [\"/{*}/a*\"]"), "'a*' cannot be a segment of a path"},
             FindingRow{operation_of("paths: [\"/a/*/b\"]"), "paths[0]: a '*' counts only"},
             FindingRow{condition_of("values: [a]"), "when[0].key: Required value"},
             FindingRow{
                 condition_of("key: source.port, values: [a]"),
                 "Unsupported value: \"source.port\": supported values: \"request.headers[NAME]\""},
             FindingRow{condition_of("key: source.ips, values: [a]"), "did you mean 'source.ip'?"},
             FindingRow{
                 condition_of("key: \"request.headers[]\", values: [a]"), "Unsupported value"},
             FindingRow{condition_of("key: request.headers, values: [a]"), "Unsupported value"},
             FindingRow{condition_of("key: source.ip"), "when[0].values: Required value"},
             FindingRow{
                 condition_of("key: source.ip, values: [a]"), "values[0]: Invalid value: \"a\""},
             FindingRow{
                 condition_of("key: destination.port, notValues: [a]"), "notValues[0]: Invalid"},
         }) {
        check_row(row);
    }
}

// 3
BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_peer_authentication) {
    const std::string selector = "selector: {matchLabels: {app: web}}\n";
    for (const auto& row : {
             FindingRow{
                 peer_authentication("mtls: {mode: strict}"), "Unsupported value: \"strict\""},
             FindingRow{
                 peer_authentication("mtl: {mode: STRICT}"),
                 "spec.mtl: unknown field | did you mean 'mtls'?"},
             FindingRow{
                 peer_authentication("portLevelMtls: {8080: {mode: DISABLE}}"),
                 "warning: PeerAuthentication \"a\": spec.portLevelMtls: does nothing in a policy"},
             FindingRow{
                 peer_authentication(selector + "portLevelMtls: {http: {mode: DISABLE}}"),
                 "Invalid value: \"http\": must be a port number between 1 and 65535"},
             FindingRow{
                 peer_authentication(selector + "portLevelMtls: {0: {mode: DISABLE}}"),
                 "must be a port number"},
             FindingRow{
                 peer_authentication(selector + "portLevelMtls: {80: {mode: NONE}}"),
                 "Unsupported value: \"NONE\""},
             FindingRow{
                 peer_authentication("selector: {matchLabels: {\"a b\": c}}"), "Invalid value"},
         }) {
        check_row(row);
    }
    auto root = peer_authentication(selector + "mtls: {mode: STRICT}");
    root.replace(root.find("name: a"), 7, "name: a, namespace: istio-system");
    root = "apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}\n---\n" + root;
    check_row({root, "a policy of istio-system with a selector is ignored"});
}

BOOST_AUTO_TEST_CASE(both_versions_are_one) {
    for (const auto* version : {"v1", "v1beta1"}) {
        const auto got =
            object(istio_object("PeerAuthentication", "mtls: {mode: STRICT}", version));
        BOOST_TEST(got["apiVersion"] == "security.istio.io/v1");
        BOOST_TEST(
            object(istio_object("AuthorizationPolicy", "{}", version))["apiVersion"] ==
            "security.istio.io/v1");
    }
    BOOST_TEST(findings(istio_object("AuthorizationPolicy", "action: X", "v1beta1")).size() == 1U);
    check_row(
        {istio_object("PeerAuthentication", "{}", "v1alpha1"),
         "no matches for kind \"PeerAuthentication\" in version \"security.istio.io/v1alpha1\" | "
         "write apiVersion: security.istio.io/v1"});
}

BOOST_AUTO_TEST_SUITE_END()
