#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/explain/describe_mesh.h"
#include "labctl/explain/traffic_lint.h"
#include "tests/unit/explain_mesh_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::test;

namespace {

std::string traffic_yaml(
    const std::string& kind,
    const std::string& ns,
    const std::string& name,
    const std::string& spec) {
    return "---\napiVersion: networking.istio.io/v1\nkind: " + kind + "\nmetadata: {name: " + name +
           ", namespace: " + ns + "}\nspec: " + spec + "\n";
}

std::string routes_yaml(const std::string& spec, const std::string& ns = "shop") {
    return traffic_yaml("VirtualService", ns, "backend", spec);
}

std::string rule_yaml(const std::string& spec, const std::string& name = "backend") {
    return traffic_yaml("DestinationRule", "shop", name, spec);
}

const mesh::SidecarService& backend_of(const mesh::SidecarTable& table, int port = 80) {
    const auto name = "outbound|" + std::to_string(port) + "||backend.shop.svc.cluster.local";
    return *std::find_if(table.services.begin(), table.services.end(), [&](const auto& each) {
        return each.name == name;
    });
}

const mesh::SidecarTable& table_of(MeshLab& lab) {
    (void)lab.sidecars->update();
    return lab.sidecars->table();
}

const std::string kHost = "backend.shop.svc.cluster.local";

} // namespace

BOOST_AUTO_TEST_CASE(a_virtual_service_becomes_routes_of_the_services_that_it_names) {
    MeshLab lab(routes_yaml(
        "{hosts: [backend], exportTo: [.], http: [{name: first, match: [{uri: {prefix: /a}, "
        "headers: {x-b: {regex: c.*}, d: {}}}], rewrite: {uri: /z}, timeout: 2s, "
        "retries: {attempts: 4, perTryTimeout: 300ms, retryOn: 5xx}, "
        "fault: {delay: {fixedDelay: 5s, percentage: {value: 0.5}}, abort: {httpStatus: 418}}, "
        "mirror: {host: backend, subset: v2}, "
        "route: [{destination: {host: backend, subset: v1}, weight: 75}, "
        "{destination: {host: backend, subset: v2, port: {number: 9000}}, weight: 25}]}]}"));
    const auto& table = table_of(lab);
    BOOST_REQUIRE(table.virtual_services.size() == 1U);
    const auto& service = table.virtual_services[0];
    BOOST_TEST(service.hosts[0] == kHost);
    BOOST_TEST(backend_of(table).virtual_services.size() == 1U);
    BOOST_TEST((mesh::virtual_service_for(table, backend_of(table), "shop") == &service));
    BOOST_TEST((mesh::virtual_service_for(table, backend_of(table), "legacy") == nullptr));
    const auto& route = service.http.at(0);
    BOOST_TEST(route.match[0].uri->text == "/a");
    BOOST_TEST(route.match[0].headers.size() == 2U);
    BOOST_TEST(route.timeout.count() == 2000);
    BOOST_TEST(route.retries->attempts == 4U);
    BOOST_TEST(route.retries->per_try.count() == 300);
    BOOST_TEST(route.fault.delay->share == 5000U);
    BOOST_TEST(route.fault.abort->share == 0U); // without a percentage: never
    BOOST_TEST(route.mirrors[0].share == mesh::istio::kEveryRequest);
    BOOST_TEST(route.to[0].to.port == 0U); // the one called: the Service has several
    BOOST_TEST(route.to[1].to.port == 9000U);
    BOOST_TEST(table.workloads.begin()->second.labels.empty()); // nobody asks for them
}

