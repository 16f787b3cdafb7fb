#include <algorithm>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/dns_upstream.h"
#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/gateways.h"
#include "labctl/explain/gateway.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"
#include "tests/unit/compile_service_fixture.h"
#include "tests/unit/mesh_tls_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

api::Object gateway_object(
    const std::string& kind,
    const std::string& name,
    const std::string& spec,
    const std::string& ns = "default") {
    return object_of(
        R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":")" + kind +
        R"(","metadata":{"name":")" + name + R"(","namespace":")" + ns + R"("},"spec":{)" + spec +
        "}}");
}

api::Object gateway_of(const std::string& listeners, const std::string& ns = "default") {
    return gateway_object(
        "Gateway", "edge", R"("gatewayClassName":"labctl","listeners":[)" + listeners + "]", ns);
}

std::string
http_listener(const std::string& name = "http", const std::string& more = {}, int port = 80) {
    return R"({"name":")" + name + R"(","protocol":"HTTP","port":)" + std::to_string(port) + more +
           "}";
}

std::string secure_listener(const std::string& references) {
    return R"({"name":"https","protocol":"HTTPS","port":443,"tls":{"certificateRefs":[)" +
           references + "]}}";
}

/// A route of the Gateway edge with one rule.
api::Object route_of(
    const std::string& name,
    const std::string& rule,
    const std::string& more = {},
    const std::string& ns = "default") {
    return gateway_object(
        "HTTPRoute",
        name,
        R"("parentRefs":[{"name":"edge","namespace":"default"}],)" + more + R"("rules":[{)" + rule +
            "}]",
        ns);
}

const std::string kToWeb = R"("backendRefs":[{"name":"web","port":80}])";

api::Object grant(const std::string& ns, const std::string& from, const std::string& to) {
    auto object = gateway_object(
        "ReferenceGrant", "grant", R"("from":[)" + from + R"(],"to":[)" + to + "]", ns);
    object.body["apiVersion"] = "gateway.networking.k8s.io/v1beta1";
    return object;
}

struct GatewayLab : ServiceLab {
    GatewayLab() : gateways(store) {}

    void add_namespace(const std::string& name) {
        apply(object_of(
            R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + name +
            R"(","labels":{"team":")" + name + "\"}}}"));
    }
    void serve(const std::string& name) {
        apply(workload("Deployment", name, 2));
        service(name, R"("selector":{"app":")" + name + "\"}");
        run_all();
    }
    const services::GatewayTable& table() {
        for (auto& note : gateways.update().notes) {
            warnings.push_back(note.object->name() + " " + note.path + ": " + note.text);
        }
        return gateways.tables().at("default/edge");
    }
    /// "REASON" of a condition of an object, with "!" before it if it is not True.
    static std::string condition(const Json& list, const std::string& type) {
        for (const auto& one : list) {
            if (one["type"] == type) {
                return (one["status"] == "True" ? "" : "!") + one["reason"].get<std::string>();
            }
        }
        return "none";
    }
    std::string gateway_condition(const std::string& type) {
        return condition(status("Gateway", "edge")["conditions"], type);
    }
    std::string listener_condition(const std::string& type, std::size_t index = 0) {
        return condition(status("Gateway", "edge")["listeners"][index]["conditions"], type);
    }
    std::string route_condition(
        const std::string& name, const std::string& type, const std::string& ns = "default") {
        const auto parents = status("HTTPRoute", name, ns)["parents"];
        return parents.is_array() && !parents.empty() ? condition(parents[0]["conditions"], type)
                                                      : "no parent";
    }
    Json
    status(const std::string& kind, const std::string& name, const std::string& ns = "default") {
        return api::at(store.get({kind, ns, name})->body, "status");
    }
    std::int64_t attached(std::size_t index = 0) {
        return status("Gateway", "edge")["listeners"][index]["attachedRoutes"];
    }
    bool warned(const std::string& words) {
        return std::any_of(warnings.begin(), warnings.end(), [&](const auto& text) {
            return text.find(words) != std::string::npos;
        });
    }

    Gateways gateways;
    std::vector<std::string> warnings;
};

} // namespace

BOOST_AUTO_TEST_SUITE(gateway_objects)

