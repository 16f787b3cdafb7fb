#include <vector>

#include <boost/test/unit_test.hpp>

#include "labctl/report/gateway_text.h"
#include "labctl/report/printer.h"
#include "tests/unit/report_fixture.h"

using labctl::api::Json;
using labctl::report::gateway_explain_text;
using labctl::report::print_table;
using labctl::report::PrintOptions;
using labctl::report::testing::kNow;
using labctl::report::testing::object;

namespace {

std::string table_of(const std::string& kind, const char* json, bool wide = false) {
    PrintOptions options;
    options.now = kNow;
    options.wide = wide;
    const std::vector<labctl::api::ObjectPtr> objects{object(json)};
    return print_table(kind, objects, options);
}

Json explanation_of_gateway() {
    return Json::parse(R"({
      "from": {"name": "external", "address": "172.18.0.1"}, "url": "https://a.lab/x", "scheme": "https",
      "host": "a.lab", "path": "/x", "port": 443, "certificate": "a/tls",
      "gateway": {"name": "a/edge", "addresses": ["10.0.0.1"], "pods": [{"pod": "a/edge-1", "address": "10.1.0.2", "node": "n1"}]},
      "listeners": [{"name": "https", "port": 443, "hostname": "*.lab", "chosen": true}],
      "rules": [{"hostname": "a.lab", "match": "/x/*", "route": "a/r", "rule": 1, "matches": true, "chosen": true},
                {"hostname": "", "match": "/*", "route": "a/s", "rule": 2, "matches": true, "chosen": false}],
      "filters": ["request header a set to \u001b[31mb"],
      "backends": [{"name": "a/web:80", "share": 0.75, "status": 0, "problem": "",
                    "endpoints": [{"address": "10.1.0.3:80", "pod": "a/web-1", "node": "n2", "probability": 1.0}]},
                   {"name": "a/gone:80", "share": 0.25, "status": 500, "problem": "there is none", "endpoints": []}],
      "status": 0, "outcome": "endpoint",
      "notes": [{"object": "HTTPRoute a/t", "path": "spec.parentRefs[0]", "text": "it is not attached"}]})");
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_gateway)

BOOST_AUTO_TEST_CASE(columns_of_the_definitions) {
    const std::string meta =
        R"("metadata":{"name":"x","namespace":"d","creationTimestamp":"2026-01-02T03:04:00Z"})";
    BOOST_TEST(
        table_of(
            "Gateway",
            (R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway",)" + meta +
             R"(,"spec":{"gatewayClassName":"c"},"status":{"addresses":[{"value":"10.0.0.1"},{"value":"fd00::1"}],)"
             R"("conditions":[{"type":"Programmed","status":"False"}]}})")
                .c_str()) ==
        "NAME   CLASS   ADDRESS    PROGRAMMED   AGE\nx      c       10.0.0.1   False        5s\n");
    BOOST_TEST(
        table_of(
            "Gateway",
            (R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway",)" + meta +
             R"(,"spec":{"gatewayClassName":"c"}})")
                .c_str()) ==
        "NAME   CLASS   ADDRESS   PROGRAMMED   AGE\nx      c                              5s\n");
    BOOST_TEST(
        table_of(
            "GatewayClass",
            (R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":"GatewayClass",)" + meta +
             R"(,"spec":{"controllerName":"a.b/c","description":"d"},"status":{"conditions":[{"type":"Accepted","status":"True"}]}})")
                .c_str(),
            true) == "NAME   CONTROLLER   ACCEPTED   AGE   DESCRIPTION\nx      a.b/c        True   "
                     "    5s    d\n");
}

BOOST_AUTO_TEST_CASE(a_request_explained) {
    BOOST_TEST(gateway_explain_text(explanation_of_gateway()) == R"(from      external  172.18.0.1
url       https://a.lab/x
Gateway   a/edge at 10.0.0.1
          a/edge-1  10.1.0.2 on n1
listener  https, for *.lab on port 443
TLS       ends there, with the certificate of Secret a/tls

           HOST    MATCH   ROUTE   RULE
takes it   a.lab   /x/*    a/r     1
would      *       /*      a/s     2

BACKEND      SHARE   ENDPOINT      POD             NODE
a/web:80    75.0 %   10.1.0.3:80   a/web-1         n2
a/gone:80   25.0 %   500           there is none   -

request header a set to \x1b[31mb

/x goes to a/web:80 (75.0 %), a/gone:80 (25.0 %, 500)
note: HTTPRoute a/t spec.parentRefs[0]: it is not attached
)");
}

BOOST_AUTO_TEST_CASE(who_does_not_reach_a_gateway) {
    const Json explanation{
        {"outcome", "denied"}, {"status", 0}, {"denial", "denied, egress isolated by p"}};
    const auto text = gateway_explain_text(explanation, false);
    BOOST_TEST(
        text.ends_with("\nthe request does not reach the Gateway: denied, egress isolated by p\n"),
        text);
}

BOOST_AUTO_TEST_CASE(what_the_gateway_answers_itself) {
    const auto verdict = [](const std::string& outcome, int status) {
        auto json = explanation_of_gateway();
        for (const auto* list : {"rules", "backends", "filters", "notes", "listeners"}) {
            json[list] = Json::array();
        }
        json["outcome"] = outcome;
        json["status"] = status;
        json["location"] = "https://b.lab/";
        json["problem"] = "no such filter";
        auto text = gateway_explain_text(json);
        text.pop_back();
        return text.substr(text.rfind('\n') + 1);
    };
    BOOST_TEST(verdict("no-listener", 404) == "404: no listener is for the host");
    BOOST_TEST(verdict("no-rule", 404) == "404: no rule of the listener takes it");
    BOOST_TEST(verdict("redirect", 301) == "301: the client is told to go to https://b.lab/");
    BOOST_TEST(verdict("no-backend", 500) == "500: the rule sends nobody any requests");
    BOOST_TEST(verdict("unsupported", 500) == "500: no such filter");
    BOOST_TEST(verdict("bad-request", 400) == "400: /x leads above the root");
    BOOST_TEST(
        verdict("no-certificate", 0) ==
        "the handshake of TLS fails: no listener has a certificate for the name");
}

BOOST_AUTO_TEST_SUITE_END()