BOOST_AUTO_TEST_CASE(only_what_is_for_the_mesh_counts_and_the_closest_host_first) {
    MeshLab lab(
        routes_yaml("{hosts: [\"*.shop.svc.cluster.local\"], http: [{directResponse: {status: "
                    "200}}]}") +
        traffic_yaml(
            "VirtualService",
            "shop",
            "close",
            "{hosts: [backend], http: [{directResponse: "
            "{status: 201}}]}") +
        traffic_yaml(
            "VirtualService",
            "shop",
            "edge",
            "{hosts: [backend], gateways: [edge], http: "
            "[{directResponse: {status: 202}}]}"));
    const auto& table = table_of(lab);
    BOOST_TEST(mesh::virtual_service_for(table, backend_of(table), "shop")->name == "close");
    BOOST_TEST(backend_of(table).virtual_services.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_destination_rule_becomes_policies_and_subsets_of_ports) {
    MeshLab lab(
        rule_yaml("{host: backend, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, "
                  "portLevelSettings: [{port: {number: 9000}, tls: {mode: DISABLE}}]}, "
                  "subsets: [{name: all, labels: {app: backend}}, {name: none, labels: {app: x}, "
                  "trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}}]}") +
        rule_yaml("{host: backend.shop.svc.cluster.local, subsets: [{name: more}]}", "second"));
    const auto& table = table_of(lab);
    const auto& service = backend_of(table);
    BOOST_REQUIRE(service.rules.size() == 1U);
    const auto& rule = service.rules[0];
    BOOST_TEST((rule.policy.balancing->how == mesh::istio::Balancer::RoundRobin));
    BOOST_REQUIRE(rule.subsets.size() == 3U);
    BOOST_TEST(rule.subsets[0].endpoints.size() == service.endpoints.size());
    BOOST_TEST(rule.subsets[1].endpoints.empty());
    BOOST_TEST(rule.subsets[1].policy.outliers->consecutive_5xx == 1U);
    BOOST_TEST(rule.subsets[1].policy.balancing.has_value());
    BOOST_TEST(rule.subsets[2].name == "more");
    const auto& tcp = backend_of(table, 9000).rules[0].policy;
    BOOST_TEST((tcp.tls == mesh::istio::ClientTls::Disable));
    BOOST_TEST(!tcp.balancing.has_value());
    BOOST_TEST((mesh::destination_rule_for(service, "legacy") == &rule));
}

BOOST_AUTO_TEST_CASE(explain_follows_the_route_of_a_request) {
    MeshLab lab(
        rule_yaml("{host: backend, subsets: [{name: all, labels: {app: backend}}, {name: none, "
                  "labels: {app: x}}]}") +
        routes_yaml("{hosts: [backend], http: [{match: [{uri: {exact: /v9}}], route: "
                    "[{destination: {host: backend, subset: v9}}]}, "
                    "{match: [{uri: {exact: /none}}], route: [{destination: {host: backend, "
                    "subset: none}}]}, {match: [{uri: {exact: /moved}}], redirect: {uri: /x}}, "
                    "{match: [{uri: {prefix: /api}}], timeout: 2s, rewrite: {uri: /v2}, route: "
                    "[{destination: {host: backend, subset: all}}]}]}"));
    const auto told = [&](const std::string& path) {
        auto answer = lab.explain("shop/frontend", "http://backend.shop" + path)["mesh"];
        return answer;
    };
    const auto api = told("/api/x");
    BOOST_TEST(api["outcome"].get<std::string>() == "endpoint", api.dump(1));
    const auto& route = api["outbound"]["route"];
    BOOST_TEST(route["virtualService"].get<std::string>() == "shop/backend");
    BOOST_TEST(route["route"].get<int>() == 3);
    BOOST_TEST(route["destinationRule"].get<std::string>() == "shop/backend");
    const auto lines = route["lines"].dump();
    for (const auto* part : {"uri begins with /api", "100% outbound|80|all|", "to /v2/x", "2s"}) {
        BOOST_TEST(lines.find(part) != std::string::npos, lines);
    }
    BOOST_TEST(told("/other")["outcome"].get<std::string>() == "denied");
    BOOST_TEST(told("/other")["text"].get<std::string>().find("(NR)") != std::string::npos);
    BOOST_TEST(told("/v9")["text"].get<std::string>().find("(NC)") != std::string::npos);
    BOOST_TEST(told("/none")["text"].get<std::string>().find("(UH)") != std::string::npos);
    BOOST_TEST(told("/moved")["outcome"].get<std::string>() == "endpoint");
    BOOST_TEST(told("/moved")["text"].get<std::string>().find("301") == 0U);
}

BOOST_AUTO_TEST_CASE(lint_tells_of_routes_that_lead_nowhere) {
    struct Row {
        std::string yaml;
        std::string finding; // a part of the only one; empty: there is none
    };
    const std::string to = "route: [{destination: {host: backend}}]";
    for (const auto& [yaml, finding] : std::vector<Row>{
             {routes_yaml("{hosts: [backend], http: [{" + to + "}]}"), ""},
             {routes_yaml("{hosts: [bakend], http: [{" + to + "}]}"), "did you mean " + kHost},
             {routes_yaml("{hosts: [backend.shop], http: [{" + to + "}]}"), "write " + kHost},
             {routes_yaml("{hosts: [backend], gateways: [g], http: [{" + to + "}]}"), "gateways"},
             {routes_yaml("{hosts: [backend], http: [{route: [{destination: {host: x}}]}]}"),
              "503 (NC)"},
             {routes_yaml("{hosts: [backend], http: [{route: [{destination: {host: backend, "
                          "subset: v1}}]}]}"),
              "has a subset v1"},
             {routes_yaml("{hosts: [backend], http: [{route: [{destination: {host: backend, port: "
                          "{number: 8080}}}]}]}"),
              "has no port 8080"},
             {routes_yaml(
                  "{hosts: [backend], http: [{match: [{uri: {prefix: /}}], " + to +
                  "}, {match: [{uri: {prefix: /a}}], " + to + "}]}"),
              "is never reached"},
             {routes_yaml(
                  "{hosts: [backend], http: [{match: [{uri: {regex: \"(?=a)\"}}], " + to + "}]}"),
              "no regular expression"},
             {routes_yaml("{hosts: [backend], http: [{route: [{destination: {host: backend}, "
                          "weight: 1}, {destination: {host: db}, weight: 1}]}]}"),
              "sum up to 2"},
             {routes_yaml("{hosts: [backend], http: [{" + to + "}]}") +
                  traffic_yaml(
                      "VirtualService", "shop", "z", "{hosts: [backend], http: [{" + to + "}]}"),
              "has this host already"},
             {rule_yaml("{host: backend, subsets: [{name: a, labels: {app: backend}}]}"), ""},
             {rule_yaml("{host: backend, subsets: [{name: a, labels: {app: x}}]}"),
              "no pod of Service shop/backend"},
             {rule_yaml("{host: none}"), "no Service is none.shop.svc.cluster.local"}}) {
        const MeshLab lab(yaml);
        const auto all = explain::lint_traffic(lab.store, lab.config);
        BOOST_TEST_CONTEXT(yaml) {
            BOOST_TEST(all.size() == (finding.empty() ? 0U : 1U));
            if (!finding.empty() && !all.empty()) {
                const auto text = all[0].message + " | " + all[0].hint;
                BOOST_TEST(text.find(finding) != std::string::npos, text);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(describe_says_whom_routes_and_subsets_concern) {
    MeshLab lab(
        routes_yaml("{hosts: [backend], http: [{route: [{destination: {host: backend}}]}]}") +
        rule_yaml("{host: backend, subsets: [{name: all, labels: {app: backend}}]}"));
    const auto& table = table_of(lab);
    const auto described = [&](const std::string& kind) {
        return explain::describe_mesh(lab.store, lab.config, table, {kind, "shop", "backend"});
    };
    BOOST_TEST(
        described("VirtualService")["services"].dump().find(kHost + ":80") != std::string::npos);
    BOOST_TEST(described("DestinationRule")["subsets"]["all"].size() >= 1U);
}
// NOLINTEND