BOOST_AUTO_TEST_CASE(a_gateway_becomes_a_service_and_pods) {
    GatewayLab lab;
    BOOST_TEST(!lab.store.get({"GatewayClass", "", "labctl"}));
    lab.apply(gateway_of(http_listener() + "," + http_listener("more", "", 8080)));
    const auto gateway_class = lab.store.get({"GatewayClass", "", "labctl"});
    BOOST_REQUIRE(gateway_class);
    BOOST_TEST(
        GatewayLab::condition(api::at(gateway_class->body, "status.conditions"), "Accepted") ==
        "Accepted");
    const auto service = lab.store.get({"Service", "default", "edge-labctl"});
    BOOST_REQUIRE(service);
    BOOST_TEST(api::string_at(service->body, "spec.type") == "LoadBalancer");
    BOOST_TEST(api::at(service->body, "spec.ports").size() == 2U);
    const auto pods = lab.store.list("Pod", "default");
    BOOST_REQUIRE(pods.size() == 1U);
    BOOST_TEST(gateway_of_pod(pods.front()->body) == "default/edge");
    BOOST_TEST(lab.gateway_condition("Accepted") == "Accepted");
    BOOST_TEST(lab.gateway_condition("Programmed") == "!NoResources"); // its pod does not run yet
    lab.run_all();
    BOOST_TEST(lab.gateway_condition("Programmed") == "Programmed");
    const auto address = api::at(service->body, "status.loadBalancer.ingress")[0]["ip"];
    BOOST_TEST(lab.status("Gateway", "edge")["addresses"][0]["value"] == address);
    // Ports follow the listeners; what was made for it goes with it.
    lab.apply(gateway_of(http_listener("more", "", 8080)));
    BOOST_TEST(api::at(lab.get("edge-labctl"), "spec.ports").size() == 1U);
    lab.cluster.delete_object({"Gateway", "default", "edge"});
    lab.cluster.reconcile();
    BOOST_TEST(!lab.store.get({"Service", "default", "edge-labctl"}));
    BOOST_TEST(!lab.store.get({"Deployment", "default", "edge-labctl"}));
}

BOOST_AUTO_TEST_CASE(another_class_leaves_nothing_behind) {
    GatewayLab lab;
    auto second = gateway_object(
        "GatewayClass", "second", R"("controllerName":"labctl.dev/gateway-controller")");
    second.body["metadata"].erase("namespace");
    lab.apply(std::move(second));
    lab.service("edge-second", R"("selector":{"app":"mine"})"); // a user's, of the same name
    lab.apply(gateway_of(http_listener())); // its class is not there: the lab has one of ours
    BOOST_TEST(!lab.store.get({"Service", "default", "edge-labctl"}));
    auto gateway = gateway_of(http_listener());
    gateway.body["spec"]["gatewayClassName"] = "second";
    lab.apply(gateway);
    BOOST_TEST((lab.store.get({"Deployment", "default", "edge-second"}) != nullptr));
    BOOST_TEST(api::at(lab.get("edge-second"), "spec.selector.app") == "mine");
    gateway.body["spec"]["gatewayClassName"] = "nobodys";
    lab.apply(gateway);
    BOOST_TEST(!lab.store.get({"Deployment", "default", "edge-second"}));
    BOOST_TEST((lab.store.get({"Service", "default", "edge-second"}) != nullptr));
}

BOOST_AUTO_TEST_CASE(gateways_of_other_controllers_are_theirs) {
    GatewayLab lab;
    auto theirs = gateway_object(
        "GatewayClass", "istio", R"("controllerName":"istio.io/gateway-controller")");
    theirs.body["metadata"].erase("namespace");
    lab.apply(std::move(theirs));
    auto gateway = gateway_of(http_listener());
    gateway.body["spec"]["gatewayClassName"] = "istio";
    lab.apply(gateway);
    BOOST_TEST(!lab.store.get({"Service", "default", "edge-istio"}));
    BOOST_TEST(lab.status("Gateway", "edge").is_null());
    lab.apply(route_of("web", kToWeb));
    (void)lab.gateways.update();
    BOOST_TEST(lab.gateways.tables().empty());
    BOOST_TEST(lab.route_condition("web", "Accepted") == "no parent");
    BOOST_TEST(
        lab.gateways.notes().front().text ==
        "nothing acts on it: GatewayClass \"istio\" is of the controller "
        "istio.io/gateway-controller");
}

