#include <boost/test/unit_test.hpp>

#include "labctl/compile/mesh_policies.h"

using namespace labctl;
using namespace labctl::compile;
using mesh::istio::AuthorizationPolicy;
using mesh::istio::FieldValues;
using mesh::istio::MtlsMode;

namespace {

api::Object mesh_object(const std::string& spec, const std::string& metadata = "{}") {
    auto body = api::Json{{"spec", api::Json::parse(spec)}};
    body["metadata"] = api::Json::parse(metadata);
    body["metadata"]["namespace"] = "prod";
    body["metadata"]["name"] = "p";
    return {body, {}};
}

AuthorizationPolicy authorization_of(const std::string& spec, const std::string& metadata = "{}") {
    return read_authorization_policy(mesh_object(spec, metadata));
}

} // namespace

BOOST_AUTO_TEST_SUITE(compile_mesh_policies)

BOOST_AUTO_TEST_CASE(every_field_of_a_rule) {
    const auto policy = authorization_of(R"({"action":"CUSTOM","provider":{"name":"opa"},"rules":[
        {"from":[{"source":{"principals":["1"],"notPrincipals":["-1"],
             "requestPrincipals":["2"],"notRequestPrincipals":["-2"],
             "namespaces":["3"],"notNamespaces":["-3"],
             "serviceAccounts":["4"],"notServiceAccounts":["-4"],
             "trustDomains":["5"],"notTrustDomains":["-5"],
             "ipBlocks":["6"],"notIpBlocks":["-6"],
             "remoteIpBlocks":["7","8"],"notRemoteIpBlocks":["-7"]}}, {"source":{}}],
         "to":[{"operation":{"hosts":["1"],"notHosts":["-1"],"ports":["2"],"notPorts":["-2"],
             "methods":["3"],"notMethods":["-3"],"paths":["4"],"notPaths":["-4"]}}],
         "when":[{"key":"k","values":["1"],"notValues":["-1"]}]}, {}]})");
    const auto field = [](const std::string& value) { return FieldValues{{value}, {"-" + value}}; };
    AuthorizationPolicy wanted;
    wanted.ns = "prod";
    wanted.name = "p";
    wanted.action = AuthorizationPolicy::Action::Custom;
    wanted.provider = "opa";
    wanted.rules = {
        {{{field("1"),
           field("2"),
           field("3"),
           field("4"),
           field("5"),
           field("6"),
           {{"7", "8"}, {"-7"}}},
          {}},
         {{field("1"), field("2"), field("3"), field("4")}},
         {{"k", field("1")}}},
        {}};
    BOOST_TEST((policy == wanted));
}

BOOST_AUTO_TEST_CASE(actions_and_dry_runs) {
    using Action = AuthorizationPolicy::Action;
    BOOST_TEST((authorization_of("{}").action == Action::Allow));
    BOOST_TEST(authorization_of("{}").rules.empty());
    BOOST_TEST((authorization_of(R"({"action":"ALLOW"})").action == Action::Allow));
    BOOST_TEST((authorization_of(R"({"action":"DENY"})").action == Action::Deny));
    BOOST_TEST((authorization_of(R"({"action":"AUDIT"})").action == Action::Audit));
    const auto is_dry = [](const std::string& value) {
        return authorization_of("{}", R"({"annotations":{"istio.io/dry-run":")" + value + "\"}}")
            .dry_run;
    };
    BOOST_TEST(is_dry("true"));
    BOOST_TEST(is_dry("True"));
    BOOST_TEST(!is_dry("false"));
    BOOST_TEST(!is_dry("yes"));
    BOOST_TEST(!authorization_of("{}").dry_run);
    BOOST_TEST(authorization_of(R"({"rules":[null,"x",{}]})").rules.size() == 1U);
}

BOOST_AUTO_TEST_CASE(whom_a_policy_is_for) {
    const auto scope = [](const std::string& spec) {
        return authorization_scope(mesh_object(spec));
    };
    using mesh::istio::PolicyScope;
    BOOST_TEST((scope("{}") == PolicyScope{"prod", {}, false}));
    BOOST_TEST(
        (scope(R"({"selector":{"matchLabels":{"app":"web"}}})") ==
         PolicyScope{"prod", {{"app", "web"}}, false}));
    BOOST_TEST(scope(R"({"targetRef":{"kind":"Gateway","name":"g"}})").has_targets);
    BOOST_TEST(scope(R"({"targetRefs":[{"kind":"Gateway","name":"g"}]})").has_targets);
    BOOST_TEST(!scope(R"({"targetRefs":[]})").has_targets);
}

BOOST_AUTO_TEST_CASE(peer_authentications) {
    const auto policy = read_peer_authentication(mesh_object(
        R"({"selector":{"matchLabels":{"app":"web"}},"mtls":{"mode":"STRICT"},"portLevelMtls":
            {"8080":{"mode":"DISABLE"},"9090":{"mode":"PERMISSIVE"},"1":{},"2":{"mode":"UNSET"},
             "x":{"mode":"STRICT"},"70000":{"mode":"STRICT"}}})",
        R"({"creationTimestamp":"2026-01-02T03:04:05Z"})"));
    mesh::istio::PeerAuthentication wanted;
    wanted.ns = "prod";
    wanted.name = "p";
    wanted.selector = {{"app", "web"}};
    wanted.mode = MtlsMode::Strict;
    wanted.port_modes = {
        {8080, MtlsMode::Disable},
        {9090, MtlsMode::Permissive},
        {1, MtlsMode::Unset},
        {2, MtlsMode::Unset}};
    wanted.created = "2026-01-02T03:04:05Z";
    BOOST_TEST((policy == wanted));
    BOOST_TEST((read_peer_authentication(mesh_object("{}")).mode == MtlsMode::Unset));
    BOOST_TEST((read_peer_authentication(mesh_object(R"({"mtls":{}})")).mode == MtlsMode::Unset));
}

BOOST_AUTO_TEST_CASE(rules_for_tokens) {
    const auto policy = read_request_authentication(mesh_object(R"({"jwtRules":[
        {"issuer":"i","audiences":["a","b"],"jwks":"{}","jwksUri":"http://u","fromHeaders":
         [{"name":"x","prefix":"p "},{"name":"y"}],"fromParams":["q"],"fromCookies":["c"],
         "outputPayloadToHeader":"o","forwardOriginalToken":true,
         "outputClaimToHeaders":[{"header":"h","claim":"c"}]}, null, {"issuer":"j"}]})"));
    mesh::istio::JwtRule rule;
    rule.issuer = "i";
    rule.audiences = {"a", "b"};
    rule.jwks = "{}";
    rule.jwks_uri = "http://u";
    rule.from_headers = {{"x", "p "}, {"y", ""}};
    rule.from_params = {"q"};
    rule.from_cookies = {"c"};
    rule.payload_header = "o";
    rule.forward_token = true;
    rule.claim_headers = {{"h", "c"}};
    mesh::istio::JwtRule other;
    other.issuer = "j";
    const mesh::istio::RequestAuthentication wanted{"prod", "p", {rule, other}};
    BOOST_TEST((policy == wanted));
    BOOST_TEST(read_request_authentication(mesh_object("{}")).rules.empty());
}

BOOST_AUTO_TEST_SUITE_END()
