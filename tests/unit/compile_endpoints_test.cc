#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

constexpr const char* kSelectsWeb = R"("selector":{"app":"web"})";

Json endpoints_object(const ServiceLab& lab, const std::string& name) {
    const auto object = lab.store.get({"Endpoints", "default", name});
    return object ? object->body : Json();
}

api::Object slice_json(const std::string& name, const std::string& service) {
    return object_of(
        R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":")" +
        name + R"(","namespace":"default","labels":{"kubernetes.io/service-name":")" + service +
        R"("}},"addressType":"IPv4","endpoints":[{"addresses":["192.0.2.1"]}],"ports":[]})");
}

api::Object endpoints_json(const std::string& name, const std::string& metadata = {}) {
    return object_of(
        R"({"apiVersion":"v1","kind":"Endpoints","metadata":{"name":")" + name +
        R"(","namespace":"default")" + metadata +
        R"(},"subsets":[{"addresses":[{"ip":"192.0.2.1"}],"notReadyAddresses":[{"ip":"192.0.2.2"}],
        "ports":[{"port":5432,"protocol":"TCP"}]}]})");
}

} // namespace

BOOST_AUTO_TEST_SUITE(endpoint_controllers)

BOOST_AUTO_TEST_CASE(a_slice_says_what_is_behind_a_service) {
    ServiceLab lab;
    auto service = service_of("web", kSelectsWeb);
    service.body["metadata"]["labels"]["team"] = "a";
    const auto stored = lab.apply(service);
    lab.apply(workload("Deployment", "web", 2));
    lab.run_all();
    BOOST_TEST(
        lab.endpoints("web") == "10.244.1.2 ready serving\n"
                                "10.244.2.2 ready serving\n");
    const auto slice = lab.slices("web").at(0)->body;
    BOOST_TEST(slice["metadata"]["name"].get<std::string>().starts_with("web-"));
    BOOST_TEST(slice["metadata"]["name"].get<std::string>().size() == 9U);
    BOOST_TEST(
        slice["metadata"]["labels"] ==
        Json(
            {{"team", "a"},
             {"kubernetes.io/service-name", "web"},
             {"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}}));
    BOOST_TEST(slice["metadata"]["annotations"].contains(
        "endpoints.kubernetes.io/last-change-trigger-time"));
    BOOST_TEST(slice["metadata"]["ownerReferences"][0]["uid"] == stored["metadata"]["uid"]);
    BOOST_TEST(slice["metadata"]["ownerReferences"][0]["controller"] == true);
    BOOST_TEST(slice["ports"] == Json::parse(R"([{"name":"","port":80,"protocol":"TCP"}])"));
    const auto& endpoint = slice["endpoints"][0];
    BOOST_TEST(endpoint["nodeName"] == "node-1");
    BOOST_TEST(!endpoint.contains("zone"));
    BOOST_TEST(!endpoint.contains("hostname"));
    BOOST_TEST(!endpoint.contains("hints"));
    const auto pod =
        lab.store.get({"Pod", "default", endpoint["targetRef"]["name"].get<std::string>()});
    BOOST_TEST(endpoint["targetRef"]["uid"] == pod->uid());
    const auto subsets = endpoints_object(lab, "web")["subsets"];
    BOOST_TEST_REQUIRE(subsets.size() == 1U);
    BOOST_TEST(subsets[0]["addresses"].size() == 2U);
    BOOST_TEST(subsets[0]["addresses"][0]["ip"] == "10.244.1.2");
    BOOST_TEST(subsets[0]["ports"] == Json::parse(R"([{"port":80,"protocol":"TCP"}])"));
}

BOOST_AUTO_TEST_CASE(readiness_labels_and_deletion_change_it) {
    ServiceLab lab;
    lab.service("web", kSelectsWeb);
    lab.apply(bare_pod("a", "web"));
    lab.apply(bare_pod("b", "web"));
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2\n10.244.2.2\n"); // not ready yet
    lab.run_all();
    lab.set_ready("a", false);
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2\n10.244.2.2 ready serving\n");
    const auto subset = endpoints_object(lab, "web")["subsets"][0];
    BOOST_TEST(subset["notReadyAddresses"][0]["ip"] == "10.244.1.2");
    BOOST_TEST(subset["addresses"][0]["ip"] == "10.244.2.2");
    lab.set_ready("a", true);
    lab.cluster.label({"Pod", "default", "a"}, {{"app", "other"}}, true);
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web") == "10.244.2.2 ready serving\n");
    lab.cluster.label({"Pod", "default", "a"}, {{"app", "web"}}, true);
    lab.cluster.reconcile();
    lab.cluster.set_ready({"Pod", "default", "b"}, false);
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web") == "10.244.2.2\n10.244.1.2 ready serving\n"); // in its place
    lab.cluster.delete_object({"Pod", "default", "b"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2 ready serving\n");
    lab.cluster.set_runtime({"Pod", "default", "a"}, {true, false, "Succeeded", {}, {}, 0, 0});
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web").empty()); // ended
    BOOST_TEST(!endpoints_object(lab, "web").contains("subsets"));
}

BOOST_AUTO_TEST_CASE(a_service_without_endpoints_has_one_empty_slice) {
    ServiceLab lab;
    lab.service("web", kSelectsWeb);
    BOOST_TEST_REQUIRE(lab.slices("web").size() == 1U);
    const auto name = lab.slices("web")[0]->name();
    BOOST_TEST(lab.slices("web")[0]->body["endpoints"].empty());
    lab.apply(bare_pod("a", "web"));
    BOOST_TEST_REQUIRE(lab.slices("web").size() == 1U);
    BOOST_TEST(lab.slices("web")[0]->name() == name); // used again
    lab.cluster.delete_object({"Pod", "default", "a"});
    lab.cluster.reconcile();
    BOOST_TEST_REQUIRE(lab.slices("web").size() == 1U);
    BOOST_TEST(lab.slices("web")[0]->name() == name);
    const auto revision = lab.store.revision();
    lab.cluster.reconcile();
    BOOST_TEST(lab.store.revision() == revision);
    lab.remove("web");
    BOOST_TEST(lab.slices("web").empty());
    BOOST_TEST(endpoints_object(lab, "web").is_null());
}

BOOST_AUTO_TEST_CASE(slices_of_a_hundred) {
    ServiceLab lab(config_of(3));
    lab.service("web", kSelectsWeb);
    lab.apply(workload("Deployment", "web", 201));
    std::multiset<std::size_t> sizes;
    for (const auto& slice : lab.slices("web")) {
        sizes.insert(slice->body["endpoints"].size());
    }
    BOOST_TEST(
        sizes == (std::multiset<std::size_t>{1, 100, 100}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(named_ports_split_slices) {
    ServiceLab lab;
    lab.service(
        "web",
        R"("selector":{"app":"web"},"ports":[{"name":"http","port":80,"targetPort":"http"}])");
    const auto pod = [&](const std::string& name, const std::string& port_name, int number) {
        auto object = bare_pod(name, "web");
        object.body["spec"]["containers"][0]["ports"] = {
            {{"name", port_name}, {"containerPort", number}}};
        lab.apply(object);
    };
    pod("a", "http", 8080);
    pod("b", "http", 9090);
    pod("c", "other", 7070);
    lab.run_all();
    std::map<std::string, std::string> by_ports;
    for (const auto& slice : lab.slices("web")) {
        BOOST_TEST(slice->body["endpoints"].size() == 1U);
        by_ports[slice->body["ports"].dump()] = slice->body["endpoints"][0]["targetRef"]["name"];
    }
    BOOST_TEST(by_ports.size() == 3U);
    BOOST_TEST(by_ports[R"([{"name":"http","port":8080,"protocol":"TCP"}])"] == "a");
    BOOST_TEST(by_ports[R"([{"name":"http","port":9090,"protocol":"TCP"}])"] == "b");
    BOOST_TEST(by_ports["[]"] == "c");
    BOOST_TEST(endpoints_object(lab, "web")["subsets"].size() == 2U); // c has no such port
}

BOOST_AUTO_TEST_CASE(headless_hostname_and_publish) {
    ServiceLab lab;
    lab.service(
        "pg", R"("clusterIP":"None","selector":{"app":"pg"},"publishNotReadyAddresses":true)");
    lab.service("pg-all", R"("clusterIP":"None","selector":{"app":"pg"})");
    auto set = workload("StatefulSet", "pg", 1);
    set.body["spec"]["serviceName"] = "pg";
    lab.apply(set);
    BOOST_TEST(lab.endpoints("pg") == "10.244.1.2 ready\n"); // and serving tells the truth
    BOOST_TEST(lab.endpoints("pg-all") == "10.244.1.2\n");
    const auto slice = lab.slices("pg").at(0)->body;
    BOOST_TEST(slice["endpoints"][0]["hostname"] == "pg-0");
    BOOST_TEST(slice["metadata"]["labels"]["service.kubernetes.io/headless"] == "");
    BOOST_TEST(!lab.slices("pg-all").at(0)->body["endpoints"][0].contains("hostname"));
    BOOST_TEST(endpoints_object(lab, "pg")["subsets"][0]["addresses"][0]["hostname"] == "pg-0");
}

BOOST_AUTO_TEST_CASE(zones_and_hints) {
    auto config = config_of(2);
    config.nodes[0].zone = "a";
    config.nodes[1].zone = "b";
    ServiceLab lab(config);
    lab.service("web", R"("selector":{"app":"web"},"trafficDistribution":"PreferSameNode")");
    lab.apply(workload("Deployment", "web", 2));
    lab.run_all();
    auto first = lab.slices("web").at(0)->body["endpoints"][0];
    BOOST_TEST(first["zone"] == "a");
    BOOST_TEST(
        first["hints"] ==
        Json::parse(R"({"forNodes":[{"name":"node-1"}],"forZones":[{"name":"a"}]})"));
    lab.patch("web", R"("trafficDistribution":null)");
    BOOST_TEST(!lab.slices("web").at(0)->body["endpoints"][0].contains("hints"));
    lab.cluster.annotate(
        {"Service", "default", "web"}, {{"service.kubernetes.io/topology-mode", "Auto"}}, true);
    lab.cluster.reconcile();
    BOOST_TEST(
        lab.slices("web").at(0)->body["endpoints"][1]["hints"]["forZones"][0]["name"] == "b");
    lab.cluster.label({"Node", "", "node-1"}, {{"topology.kubernetes.io/zone", "c"}}, true);
    lab.cluster.reconcile();
    BOOST_TEST(lab.slices("web").at(0)->body["endpoints"][0]["zone"] == "c");
    lab.apply(workload("Deployment", "web", 1));
    BOOST_TEST(lab.events("TopologyAwareHintsDisabled").size() == 1U);
}

BOOST_AUTO_TEST_CASE(dual_stack_slices) {
    ServiceLab lab(dual_stack_config());
    lab.service("web", R"("selector":{"app":"web"},"ipFamilyPolicy":"RequireDualStack")");
    BOOST_TEST(lab.slices("web").size() == 2U); // one placeholder of each family
    lab.apply(bare_pod("a", "web"));
    lab.run_all();
    std::map<std::string, std::string> by_type;
    for (const auto& slice : lab.slices("web")) {
        by_type[slice->body["addressType"]] = slice->body["endpoints"][0]["addresses"][0];
    }
    BOOST_TEST(by_type["IPv4"] == "10.244.1.2");
    BOOST_TEST(by_type["IPv6"] == "fd00:10:244:1::2");
    BOOST_TEST(endpoints_object(lab, "web")["subsets"].size() == 1U); // the primary family only
}

BOOST_AUTO_TEST_CASE(hand_made_slices_are_left_alone) {
    ServiceLab lab;
    lab.service("db");
    lab.apply(slice_json("mine", "db"));
    BOOST_TEST(lab.slices("db").size() == 1U);
    lab.service("web", kSelectsWeb);
    lab.apply(slice_json("extra", "web"));
    lab.apply(bare_pod("a", "web"));
    BOOST_TEST(lab.slices("web").size() == 2U);
    BOOST_TEST(
        lab.store.get({"EndpointSlice", "default", "extra"})->body["endpoints"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_someone_else_does_to_a_managed_slice_is_undone) {
    ServiceLab lab;
    lab.service("web", kSelectsWeb);
    lab.apply(bare_pod("a", "web"));
    const auto slice = lab.slices("web").at(0)->key();
    lab.cluster.merge_patch(slice, Json::parse(R"({"endpoints":[]})"));
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2\n");
    lab.cluster.delete_object(slice);
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2\n");
    lab.cluster.delete_object({"Endpoints", "default", "web"});
    lab.cluster.reconcile();
    BOOST_TEST(!endpoints_object(lab, "web").is_null());
}

BOOST_AUTO_TEST_CASE(hand_made_endpoints_are_mirrored) {
    ServiceLab lab;
    lab.service("db");
    lab.apply(endpoints_json("db", R"(,"labels":{"tier":"data"})"));
    BOOST_TEST_REQUIRE(lab.slices("db").size() == 1U);
    const auto slice = lab.slices("db")[0]->body;
    BOOST_TEST(
        slice["metadata"]["labels"] == Json(
                                           {{"tier", "data"},
                                            {"kubernetes.io/service-name", "db"},
                                            {"endpointslice.kubernetes.io/managed-by",
                                             "endpointslicemirroring-controller.k8s.io"}}));
    BOOST_TEST(slice["metadata"]["ownerReferences"][0]["kind"] == "Endpoints");
    BOOST_TEST(lab.endpoints("db") == "192.0.2.1 ready serving\n192.0.2.2\n");
    BOOST_TEST(slice["ports"][0]["port"] == 5432);
    lab.cluster.merge_patch(
        {"Endpoints", "default", "db"},
        Json::parse(R"({"subsets":[{"addresses":[{"ip":"192.0.2.7"}],"ports":[{"port":5432}]}]})"));
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("db") == "192.0.2.7 ready serving\n");
    lab.cluster.delete_object({"Endpoints", "default", "db"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.slices("db").empty());
    lab.apply(endpoints_json("alone")); // no Service
    BOOST_TEST(lab.slices("alone").empty());
    lab.service("alone");
    BOOST_TEST(lab.slices("alone").size() == 1U);
    lab.service("skip");
    lab.apply(
        endpoints_json("skip", R"(,"labels":{"endpointslice.kubernetes.io/skip-mirror":"true"})"));
    BOOST_TEST(lab.slices("skip").empty());
    lab.service("lock");
    lab.apply(endpoints_json(
        "lock", R"(,"annotations":{"control-plane.alpha.kubernetes.io/leader":"x"})"));
    BOOST_TEST(lab.slices("lock").empty());
}

BOOST_AUTO_TEST_CASE(endpoints_hold_a_thousand) {
    auto config = config_of(6);
    ServiceLab lab(config);
    lab.service("web", kSelectsWeb);
    lab.apply(workload("Deployment", "web", 1001));
    const auto body = endpoints_object(lab, "web");
    BOOST_TEST(
        body["metadata"]["annotations"]["endpoints.kubernetes.io/over-capacity"] == "truncated");
    BOOST_TEST(body["subsets"][0]["notReadyAddresses"].size() == 1000U);
    BOOST_TEST(lab.slices("web").size() == 11U);
    lab.cluster.scale({"Deployment", "default", "web"}, 10);
    lab.cluster.reconcile();
    BOOST_TEST(!endpoints_object(lab, "web")["metadata"]["annotations"].contains(
        "endpoints.kubernetes.io/over-capacity"));
}

BOOST_AUTO_TEST_CASE(an_external_name_has_no_slices) {
    ServiceLab lab;
    lab.service("web", kSelectsWeb);
    lab.patch("web", R"("type":"ExternalName","externalName":"db.example.com")");
    BOOST_TEST(lab.slices("web").empty());
    BOOST_TEST(endpoints_object(lab, "web").is_null());
}

BOOST_AUTO_TEST_CASE(services_select_in_their_own_namespace) {
    ServiceLab lab;
    lab.cluster.apply_object(
        object_of(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}})"));
    lab.service("web", kSelectsWeb);
    auto pod = bare_pod("a", "web");
    pod.body["metadata"]["namespace"] = "other";
    lab.apply(pod);
    BOOST_TEST(lab.endpoints("web").empty());
    lab.service("none"); // no selector: not all pods, but nobody's business
    lab.apply(bare_pod("b", "web"));
    BOOST_TEST(lab.slices("none").empty());
}

BOOST_AUTO_TEST_SUITE_END()