BOOST_AUTO_TEST_CASE(gateway_observed_generation_bump) {
    GatewayLab lab;
    lab.apply(gateway_of(http_listener()));
    lab.apply(route_of("web", kToWeb));
    const auto seen = [&] {
        return lab.status("Gateway", "edge")["conditions"][0]["observedGeneration"];
    };
    BOOST_TEST(seen() == 1);
    lab.apply(gateway_of(http_listener() + "," + http_listener("b", "", 81)));
    BOOST_TEST(seen() == 2);
    BOOST_TEST(
        lab.status("Gateway", "edge")["listeners"][1]["conditions"][0]["observedGeneration"] == 2);
    lab.apply(route_of("web", kToWeb, R"("hostnames":["a.example"],)"));
    BOOST_TEST(
        lab.status("HTTPRoute", "web")["parents"][0]["conditions"][0]["observedGeneration"] == 2);
}

BOOST_AUTO_TEST_CASE(gateway_with_attached_routes_cross_namespace) {
    GatewayLab lab;
    lab.add_namespace("other");
    lab.add_namespace("third");
    lab.apply(gateway_of(
        http_listener() + "," +
        http_listener("all", R"(,"allowedRoutes":{"namespaces":{"from":"All"}})", 81) + "," +
        http_listener(
            "some",
            R"(,"allowedRoutes":{"namespaces":{"from":"Selector","selector":{"matchLabels":{"team":"other"}}}})",
            82) +
        "," + http_listener("kinds", R"(,"allowedRoutes":{"kinds":[{"kind":"TCPRoute"}]})", 83)));
    lab.apply(route_of("own", kToWeb));
    lab.apply(route_of("others", kToWeb, "", "other"));
    lab.apply(route_of("thirds", kToWeb, "", "third"));
    BOOST_TEST(lab.attached(0) == 1); // Same
    BOOST_TEST(lab.attached(1) == 3);
    BOOST_TEST(lab.attached(2) == 1);
    BOOST_TEST(lab.attached(3) == 0);
    BOOST_TEST(lab.listener_condition("ResolvedRefs", 3) == "!InvalidRouteKinds");
    auto narrow = route_of("narrow", kToWeb, "", "third");
    narrow.body["spec"]["parentRefs"][0]["sectionName"] = "some";
    lab.apply(narrow);
    BOOST_TEST(lab.route_condition("narrow", "Accepted", "third") == "!NotAllowedByListeners");
    // What is allowed follows the labels of namespaces.
    lab.cluster.merge_patch(
        {"Namespace", "", "third"}, Json::parse(R"({"metadata":{"labels":{"team":"other"}}})"));
    lab.cluster.reconcile();
    BOOST_TEST(lab.route_condition("narrow", "Accepted", "third") == "Accepted");
    BOOST_TEST(lab.attached(2) == 3);
}

BOOST_AUTO_TEST_CASE(routes_that_do_not_attach_say_why) {
    GatewayLab lab;
    lab.apply(gateway_of(http_listener("http", R"(,"hostname":"*.example")")));
    lab.apply(route_of("host", kToWeb, R"("hostnames":["other.org"],)"));
    auto section = route_of("section", kToWeb);
    section.body["spec"]["parentRefs"][0]["sectionName"] = "nope";
    lab.apply(section);
    auto none = route_of("none", kToWeb);
    none.body["spec"]["parentRefs"][0]["name"] = "gone";
    lab.apply(none);
    BOOST_TEST(lab.route_condition("host", "Accepted") == "!NoMatchingListenerHostname");
    BOOST_TEST(lab.route_condition("section", "Accepted") == "!NoMatchingParent");
    BOOST_TEST(lab.route_condition("none", "Accepted") == "no parent");
    (void)lab.table();
    BOOST_TEST(
        lab.warned("host spec.parentRefs[0]: it is not attached: Gateway default/edge has no "
                   "listener with one of its hostnames"));
    BOOST_TEST(
        lab.warned("section spec.parentRefs[0]: it is not attached: Gateway default/edge has "
                   "no listener nope"));
    BOOST_TEST(lab.warned("none spec.parentRefs[0].name: it is attached to nothing: there is no "
                          "Gateway default/gone"));
}

