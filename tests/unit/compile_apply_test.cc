#include <boost/test/unit_test.hpp>

#include "labctl/compile/merge.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

std::string merged(
    const std::string& original,
    const std::string& modified,
    const std::string& current,
    bool typed = true) {
    return three_way_merge(
               original.empty() ? Json() : Json::parse(original),
               Json::parse(modified),
               Json::parse(current),
               typed)
        .dump();
}

} // namespace

BOOST_AUTO_TEST_CASE(three_way_merge_table) {
    struct Case {
        const char* what;
        const char* original;
        const char* modified;
        const char* current;
        const char* expected;
    };
    const std::vector<Case> cases{
        {"sets", "", R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})"},
        {"removes what it had set",
         R"({"a":1,"x":1})",
         R"({"a":1})",
         R"({"a":1,"b":2,"x":1})",
         R"({"a":1,"b":2})"},
        {"keeps what others set",
         R"({"a":1})",
         R"({"a":1})",
         R"({"a":1,"b":2})",
         R"({"a":1,"b":2})"},
        {"takes back what others changed", R"({"a":1})", R"({"a":1})", R"({"a":5})", R"({"a":1})"},
        {"goes into objects",
         R"({"o":{"a":1,"b":1}})",
         R"({"o":{"a":2}})",
         R"({"o":{"a":1,"b":1,"c":3}})",
         R"({"o":{"a":2,"c":3}})"},
        {"null removes", "", R"({"a":null})", R"({"a":1,"b":2})", R"({"b":2})"},
        {"lists are replaced",
         R"({"l":[1,2]})",
         R"({"l":[3]})",
         R"({"l":[1,2,9]})",
         R"({"l":[3]})"},
        {"an object in place of a value", "", R"({"a":{"b":1}})", R"({"a":7})", R"({"a":{"b":1}})"},
        {"containers by name",
         R"({"containers":[{"name":"a","image":"1","env":[{"name":"X","value":"1"}]}]})",
         R"({"containers":[{"name":"a","image":"2"}]})",
         R"({"containers":[{"name":"a","image":"1","env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}]},{"name":"injected","image":"s"}]})",
         R"({"containers":[{"image":"2","name":"a"},{"image":"s","name":"injected"}]})"},
        {"a removed container goes",
         R"({"containers":[{"name":"a"},{"name":"b"}]})",
         R"({"containers":[{"name":"b"}]})",
         R"({"containers":[{"name":"a"},{"name":"b"}]})",
         R"({"containers":[{"name":"b"}]})"},
        {"env by name",
         R"({"env":[{"name":"X","value":"1"}]})",
         R"({"env":[{"name":"X","value":"9"}]})",
         R"({"env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}]})",
         R"({"env":[{"name":"X","value":"9"},{"name":"Y","value":"2"}]})"},
        {"ports that share a number are replaced as a whole",
         "",
         R"({"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]})",
         R"({"ports":[{"port":53,"protocol":"UDP","nodePort":30000}]})",
         R"({"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]})"}};
    for (const auto& item : cases) {
        BOOST_TEST(
            merged(item.original, item.modified, item.current) == Json::parse(item.expected).dump(),
            item.what);
    }
    BOOST_TEST(
        merged("", R"({"env":[{"name":"X"}]})", R"({"env":[{"name":"Y"}]})", false) ==
        R"({"env":[{"name":"X"}]})"); // of kinds that we do not know, lists have no identity
}

BOOST_AUTO_TEST_CASE(created_configured_unchanged) {
    Lab lab;
    auto web = workload("Deployment", "web", 2);
    BOOST_TEST((lab.apply(web).action == Applied::Created));
    BOOST_TEST((lab.apply(web).action == Applied::Unchanged));
    lab.run_all();
    const auto revision = lab.store.revision();
    BOOST_TEST((lab.apply(web).action == Applied::Unchanged));
    BOOST_TEST(lab.store.revision() == revision);
    web.body["metadata"]["labels"]["a"] = "b";
    BOOST_TEST((lab.apply(web).action == Applied::Configured));
    BOOST_TEST(to_string(Applied::Configured) == "configured");
}

