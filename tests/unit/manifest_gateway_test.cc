#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string
gateway_api(const std::string& kind, const std::string& spec, const std::string& version = "v1") {
    return "apiVersion: gateway.networking.k8s.io/" + version + "\nkind: " + kind +
           "\nmetadata: {name: x}\nspec: {" + spec + "}\n";
}

std::string gateway(const std::string& listeners) {
    return gateway_api("Gateway", "gatewayClassName: c, listeners: [" + listeners + "]");
}

std::string route(const std::string& rule, const std::string& more = "") {
    return gateway_api("HTTPRoute", "parentRefs: [{name: g}], " + more + "rules: [{" + rule + "}]");
}

std::string filter(const std::string& text) {
    return route("filters: [{" + text + "}]");
}

/// An input, and words of its only finding; "" for none.
struct GatewayRow {
    std::string yaml;
    const char* words;
};

void check_gateway_rows(const std::vector<GatewayRow>& rows) {
    for (const auto& row : rows) {
        const auto found = findings(row.yaml);
        const auto size = std::string_view(row.words).empty() ? 0U : 1U;
        BOOST_TEST(found.size() == size, row.yaml);
        for (const auto& text : found) {
            BOOST_TEST(text.find(row.words) != std::string::npos, text);
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(gateway_rules)

BOOST_AUTO_TEST_CASE(defaults_of_the_api) {
    const auto made = object(
        gateway("{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: s}]}}"));
    const auto& listener = made["spec"]["listeners"][0];
    BOOST_TEST(listener["allowedRoutes"]["namespaces"]["from"] == "Same");
    BOOST_TEST(listener["tls"]["mode"] == "Terminate");
    BOOST_TEST(listener["tls"]["certificateRefs"][0]["kind"] == "Secret");
    const auto rule = object(route("backendRefs: [{name: w, port: 80}]"))["spec"]["rules"][0];
    BOOST_TEST(rule["matches"] == Json::parse(R"([{"path":{"type":"PathPrefix","value":"/"}}])"));
    BOOST_TEST(rule["backendRefs"][0]["weight"] == 1);
    const auto parent = object(route(""))["spec"]["parentRefs"][0];
    BOOST_TEST(parent["kind"] == "Gateway");
    BOOST_TEST(parent["group"] == "gateway.networking.k8s.io");
    const auto redirect = object(filter("type: RequestRedirect, requestRedirect: {port: 8443}"));
    BOOST_TEST(redirect["spec"]["rules"][0]["filters"][0]["requestRedirect"]["statusCode"] == 302);
}

BOOST_AUTO_TEST_CASE(versions_that_say_the_same) {
    const std::string listeners =
        "gatewayClassName: c, listeners: [{name: a, port: 80, protocol: HTTP}]";
    BOOST_TEST(
        object(gateway_api("Gateway", listeners, "v1beta1"))["apiVersion"] ==
        "gateway.networking.k8s.io/v1");
    BOOST_TEST(
        object(gateway_api("HTTPRoute", "parentRefs: [{name: g}]", "v1beta1"))["apiVersion"] ==
        "gateway.networking.k8s.io/v1");
    const std::string grant =
        "from: [{group: g, kind: k, namespace: ns}], to: [{group: '', kind: Secret}]";
    for (const auto* version : {"v1", "v1beta1", "v1alpha2"}) {
        BOOST_TEST(
            object(gateway_api("ReferenceGrant", grant, version))["apiVersion"] ==
            "gateway.networking.k8s.io/v1beta1");
    }
}

BOOST_AUTO_TEST_CASE(classes_and_grants) {
    const auto controller = [](const std::string& name) {
        return gateway_api("GatewayClass", "controllerName: " + name);
    };
    check_gateway_rows({
        {controller("labctl.dev/gateway-controller"), ""},
        {controller("nodomain/x"), "domain-prefixed path"},
        {controller("a.b"), "domain-prefixed path"},
        {controller("''"), "controllerName"},
        {gateway_api(
             "ReferenceGrant", "from: [{kind: k, namespace: ns}], to: [{kind: s}]", "v1beta1"),
         ""},
        {gateway_api("ReferenceGrant", "from: [{kind: k}], to: [{kind: s}]", "v1beta1"),
         "namespace"},
        {gateway_api("ReferenceGrant", "to: [{kind: s}]", "v1beta1"), "spec.from"},
    });
}

BOOST_AUTO_TEST_CASE(listeners) {
    const std::string http = "{name: a, port: 80, protocol: HTTP}";
    check_gateway_rows({
        {gateway(http), ""},
        {gateway(http + ", {name: b, port: 80, protocol: HTTP, hostname: '*.x'}"), ""},
        {gateway(http + ", {name: a, port: 81, protocol: HTTP}"), "Duplicate value"},
        {gateway(http + ", {name: b, port: 80, protocol: HTTP}"),
         "must be unique for each listener"},
        {gateway("{name: a, port: 0, protocol: HTTP}"), "port"},
        {gateway("{name: a, port: 80}"), "protocol"},
        {gateway("{name: a, port: 80, protocol: HTTP, hostname: 'a.*.b'}"), "hostname"},
        {gateway("{name: a, port: 80, protocol: HTTP, tls: {certificateRefs: [{name: s}]}}"),
         "tls must not be specified"},
        {gateway("{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}"),
         "tls mode must be Terminate for protocol HTTPS"},
        {gateway("{name: a, port: 443, protocol: HTTPS, tls: {}}"),
         "certificateRefs or options must be specified"},
        {gateway("{name: a, port: 443, protocol: HTTPS}"), "TLS clients get no certificate"},
        {gateway("{name: a, port: 80, protocol: TCP, hostname: a.b}"),
         "hostname must not be specified"},
        {gateway(
             "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}}"),
         "selector"},
        {gateway("{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Any}}}"),
         "Unsupported value"},
        {gateway_api("Gateway", "listeners: [" + http + "]"), "gatewayClassName"},
        {gateway_api("Gateway", "gatewayClassName: c"), "listeners"},
    });
}

BOOST_AUTO_TEST_CASE(rules_of_routes) {
    check_gateway_rows({
        {route("backendRefs: [{name: w, port: 80}]"), ""},
        {route("backendRefs: [{name: w}]"), "Must have port for Service reference"},
        {route("backendRefs: [{name: w, group: acme.io, kind: Bucket}]"), ""},
        {route("backendRefs: [{name: w, port: 80, weight: -1}]"), "weight"},
        {route("matches: [{path: {value: x}}]"), "must be an absolute path"},
        {route("matches: [{path: {type: Glob, value: /x}}]"), "Unsupported value"},
        {route("matches: [{path: {type: RegularExpression, value: '/v[0-9]+'}}]"), ""},
        {route("matches: [{method: get}]"), "Unsupported value"},
        {route("matches: [{headers: [{name: a}]}]"), "value"},
        {route("timeouts: {request: 1m30s, backendRequest: 500ms}"), ""},
        {route("timeouts: {request: 1.5s}"), "must be a duration"},
        {route("timeouts: {request: 10}"), "timeouts.request"},
        {route("timeouts: {request: 1s, backendRequest: 2s}"),
         "backendRequest timeout cannot be longer than request timeout"},
        {route("timeouts: {request: 0s, backendRequest: 2s}"), ""},
        {route("retry: {attempts: 2}"), "experimental channel"},
        {route("", "hostnames: [10.0.0.1.], "), "hostnames"},
        {gateway_api("HTTPRoute", "parentRefs: [{group: '', kind: Service, name: s}]"),
         "without a parent of kind Gateway or Server"},
    });
}

BOOST_AUTO_TEST_CASE(filters_of_routes) {
    const std::string prefix = "path: {type: ReplacePrefixMatch, replacePrefixMatch: /y}";
    const std::string redirect = "{type: RequestRedirect, requestRedirect: {port: 1}}";
    const std::string set =
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}";
    check_gateway_rows({
        {route("filters: [" + set + "], backendRefs: [{name: w, port: 80}]"), ""},
        {route("filters: [" + redirect + "], backendRefs: [{name: w, port: 80}]"),
         "must not be used together with backendRefs"},
        {route("filters: [" + set + ", " + set + "]"),
         "RequestHeaderModifier filter cannot be repeated"},
        {route("filters: [" + redirect + ", {type: URLRewrite, urlRewrite: {hostname: h}}]"),
         "but not both"},
        {filter("type: RequestRedirect"), "must be specified for RequestRedirect filter.type"},
        {filter("type: CORS, cors: {}, urlRewrite: {hostname: h}"),
         "must be nil if the filter.type is not URLRewrite"},
        {filter("type: Gzip"), "Unsupported value"},
        {filter("type: RequestRedirect, requestRedirect: {statusCode: 304}"), "must be 301, 302"},
        {filter("type: RequestRedirect, requestRedirect: {scheme: ftp}"), "Unsupported value"},
        {filter("type: URLRewrite, urlRewrite: {" + prefix + "}"),
         ""}, // the default match is a prefix
        {route(
             "matches: [{path: {type: Exact, value: /x}}], filters: [{type: URLRewrite, "
             "urlRewrite: {" +
             prefix + "}}]"),
         "exactly one PathPrefix match"},
        {filter("type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath}}"),
         "replaceFullPath must be specified"},
        {filter("type: RequestMirror, requestMirror: {backendRef: {name: w}}"), "Must have port"},
        {filter("type: RequestMirror, requestMirror: {backendRef: {name: w, port: 80}, percent: 5, "
                "fraction: {numerator: 1}}"),
         "Only one of percent or fraction"},
    });
}

BOOST_AUTO_TEST_SUITE_END()