BOOST_AUTO_TEST_CASE(invalid_backend_references) {
    GatewayLab lab;
    lab.serve("web");
    lab.apply(gateway_of(http_listener()));
    lab.apply(route_of("good", kToWeb));
    lab.apply(route_of("missing", R"("backendRefs":[{"name":"gone","port":80}])"));
    lab.apply(route_of("port", R"("backendRefs":[{"name":"web","port":81}])"));
    lab.apply(route_of(
        "kind", R"("backendRefs":[{"name":"web","kind":"Bucket","group":"acme.io","port":80}])"));
    lab.apply(route_of("nobody", R"("matches":[{"path":{"value":"/x"}}])"));
    const auto& table = lab.table();
    BOOST_TEST(lab.route_condition("good", "ResolvedRefs") == "ResolvedRefs");
    BOOST_TEST(lab.route_condition("missing", "ResolvedRefs") == "!BackendNotFound");
    BOOST_TEST(lab.route_condition("port", "ResolvedRefs") == "!BackendNotFound");
    BOOST_TEST(lab.route_condition("kind", "ResolvedRefs") == "!InvalidKind");
    BOOST_TEST(lab.route_condition("missing", "Accepted") == "Accepted");
    for (const auto& backend : table.backends) {
        const bool good = backend.service.name == "default/web:80";
        BOOST_TEST(backend.is_wrong == !good, backend.service.name);
        BOOST_TEST(backend.service.endpoints.size() == (good ? 2U : 0U), backend.service.name);
    }
    BOOST_TEST(lab.warned("nobody spec.rules[0]: its requests get 500"));
    lab.service("gone"); // there it is: without endpoints it is 503, and nothing is wrong
    BOOST_TEST(lab.route_condition("missing", "ResolvedRefs") == "ResolvedRefs");
    for (const auto& backend : lab.table().backends) {
        BOOST_TEST(!(backend.service.name == "default/gone:80" && backend.is_wrong));
    }
}

BOOST_AUTO_TEST_CASE(reference_grant) {
    GatewayLab lab;
    lab.add_namespace("other");
    lab.serve("web");
    lab.apply(
        gateway_of(http_listener("http", R"(,"allowedRoutes":{"namespaces":{"from":"All"}})")));
    lab.apply(route_of(
        "far", R"("backendRefs":[{"name":"web","namespace":"default","port":80}])", "", "other"));
    const auto resolved = [&] { return lab.route_condition("far", "ResolvedRefs", "other"); };
    BOOST_TEST(resolved() == "!RefNotPermitted");
    const std::string group = R"("group":"gateway.networking.k8s.io",)";
    const auto from = [&](const std::string& kind, const std::string& ns) {
        return "{" + group + R"("kind":")" + kind + R"(","namespace":")" + ns + "\"}";
    };
    const std::string services = R"({"group":"","kind":"Service"})";
    for (const auto& wrong :
         {grant("default", from("Gateway", "other"), services),
          grant("default", from("HTTPRoute", "third"), services),
          grant("default", from("HTTPRoute", "other"), R"({"group":"","kind":"Secret"})"),
          grant(
              "default",
              from("HTTPRoute", "other"),
              R"({"group":"","kind":"Service","name":"db"})"),
          grant("other", from("HTTPRoute", "other"), services)}) { // not where the target is
        lab.apply(wrong);
        BOOST_TEST(resolved() == "!RefNotPermitted", wrong.body.dump());
    }
    lab.apply(grant("default", from("HTTPRoute", "other"), services));
    BOOST_TEST(resolved() == "ResolvedRefs");
    lab.cluster.delete_object({"ReferenceGrant", "default", "grant"});
    lab.cluster.reconcile();
    BOOST_TEST(resolved() == "!RefNotPermitted");
}

