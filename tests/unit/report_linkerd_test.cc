#include <boost/test/unit_test.hpp>

#include "labctl/report/describe.h"
#include "labctl/report/mesh_text.h"
#include "labctl/report/printer.h"
#include "tests/unit/report_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using labctl::api::Json;
using labctl::report::describe_object;
using labctl::report::DescribeOptions;
using labctl::report::mesh_explain_text;
using labctl::report::testing::kNow;

namespace {

const Json kLinkerdStory = Json::parse(R"({
    "from": {"name": "legacy/old", "address": "10.1.0.3"}, "to": {"address": "10.96.0.1:80", "what": "cluster IP"},
    "service": "shop/cart", "outcome": "denied",
    "mesh": {
        "request": {"method": "GET", "path": "/x", "host": "cart.shop", "tls": false, "assumed": false},
        "from": {"name": "legacy/old", "sidecar": false, "why": "its namespace has no annotation"},
        "outbound": {"kind": "application", "spoken": "HTTP"},
        "endpoints": [{"address": "10.1.0.5:8080", "pod": "shop/cart", "node": "node-1", "share": 1.0,
                       "tls": "plaintext", "why": "the client has no sidecar"}],
        "inbound": [{"pods": ["shop/cart"], "sidecar": true, "redirect": 4143, "id": "cart.shop.x", "port": 8080,
            "protocol": "HTTP/1", "spoken": "HTTP", "governs": "Server shop/http", "default": "deny",
            "others": ["shop/later"], "identity": null,
            "routes": [{"route": "shop/api", "rules": ["GET /api/*"], "takes": true},
                       {"route": "shop/all", "rules": ["every request"], "takes": false}],
            "policies": [{"policy": "AuthorizationPolicy shop/web", "matches": false, "text": "no identity"}],
            "ignored": ["AuthorizationPolicy shop/broken: there is no Y"],
            "verdict": {"allowed": false, "text": "nobody", "by": "server/shop/http", "answer": "403, without a body"},
            "application": null}],
        "hints": [], "outcome": "denied", "text": "nobody; the client sees: 403, without a body"}})");

std::string described(const char* kind, const char* version, const Json& spec, const Json& mesh) {
    DescribeOptions options;
    options.now = kNow;
    options.mesh = mesh;
    const Json body{
        {"apiVersion", std::string("policy.linkerd.io/") + version},
        {"kind", kind},
        {"metadata", {{"name", "a"}, {"namespace", "shop"}}},
        {"spec", spec}};
    return describe_object({body, {}}, options);
}

void has(const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, part << " in\n" << text);
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_linkerd)

BOOST_AUTO_TEST_CASE(stories_of_linkerd) {
    const auto text = mesh_explain_text(kLinkerdStory);
    for (const auto* part : {
             "chain PROXY_INIT_REDIRECT",
             "8080, read as HTTP (proxyProtocol HTTP/1)",
             "governed by  Server shop/http, accessPolicy deny; it selects the port before Server "
             "shop/later",
             "client is    nobody known: no mutual TLS",
             "    shop/api    yes        GET /api/*",
             "    AuthorizationPolicy shop/web   no        no identity",
             "ignored      AuthorizationPolicy shop/broken: there is no Y",
             "the client sees: 403, without a body",
         }) {
        has(text, part);
    }
    auto other = kLinkerdStory;
    other["mesh"]["inbound"][0]["governs"] = "";
    has(mesh_explain_text(other), "no Server selects it: default policy deny");
    other["mesh"]["inbound"][0]["governs"] = "Server a\x1b[2Jb";
    BOOST_TEST(mesh_explain_text(other).find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(policies_of_linkerd_in_words) {
    const Json spec{{"port", "http"}, {"podSelector", Json::object()}};
    const auto server = described("Server", "v1beta3", spec, Json::parse(R"({
        "pods": [{"pod": "shop/cart", "ports": [{"port": 8080, "by": ""}, {"port": 1, "by": "shop/b"}]}],
        "without": ["shop/old"], "authorizations": [{"name": "AuthorizationPolicy shop/web", "text": "anybody"}],
        "routes": [{"name": "shop/api", "rules": ["/api/*"], "authorizations": []}], "ignored": ["X: why"]})"));
    has(server, "Access Policy:  deny");
    has(server, "shop/cart     8080, 1 (governed by Server shop/b)");
    has(server, "shop/old (so it has no effect there)");
    has(server, "AuthorizationPolicy shop/web  anybody");
    has(server, "shop/api           /api/*");
    has(server, "X: why");
    has(described("Server", "v1beta3", spec, nullptr), "nothing: the lab has no mesh of Linkerd");
    const auto target = Json::parse(
        R"({"targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "s"},
            "requiredAuthenticationRefs": [{"kind": "MeshTLSAuthentication", "name": "m"},
            {"kind": "NetworkAuthentication", "name": "n", "namespace": "x"}]})");
    const auto policy = [&](const char* mesh) {
        return described("AuthorizationPolicy", "v1alpha1", target, Json::parse(mesh));
    };
    has(policy(R"({"targets": ["Server shop/s"], "problem": ""})"), "Applies To:   Server shop/s");
    has(policy(R"({"targets": ["Server shop/s"], "problem": ""})"),
        "MeshTLSAuthentication m and NetworkAuthentication x/n");
    has(policy(R"({"targets": [], "problem": ""})"), "<none> (its target is not there)");
    has(policy(R"({"targets": [], "problem": "there is no M"})"),
        "nothing: it is ignored, as there is no M");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
