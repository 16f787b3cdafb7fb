#include <boost/test/unit_test.hpp>

#include "labctl/compile/service_ranges.h"
#include "labctl/store/journal.h"
#include "tests/support/temporary.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

BOOST_AUTO_TEST_SUITE(service_objects)

BOOST_AUTO_TEST_CASE(a_new_service_gets_an_address_and_its_defaults) {
    ServiceLab lab;
    const auto spec = lab.service("web");
    BOOST_TEST(spec["clusterIP"] == "10.96.1.1");
    BOOST_TEST(spec["clusterIPs"] == Json::array({"10.96.1.1"}));
    BOOST_TEST(spec["ipFamilies"] == Json::array({"IPv4"}));
    BOOST_TEST(spec["ipFamilyPolicy"] == "SingleStack");
    BOOST_TEST(spec["type"] == "ClusterIP");
    BOOST_TEST(spec["sessionAffinity"] == "None");
    BOOST_TEST(spec["internalTrafficPolicy"] == "Cluster");
    BOOST_TEST(!spec.contains("externalTrafficPolicy"));
    BOOST_TEST(lab.get("web")["status"] == Json({{"loadBalancer", Json::object()}}));
    BOOST_TEST(lab.service("other")["clusterIP"] == "10.96.1.2");
    BOOST_TEST(lab.service("web")["clusterIP"] == "10.96.1.1"); // apply again
}

BOOST_AUTO_TEST_CASE(the_service_kubernetes_has_the_first_address) {
    ServiceLab lab;
    const auto kubernetes = lab.get("kubernetes");
    BOOST_TEST(kubernetes["spec"]["clusterIP"] == "10.96.0.1");
    BOOST_TEST(kubernetes["spec"]["ports"][0]["port"] == 443);
    BOOST_TEST(lab.slices("kubernetes").empty());
}

BOOST_AUTO_TEST_CASE(requested_addresses) {
    ServiceLab lab;
    BOOST_TEST(lab.service("a", R"("clusterIP":"10.96.0.10")")["clusterIP"] == "10.96.0.10");
    BOOST_TEST(
        lab.refusal([&] { lab.service("b", R"("clusterIP":"10.96.0.10")"); }) ==
        "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.10\"]: failed to "
        "allocate IP 10.96.0.10: provided IP is already allocated");
    BOOST_TEST(
        lab.refusal([&] { lab.service("b", R"("clusterIP":"10.0.0.1")"); })
            .find("failed to allocate IP 10.0.0.1: the provided IP (10.0.0.1) is not in the valid "
                  "range") != std::string::npos);
    lab.remove("a");
    BOOST_TEST(lab.service("b", R"("clusterIP":"10.96.0.10")")["clusterIP"] == "10.96.0.10");
    const auto headless = lab.service("h", R"("clusterIP":"None")");
    BOOST_TEST(headless["clusterIP"] == "None");
    BOOST_TEST(headless["clusterIPs"] == Json::array({"None"}));
}

BOOST_AUTO_TEST_CASE(an_address_does_not_change) {
    ServiceLab lab;
    lab.service("web");
    BOOST_TEST(
        lab.refusal([&] { lab.patch("web", R"("clusterIP":"10.96.0.77")"); }) ==
        "Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.0.77\"]: may not "
        "change once set");
    BOOST_TEST(!lab.refusal([&] { lab.patch("web", R"("clusterIP":"None")"); }).empty());
    BOOST_TEST(
        lab.patch("web", R"("clusterIP":null,"clusterIPs":null)")["clusterIP"] == "10.96.1.1");
}

BOOST_AUTO_TEST_CASE(a_full_range_says_so) {
    auto lab_object = ClusterConfig::default_lab("test", 1);
    lab_object.body["spec"]["serviceCIDR"] = "10.96.0.0/30"; // .1 is kubernetes, .2 is left
    lab_object.body["spec"]["dns"] = {{"enabled", false}};
    ServiceLab lab(ClusterConfig::from_lab(lab_object));
    BOOST_TEST(lab.service("a")["clusterIP"] == "10.96.0.2");
    BOOST_TEST(lab.refusal([&] {
        lab.service("b");
    }) == "Internal error occurred: failed to allocate a serviceIP: range is full");
    lab.remove("a");
    BOOST_TEST(lab.service("b")["clusterIP"] == "10.96.0.2");
}