BOOST_AUTO_TEST_CASE(what_controllers_and_others_wrote_survives) {
    Lab lab;
    auto pod = bare_pod("web");
    pod.body["metadata"]["labels"]["mine"] = "1";
    lab.apply(pod);
    lab.run_all();
    lab.cluster.label({"Pod", "default", "web"}, {{"theirs", "1"}}, false);
    lab.cluster.reconcile();
    const auto before = lab.get("Pod", "web");
    pod.body["metadata"]["labels"].erase("mine");
    pod.body["metadata"]["labels"]["new"] = "1";
    BOOST_TEST((lab.apply(pod).action == Applied::Configured));
    const auto after = lab.get("Pod", "web");
    BOOST_TEST(after->body["status"] == before->body["status"]);
    BOOST_TEST(after->body["spec"] == before->body["spec"]);
    BOOST_TEST(after->uid() == before->uid());
    BOOST_TEST((after->labels() == api::Labels{{"app", "bare"}, {"new", "1"}, {"theirs", "1"}}));
}

BOOST_AUTO_TEST_CASE(replicas_that_were_never_applied_stay_scaled) {
    Lab lab;
    auto web = workload("Deployment", "web", 2);
    web.body["spec"].erase("replicas");
    lab.apply(web);
    lab.cluster.scale({"Deployment", "default", "web"}, 4);
    lab.cluster.reconcile();
    BOOST_TEST((lab.apply(web).action == Applied::Unchanged));
    BOOST_TEST(lab.list("Pod").size() == 4U);
    web.body["spec"]["replicas"] = 1;
    lab.apply(web);
    BOOST_TEST(lab.get("Deployment", "web")->body["spec"]["replicas"] == 1);
}

BOOST_AUTO_TEST_CASE(users_cannot_set_what_is_not_theirs) {
    Lab lab;
    auto pod = bare_pod("web");
    pod.body["status"] = {{"phase", "Running"}, {"podIP", "1.2.3.4"}};
    pod.body["metadata"]["uid"] = "made-up";
    pod.body["metadata"]["resourceVersion"] = "77";
    pod.body["metadata"].erase("namespace");
    lab.apply(pod);
    const auto stored = lab.get("Pod", "web");
    BOOST_TEST_REQUIRE(stored != nullptr); // in the default namespace
    BOOST_TEST(stored->uid() != "made-up");
    BOOST_TEST(lab.ip_of("web") == "10.244.1.2");
    BOOST_TEST(lab.status("Pod", "web")["phase"] == "Pending");
}

BOOST_AUTO_TEST_CASE(the_defaulter_fills_in_and_the_last_applied_is_the_users) {
    Lab lab;
    lab.cluster.set_defaulter([](api::Object& object, bool /*fresh*/) {
        if (object.kind() == "Deployment" && !object.body["spec"].contains("replicas")) {
            object.body["spec"]["replicas"] = 1;
        }
    });
    auto web = workload("Deployment", "web");
    web.body["spec"].erase("replicas");
    lab.apply(web);
    const auto stored = lab.get("Deployment", "web");
    BOOST_TEST(stored->body["spec"]["replicas"] == 1);
    const auto last =
        Json::parse(stored->annotations().at("kubectl.kubernetes.io/last-applied-configuration"));
    BOOST_TEST(!last["spec"].contains("replicas"));
    lab.cluster.scale({"Deployment", "default", "web"}, 3);
    BOOST_TEST((lab.apply(web).action == Applied::Unchanged));
    BOOST_TEST(lab.list("Pod").size() == 3U);
}

BOOST_AUTO_TEST_CASE(an_object_made_by_the_cluster_can_be_applied_over) {
    Lab lab;
    const auto result = lab.apply_json(
        R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default","labels":{"a":"b"}}})");
    BOOST_TEST((result.action == Applied::Configured));
    BOOST_TEST(lab.get("ServiceAccount", "default")->labels().at("a") == "b");
    const auto ns =
        lab.apply_json(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    BOOST_TEST(ns.object->labels().at("kubernetes.io/metadata.name") == "default");
    BOOST_TEST(ns.object->body["status"]["phase"] == "Active");
}

BOOST_AUTO_TEST_CASE(nodes_take_labels_and_taints_from_a_manifest) {
    Lab lab;
    lab.apply_json(
        R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"node-1","labels":{"disk":"ssd"}},
            "spec":{"taints":[{"key":"gpu","effect":"NoSchedule"}]}})");
    const auto node = lab.store.get({"Node", "", "node-1"});
    BOOST_TEST(node->labels().at("disk") == "ssd");
    BOOST_TEST(node->labels().at("kubernetes.io/hostname") == "node-1");
    BOOST_TEST(node->body["spec"]["podCIDR"] == "10.244.1.0/24");
    BOOST_TEST(api::at(node->body, "status.addresses").size() == 2U);
}