BOOST_AUTO_TEST_CASE(https_listener_with_secrets) {
    GatewayLab lab;
    lab.add_namespace("other");
    lab.apply(gateway_of(secure_listener(R"({"name":"shop"})")));
    BOOST_TEST(lab.listener_condition("ResolvedRefs") == "!InvalidCertificateRef");
    BOOST_TEST(lab.listener_condition("Programmed") == "!Invalid");
    BOOST_TEST(lab.gateway_condition("Accepted") == "ListenersNotValid");
    const auto secret = [](const std::string& ns) {
        auto object = object_of(
            R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"shop","namespace":")" + ns +
            R"("},"type":"kubernetes.io/tls"})");
        object.body["data"] = {
            {"tls.crt", netemu::encode_base64(test_tls::file("ec.pem"))},
            {"tls.key", netemu::encode_base64(test_tls::file("ec.key"))}};
        return object;
    };
    lab.apply(secret("default"));
    BOOST_TEST(lab.listener_condition("ResolvedRefs") == "ResolvedRefs");
    BOOST_TEST(lab.listener_condition("Programmed") == "Programmed");
    BOOST_TEST(lab.table().certificates.at(0).secret == "default/shop");
    BOOST_TEST(lab.table().listeners.at(0).tls);
    lab.apply(secret("other"));
    lab.apply(gateway_of(secure_listener(R"({"name":"shop","namespace":"other"})")));
    BOOST_TEST(lab.listener_condition("ResolvedRefs") == "!RefNotPermitted");
    BOOST_TEST(lab.table().certificates.empty());
    lab.apply(grant(
        "other",
        R"({"group":"gateway.networking.k8s.io","kind":"Gateway","namespace":"default"})",
        R"({"group":"","kind":"Secret","name":"shop"})"));
    BOOST_TEST(lab.listener_condition("ResolvedRefs") == "ResolvedRefs");
    BOOST_TEST(lab.table().certificates.at(0).secret == "other/shop");
}

BOOST_AUTO_TEST_CASE(conflicted_listeners) {
    GatewayLab lab;
    lab.apply(gateway_of(
        http_listener() + "," +
        R"({"name":"b","protocol":"HTTPS","port":80,"tls":{"certificateRefs":[{"name":"x"}]}},)" +
        http_listener("c", "", 81) + R"(,{"name":"d","protocol":"TCP","port":82})"));
    for (const std::size_t clash : {0, 1}) {
        BOOST_TEST(lab.listener_condition("Conflicted", clash) == "ProtocolConflict");
        BOOST_TEST(lab.listener_condition("Accepted", clash) == "!ProtocolConflict");
        BOOST_TEST(lab.listener_condition("Programmed", clash) == "!Invalid");
    }
    BOOST_TEST(lab.listener_condition("Conflicted", 2) == "!NoConflicts");
    BOOST_TEST(lab.listener_condition("Programmed", 2) == "Programmed");
    BOOST_TEST(lab.listener_condition("Accepted", 3) == "!UnsupportedProtocol");
    BOOST_TEST(lab.gateway_condition("Accepted") == "ListenersNotValid");
    const auto service = lab.get("edge-labctl");
    const auto& ports = api::at(service, "spec.ports");
    BOOST_REQUIRE(ports.size() == 1U); // of the one that is accepted
    BOOST_TEST(ports[0]["port"] == 81);
}

BOOST_AUTO_TEST_CASE(filters_that_nobody_knows_are_not_passed_by) {
    GatewayLab lab;
    lab.serve("web");
    lab.apply(gateway_of(http_listener()));
    lab.apply(route_of(
        "web", R"("filters":[{"type":"ExtensionRef","extensionRef":{"name":"x"}}],)" + kToWeb));
    BOOST_TEST(
        lab.table().routes.at(0).rules.at(0).problem ==
        "a lab does not know the filter ExtensionRef, which may not be left out");
    BOOST_TEST(lab.route_condition("web", "PartiallyInvalid") == "UnsupportedValue");
}