BOOST_AUTO_TEST_CASE(node_ports) {
    ServiceLab lab;
    BOOST_TEST(lab.service("a", R"("type":"NodePort")")["ports"][0]["nodePort"] == 30086);
    const auto requested = R"("type":"NodePort","ports":[{"port":80,"nodePort":30080}])";
    BOOST_TEST(lab.service("b", requested)["ports"][0]["nodePort"] == 30080);
    BOOST_TEST(
        lab.refusal([&] { lab.service("c", requested); }) ==
        "Service \"c\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is "
        "already allocated");
    BOOST_TEST(
        lab.refusal([&] {
               lab.service("c", R"("type":"NodePort","ports":[{"port":80,"nodePort":80}])");
           })
            .find("The range of valid ports is 30000-32767") != std::string::npos);
    // 53/TCP and 53/UDP share a number.
    const auto dns = lab.service(
        "dns",
        R"("type":"NodePort","ports":[{"name":"t","port":53,"protocol":"TCP"},
        {"name":"u","port":53,"protocol":"UDP"},{"name":"m","port":54,"protocol":"TCP"}])");
    BOOST_TEST(dns["ports"][0]["nodePort"] == dns["ports"][1]["nodePort"]);
    BOOST_TEST(dns["ports"][0]["nodePort"] != dns["ports"][2]["nodePort"]);
    BOOST_TEST(dns["externalTrafficPolicy"] == "Cluster");
    // Applying the manifest without a number again keeps it.
    BOOST_TEST(lab.service("a", R"("type":"NodePort")")["ports"][0]["nodePort"] == 30086);
    lab.remove("b");
    lab.service("c", requested);
}

BOOST_AUTO_TEST_CASE(a_change_of_type_gives_back_what_it_no_longer_has) {
    ServiceLab lab;
    const auto before = lab.service("web", R"("type":"NodePort")");
    auto after = lab.patch("web", R"("type":"ClusterIP")");
    BOOST_TEST(!after["ports"][0].contains("nodePort"));
    BOOST_TEST(!after.contains("externalTrafficPolicy"));
    BOOST_TEST(after["clusterIP"] == before["clusterIP"]);
    lab.service(
        "next", R"("type":"NodePort","ports":[{"port":80,"nodePort":30086}])"); // free again
    after = lab.patch("web", R"("type":"ExternalName","externalName":"db.example.com")");
    BOOST_TEST(!after.contains("clusterIP"));
    BOOST_TEST(!after.contains("clusterIPs"));
    BOOST_TEST(!after.contains("ipFamilies"));
    BOOST_TEST(
        lab.service("third", "\"clusterIP\":" + before["clusterIP"].dump())["clusterIP"] ==
        before["clusterIP"]);
    after = lab.patch("web", R"("type":"ClusterIP","externalName":null)");
    BOOST_TEST(after["clusterIP"].get<std::string>().starts_with("10.96."));
}

