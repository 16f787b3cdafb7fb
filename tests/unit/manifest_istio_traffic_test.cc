#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string traffic_object(
    const std::string& kind, const std::string& spec, const std::string& version = "v1") {
    return "apiVersion: networking.istio.io/" + version + "\nkind: " + kind +
           "\nmetadata: {name: a}\nspec: " + spec + "\n";
}

/// One http route of the host h.
std::string route_of(const std::string& fields) {
    return traffic_object("VirtualService", "{hosts: [h], http: [{" + fields + "}]}");
}
std::string policy_of(const std::string& fields) {
    return traffic_object("DestinationRule", "{host: h, trafficPolicy: {" + fields + "}}");
}

const std::string kTo = "route: [{destination: {host: h}}]";

void check_rows(const std::vector<FindingRow>& rows) {
    for (const auto& row : rows) {
        check_row(row);
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(routes_as_they_are_meant) {
    const std::string two = "route: [{destination: {host: h, subset: a, port: {number: 80}}, "
                            "weight: 90}, {destination: {host: h}, weight: 10}]";
    std::vector<FindingRow> rows;
    for (const auto& fields : std::vector<std::string>{
             kTo,
             "match: [{uri: {prefix: /a}, headers: {x-a: {exact: b}, x-c: {}}, port: 80}], " + kTo,
             "match: [{withoutHeaders: {a: {regex: b}}, queryParams: {q: {exact: \"1\"}}}], " + kTo,
             "match: [{sourceLabels: {app: web}, sourceNamespace: shop, gateways: [mesh]}], " + kTo,
             two,
             "redirect: {uri: /x, redirectCode: 308}",
             "directResponse: {status: 418, body: {string: x}}",
             "rewrite: {uri: /x, authority: inside}, " + kTo,
             "timeout: 1.5s, retries: {attempts: 2, perTryTimeout: 500ms, retryOn: 5xx}, " + kTo,
             "timeout: 0s, " + kTo,
             "fault: {delay: {fixedDelay: 1m30s, percentage: {value: 0.1}}}, " + kTo,
             "fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, " + kTo,
             "mirror: {host: x}, mirrorPercentage: {value: 5}, " + kTo,
             "headers: {request: {set: {a: b}, remove: [c]}, response: {add: {d: e}}}, " + kTo}) {
        rows.push_back({route_of(fields), ""});
    }
    for (const auto* version : {"v1", "v1beta1", "v1alpha3"}) {
        rows.push_back({traffic_object("DestinationRule", "{host: h}", version), ""});
    }
    check_rows(rows);
}

BOOST_AUTO_TEST_CASE(what_istio_refuses_of_routes) {
    check_rows({
        {traffic_object("VirtualService", "{http: [{" + kTo + "}]}"), "spec.hosts: Required value"},
        {traffic_object("VirtualService", "{hosts: [h]}"), "at least one of http, tls and tcp"},
        {route_of("name: x"), "one of route, redirect and directResponse"},
        {route_of("redirect: {uri: /x}, " + kTo),
         "only one of route, redirect and directResponse can be set"},
        {route_of("redirect: {redirectCode: 300}"), "must be one of 301, 302, 303, 307, 308"},
        {route_of("match: [{uri: {exact: a, prefix: b}}], " + kTo),
         "only one of exact, prefix and regex"},
        {route_of("timeout: 5, " + kTo), "timeout"},
        {route_of("timeout: 5x, " + kTo), "must be a duration of 1ms or more"},
        {route_of("timeout: 5us, " + kTo), "must be a duration of 1ms or more"},
        {route_of("redirect: {uri: /x}, fault: {abort: {httpStatus: 500, percentage: {value: 1}}}"),
         "fault: Forbidden: goes only with route"},
        {route_of("fault: {abort: {httpStatus: 500, percentage: {value: 101}}}, " + kTo),
         "must be a number between 0 and 100"},
        {route_of("route: [{destination: {host: h}}, {destination: {host: g}}]"),
         "must not all be 0"},
        {route_of("route: [{destination: {subset: a}}]"), "destination.host: Required value"},
        {route_of("matches: [], " + kTo), "matches"},
    });
}

BOOST_AUTO_TEST_CASE(what_is_told_of_routes_that_are_hardly_meant) {
    check_rows({
        {route_of("fault: {abort: {httpStatus: 500}}, " + kTo),
         "without a percentage, it never happens"},
        {route_of("corsPolicy: {}, " + kTo), "nothing in a lab acts on it"},
        {route_of(kTo + "}, {" + kTo), "is never reached"},
        {traffic_object("VirtualService", "{hosts: [h], tcp: [{" + kTo + "}]}"),
         "nothing in a lab acts on it"},
        {route_of("match: [{headers: {X-A: {exact: b}}}], " + kTo), "lower case"},
        {route_of("retries: {retryOn: 5xx}, " + kTo), "without attempts"},
    });
}

BOOST_AUTO_TEST_CASE(destination_rules_as_they_are_and_are_not_meant) {
    check_rows({
        {policy_of("loadBalancer: {simple: ROUND_ROBIN}"), ""},
        {policy_of("loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 0s}}}"), ""},
        {policy_of("connectionPool: {tcp: {maxConnections: 1, connectTimeout: 1s}, "
                   "http: {http1MaxPendingRequests: 1}}"),
         ""},
        {policy_of("outlierDetection: {consecutive5xxErrors: 1, interval: 1s, "
                   "baseEjectionTime: 3m, maxEjectionPercent: 100}"),
         ""},
        {policy_of("tls: {mode: ISTIO_MUTUAL}"), ""},
        {policy_of("portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]"), ""},
        {traffic_object("DestinationRule", "{subsets: [{name: v1, labels: {a: b}}]}"),
         "spec.host: Required value"},
        {traffic_object("DestinationRule", "{host: h, subsets: [{name: a}, {name: a}]}"),
         "Duplicate value"},
        {policy_of("loadBalancer: {simple: FASTEST}"), "Unsupported value"},
        {policy_of("loadBalancer: {consistentHash: {}}"), "exactly one of httpHeaderName"},
        {policy_of("loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}"),
         "only one of simple and consistentHash"},
        {policy_of("tls: {mode: SIMPLE}"), "nothing in a lab acts on it"},
        {policy_of("outlierDetection: {consecutiveErrors: 5}"), "is gone from Istio"},
        {policy_of("outlierDetection: {maxEjectionPercent: 101}"), "maxEjectionPercent"},
        {policy_of("loadBalancer: {localityLbSetting: {}}"), "nothing in a lab acts on it"},
    });
}