BOOST_AUTO_TEST_CASE(expressions_are_of_re2) {
    GatewayLab lab;
    lab.apply(gateway_of(http_listener()));
    lab.apply(route_of(
        "bad",
        R"("matches":[{"path":{"type":"RegularExpression","value":"/a("},)"
        R"("headers":[{"name":"x","value":"b"},{"name":"y","type":"RegularExpression","value":"c["}]}],)" +
            kToWeb));
    (void)lab.table();
    BOOST_TEST(
        lab.warned("bad spec.rules[0].matches[0].path.value: \"/a(\" is no regular expression"));
    BOOST_TEST(lab.warned("bad spec.rules[0].matches[0].headers[1].value: \"c[\" is no regular"));
}

BOOST_AUTO_TEST_CASE(explanations) {
    GatewayLab lab;
    lab.serve("web");
    lab.apply(gateway_of(http_listener()));
    lab.apply(route_of(
        "shop",
        R"("matches":[{"path":{"value":"/a"},"headers":[{"name":"v","value":"2"}]},{"path":{"value":"/b"}}],)"
        R"("timeouts":{"request":"1m30s"},"backendRefs":[{"name":"web","port":80,"weight":3},{"name":"gone","port":80}])",
        R"("hostnames":["shop.example"],)"));
    lab.apply(route_of("lost", kToWeb, R"("hostnames":["shop.example"],)"));
    auto lost = route_of("lost", kToWeb, R"("hostnames":["shop.example"],)");
    lost.body["spec"]["parentRefs"][0]["port"] = 99;
    lab.apply(lost);
    lab.run_all();
    const auto explain = [&lab](
                             const std::string& url,
                             std::vector<std::pair<std::string, std::string>> headers = {}) {
        (void)lab.table();
        const auto of = explain::gateway_of_url(
            lab.store,
            lab.cluster.config(),
            lab.gateways.tables(),
            {},
            {"external", url, "default"});
        BOOST_TEST(of == "default/edge", url);
        return explain::explain_gateway(
            lab.store,
            lab.cluster.config(),
            lab.gateways,
            of,
            {"external", url, "default", "GET", std::move(headers)});
    };
    const auto found = explain("http://Shop.example/b/x?y");
    BOOST_TEST(found["outcome"] == "endpoint");
    BOOST_TEST(found["path"] == "/b/x");
    BOOST_TEST(found["listeners"][0]["chosen"] == true);
    BOOST_REQUIRE(found["rules"].size() == 2U);
    BOOST_TEST(found["rules"][0]["chosen"] == false);
    BOOST_TEST(found["rules"][0]["match"] == "/a/*, header v: 2");
    BOOST_TEST(found["rules"][1]["chosen"] == true);
    BOOST_TEST(found["backends"][0]["share"] == 0.75);
    BOOST_TEST(found["backends"][0]["endpoints"].size() == 2U);
    BOOST_TEST(found["backends"][1]["status"] == 500);
    BOOST_TEST(found["filters"][0] == "timeout of the request: 90000 ms");
    BOOST_TEST(found["gateway"]["pods"].size() == 1U);
    BOOST_TEST(
        found["notes"].dump().find("HTTPRoute default/lost") != std::string::npos, found["notes"]);
    BOOST_TEST(explain("http://shop.example/a")["outcome"] == "no-rule");
    BOOST_TEST(explain("http://shop.example/a", {{"V", "2"}})["outcome"] == "endpoint");
    BOOST_TEST(explain("http://shop.example:81/a")["outcome"] == "no-listener");
    BOOST_TEST(explain("https://shop.example/a")["outcome"] == "no-certificate");
    const auto address = lab.status("Gateway", "edge")["addresses"][0]["value"].get<std::string>();
    BOOST_TEST(explain("http://" + address + "/b")["status"] == 404);
    for (const auto* of_service : {"http://web/", "http://web.default:80/x"}) {
        const explain::ExplainQuestion question{"external", of_service, "default"};
        BOOST_TEST(
            explain::gateway_of_url(
                lab.store, lab.cluster.config(), lab.gateways.tables(), {}, question)
                .empty(),
            of_service);
    }
    BOOST_TEST(explain("http://elsewhere.example/")["outcome"] == "no-rule");
}

BOOST_AUTO_TEST_CASE(the_world_knows_the_hosts_of_routes) {
    GatewayLab lab;
    lab.apply(gateway_of(http_listener()));
    lab.apply(route_of("shop", kToWeb, R"("hostnames":["Shop.example"],)"));
    auto lost = route_of("lost", kToWeb, R"("hostnames":["lost.example"],)");
    lost.body["spec"]["parentRefs"][0]["sectionName"] = "nope";
    lab.apply(lost);
    const auto address = lab.status("Gateway", "edge")["addresses"][0]["value"].get<std::string>();
    BOOST_TEST(ingress_records(lab.store, "") == "shop.example. 60 IN A " + address + "\n");
}

BOOST_AUTO_TEST_SUITE_END()