BOOST_AUTO_TEST_CASE(health_check_node_port) {
    ServiceLab lab;
    const auto local = R"("type":"LoadBalancer","externalTrafficPolicy":"Local")";
    const auto spec = lab.service("web", local);
    const auto port = spec["healthCheckNodePort"].get<int>();
    BOOST_TEST(port != spec["ports"][0]["nodePort"].get<int>());
    BOOST_TEST(NodePortRange::contains(port));
    BOOST_TEST(
        lab.refusal([&] { lab.patch("web", R"("healthCheckNodePort":30500)"); }) ==
        "Service \"web\" is invalid: spec.healthCheckNodePort: Invalid value: 30500: field is "
        "immutable");
    BOOST_TEST(lab.service("web", local)["healthCheckNodePort"] == port);
    BOOST_TEST(
        !lab.patch("web", R"("externalTrafficPolicy":"Cluster")").contains("healthCheckNodePort"));
    const auto asked = std::string(local) + R"(,"healthCheckNodePort":30600)";
    BOOST_TEST(lab.service("b", asked)["healthCheckNodePort"] == 30600);
    BOOST_TEST(
        lab.refusal([&] { lab.service("c", asked); }).find("already allocated") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_load_balancer_without_node_ports) {
    ServiceLab lab;
    const auto spec =
        lab.service("web", R"("type":"LoadBalancer","allocateLoadBalancerNodePorts":false)");
    BOOST_TEST(!spec["ports"][0].contains("nodePort"));
}

BOOST_AUTO_TEST_CASE(families_of_a_single_stack_cluster) {
    ServiceLab lab;
    BOOST_TEST(
        lab.service("a", R"("ipFamilyPolicy":"PreferDualStack")")["clusterIPs"].size() == 1U);
    BOOST_TEST(
        lab.refusal([&] { lab.service("b", R"("ipFamilyPolicy":"RequireDualStack")"); }) ==
        "Service \"b\" is invalid: spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": "
        "Cluster is not configured for dual-stack services");
    BOOST_TEST(
        lab.refusal([&] { lab.service("b", R"("ipFamilies":["IPv6"])"); }) ==
        "Service \"b\" is invalid: spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on "
        "this cluster");
    const auto headless = lab.service("h", R"("clusterIP":"None")");
    BOOST_TEST(headless["ipFamilyPolicy"] == "RequireDualStack");
    BOOST_TEST(headless["ipFamilies"] == Json::array({"IPv4", "IPv6"}));
    const auto selected = lab.service("s", R"("clusterIP":"None","selector":{"app":"s"})");
    BOOST_TEST(selected["ipFamilyPolicy"] == "SingleStack");
}

BOOST_AUTO_TEST_CASE(families_of_a_dual_stack_cluster) {
    ServiceLab lab(dual_stack_config());
    BOOST_TEST(lab.service("single")["clusterIPs"].size() == 1U);
    const auto both = lab.service("both", R"("ipFamilyPolicy":"RequireDualStack")");
    BOOST_TEST(both["clusterIPs"] == Json::array({"10.96.1.2", "fd00:10:96::101"}));
    BOOST_TEST(both["clusterIP"] == "10.96.1.2");
    const auto six =
        lab.service("six", R"("ipFamilyPolicy":"PreferDualStack","ipFamilies":["IPv6"])");
    BOOST_TEST(six["ipFamilies"] == Json::array({"IPv6", "IPv4"}));
    BOOST_TEST(six["clusterIP"].get<std::string>().starts_with("fd00:10:96::"));
    BOOST_TEST(
        lab.service("asked", R"("clusterIP":"fd00:10:96::7")")["ipFamilies"] ==
        Json::array({"IPv6"}));
    BOOST_TEST(
        lab.refusal([&] {
            lab.service("x", R"("clusterIP":"10.96.0.5","ipFamilies":["IPv6"])");
        }) == "Service \"x\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.0.5\"]: "
              "expected an IPv6 value as indicated by `ipFamilies[0]`");
    BOOST_TEST(
        lab.refusal([&] { lab.service("x", R"("ipFamilies":["IPv4","IPv6"])"); })
            .find("must be RequireDualStack or PreferDualStack") != std::string::npos);
    // The second family may come and go, the first one may not.
    BOOST_TEST(
        lab.patch("single", R"("ipFamilyPolicy":"PreferDualStack")")["clusterIPs"].size() == 2U);
    const auto less = lab.patch("both", R"("ipFamilyPolicy":"SingleStack")");
    BOOST_TEST(less["clusterIPs"] == Json::array({"10.96.1.2"}));
    BOOST_TEST(less["ipFamilies"] == Json::array({"IPv4"}));
    BOOST_TEST(
        lab.refusal([&] { lab.patch("single", R"("ipFamilies":["IPv6","IPv4"])"); })
            .find("spec.ipFamilies[0]") ==
        std::string::npos); // the address of the family is wrong first
    BOOST_TEST(!lab.refusal([&] { lab.patch("both", R"("ipFamilies":["IPv6"])"); }).empty());
}

/// What a Service holds is what the store says: a rolled back edit, a journal and a copy need
/// nothing else.
BOOST_AUTO_TEST_CASE(what_is_taken_out_of_the_store_is_free_again) {
    ServiceLab lab;
    lab.service("a", R"("clusterIP":"10.96.0.10")");
    const auto object = lab.store.get({"Service", "default", "a"});
    lab.store.remove(object->key());
    lab.service("b", R"("clusterIP":"10.96.0.10")");
    lab.store.put(*object); // both: the first by name has it
    BOOST_TEST(!lab.refusal([&] { lab.service("c", R"("clusterIP":"10.96.0.10")"); }).empty());
    store::Store copy = lab.store.snapshot();
    Cluster cluster(copy, config_of(3));
    BOOST_TEST(
        cluster.apply_object(service_of("new")).object->body["spec"]["clusterIP"] == "10.96.1.1");
}

BOOST_AUTO_TEST_CASE(addresses_survive_a_restart) {
    const netemu::test::TemporaryJournal folder;
    const auto path = folder.file();
    std::string before;
    std::set<std::string> slices;
    const auto picture = [](const store::Store& store) {
        std::string text;
        for (const auto& service : store.list("Service")) {
            text += service->body["spec"].dump() + service->body["status"].dump() + "\n";
        }
        return text;
    };
    {
        ServiceLab lab;
        auto journal = store::Journal::open(path);
        journal.follow(lab.store);
        lab.service("a", R"("type":"LoadBalancer","selector":{"app":"web"})");
        lab.service("b", R"("type":"NodePort")");
        lab.remove("a");
        lab.service("a", R"("type":"LoadBalancer","selector":{"app":"web"})");
        lab.apply(workload("Deployment", "web", 3));
        lab.run_all();
        journal.flush();
        before = picture(lab.store);
        for (const auto& slice : lab.slices("a")) {
            slices.insert(slice->name() + slice->uid());
        }
        store::Journal::remove_file(path);
        journal = store::Journal::open(path);
        journal.follow(lab.store);
        for (const auto& kind : lab.store.kinds()) {
            for (const auto& object : lab.store.list(kind)) {
                auto touched = *object;
                touched.body["metadata"]["annotations"]["x"] = "y";
                lab.store.put(std::move(touched));
            }
        }
        journal.flush();
    }
    store::Store store;
    auto journal = store::Journal::open(path);
    for (auto& object : journal.load()) {
        store.put(std::move(object));
    }
    Cluster cluster(store, config_of(3));
    cluster.bootstrap();
    cluster.reconcile();
    BOOST_TEST(picture(store) == before);
    std::set<std::string> again;
    for (const auto& slice : store.list(
             "EndpointSlice", "default", api::Selector::parse("kubernetes.io/service-name=a"))) {
        again.insert(slice->name() + slice->uid());
    }
    BOOST_TEST(again == slices, boost::test_tools::per_element());
    BOOST_TEST(
        cluster.apply_object(service_of("c", R"("type":"NodePort")"))
            .object->body["spec"]["clusterIP"] !=
        store.get({"Service", "default", "b"})->body["spec"]["clusterIP"]);
}

BOOST_AUTO_TEST_CASE(a_service_of_another_range_gets_a_new_address) {
    ServiceLab lab;
    lab.service("web");
    store::Store copy = lab.store.snapshot();
    auto other = ClusterConfig::default_lab("test", 3);
    other.body["spec"]["serviceCIDR"] = "10.200.0.0/16";
    Cluster cluster(copy, ClusterConfig::from_lab(other));
    cluster.bootstrap();
    cluster.reconcile();
    for (const auto& service : copy.list("Service")) {
        BOOST_TEST(service->body["spec"]["clusterIP"].get<std::string>().starts_with("10.200."));
    }
}

BOOST_AUTO_TEST_SUITE_END()
