#include <memory>

#include <boost/test/unit_test.hpp>

#include "labctl/check/selector.h"
#include "tests/unit/check_fixture.h"

using namespace labctl::check;
using labctl::api::Json;
using labctl::check::testing::small_world;

namespace {

std::string labels_of(const std::vector<Party>& parties) {
    std::string text;
    for (const auto& party : parties) {
        text += (text.empty() ? "" : " ") + party.label();
    }
    return text;
}

Side side_of(const std::string& text, const std::string& except = {}) {
    Side side{parse_terms(text), {}, text};
    if (!except.empty()) {
        side.except = parse_terms(except);
    }
    return side;
}

std::string
select(const std::string& text, Role role = Role::Source, const std::string& except = {}) {
    return labels_of(resolve(side_of(text, except), small_world(), "default", role));
}

std::string nothing(const std::string& text, Role role = Role::Source) {
    return explain_nothing(side_of(text), small_world(), "default", role);
}

} // namespace

BOOST_AUTO_TEST_SUITE(selector)

BOOST_AUTO_TEST_CASE(a_word_is_a_pod_then_a_workload_then_a_label) {
    BOOST_TEST(select("client") == "default/client");
    BOOST_TEST(select("frontend") == "default/frontend-a default/frontend-b");
    BOOST_TEST(select("frontend-5d9") == "default/frontend-a default/frontend-b");
    BOOST_TEST(select("prod/api") == "prod/api");
    auto world = small_world();
    world.pods[4].name = "x-1"; // now only its label says api
    BOOST_TEST(
        labels_of(resolve(side_of("prod/api"), world, "default", Role::Source)) == "prod/x-1");
    world.pods[0].name = "frontend"; // a Pod of that name hides the Deployment
    BOOST_TEST(
        labels_of(resolve(side_of("frontend"), world, "default", Role::Source)) ==
        "default/frontend");
}

BOOST_AUTO_TEST_CASE(a_service_is_a_target_only_if_nothing_else_has_the_name) {
    BOOST_TEST(select("db", Role::Target) == "default/db-0");
    BOOST_TEST(select("svc/db", Role::Target) == "service/default/db");
    auto world = small_world();
    world.pods[1].owners.clear();
    const auto side = side_of("db");
    BOOST_TEST(labels_of(resolve(side, world, "default", Role::Target)) == "service/default/db");
    BOOST_TEST(labels_of(resolve(side, world, "default", Role::Source)) == "");
}

BOOST_AUTO_TEST_CASE(globs_namespaces_kinds) {
    BOOST_TEST(select("frontend-*") == "default/frontend-a default/frontend-b");
    BOOST_TEST(select("*") == "default/client default/db-0 default/frontend-a default/frontend-b");
    BOOST_TEST(select("*/*", Role::Source, "*").starts_with("prod/api"));
    BOOST_TEST(select("*", Role::Source, "frontend,client") == "default/db-0");
    BOOST_TEST(select("p*/api") == "prod/api");
    BOOST_TEST(select("deployment/frontend") == "default/frontend-a default/frontend-b");
    BOOST_TEST(select("sts/frontend") == "");
    BOOST_TEST(select("pod/frontend") == "");
    BOOST_TEST(select("pod/frontend-a,frontend") == "default/frontend-a default/frontend-b");
    BOOST_TEST(select("node/*") == "node/node-1 node/node-2");
    BOOST_TEST(select("node/node-2, external") == "node/node-2 external");
    BOOST_TEST(select("prod/{tier in (back,front)}") == "prod/api");
    BOOST_TEST(select("{tier=back}") == "");
}

BOOST_AUTO_TEST_CASE(finished_and_terminating_pods_are_not_selected) {
    auto world = small_world();
    world.pods[2].terminating = true;
    world.pods[3].phase = "Succeeded";
    BOOST_TEST(labels_of(resolve(side_of("frontend*"), world, "default", Role::Source)) == "");
}

BOOST_AUTO_TEST_CASE(nothing_is_explained) {
    BOOST_TEST(
        nothing("cliemt").find("did you mean 'client'") != std::string::npos, nothing("cliemt"));
    BOOST_TEST(nothing("api").find("did you mean 'prod/api'") != std::string::npos, nothing("api"));
    BOOST_TEST(nothing("idle") == "deployment default/idle has no pods that run");
    BOOST_TEST(
        nothing("node/node-3").find("did you mean 'node/node-1'") != std::string::npos,
        nothing("node/node-3"));
    BOOST_TEST(nothing("{app=zzz}") == "nothing matches '{app=zzz}' in namespace 'default'");
    BOOST_TEST(nothing("*/zzzzzzz") == "nothing matches '*/zzzzzzz' in any namespace");
    const auto side = side_of("client", "client");
    BOOST_TEST(
        explain_nothing(side, small_world(), "default", Role::Source).find("'except'") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(hosts_and_routers_of_the_underlay) {
    auto world = small_world();
    const auto found = [&](const char* text) {
        std::string names;
        for (const auto& party : resolve(side_of(text), world, "default", Role::Source)) {
            names += party.label() + " " + (party.ips().empty() ? "-" : party.ips().front()) + ", ";
        }
        return names;
    };
    const auto before = found("*/*");
    BOOST_TEST(found("host/h1") == ""); // there is none, and no such namespace
    world.devices = {{"host/h1", {"10.1.0.2"}}, {"host/h2", {"10.1.1.2"}}, {"router/r1", {}}};
    BOOST_TEST(found("host/h1") == "host/h1 10.1.0.2, ");
    BOOST_TEST(found("host/*") == "host/h1 10.1.0.2, host/h2 10.1.1.2, ");
    BOOST_TEST(found("router/r1") == "router/r1 -, ");
    BOOST_TEST(found("external").starts_with("external "));
    BOOST_TEST(found("*/*") == before);
}

BOOST_AUTO_TEST_CASE(the_world_is_read_from_objects) {
    const auto make = [](const char* text) {
        return std::make_shared<const labctl::api::Object>(
            labctl::api::Object{Json::parse(text), {}});
    };
    const std::vector<labctl::api::ObjectPtr> objects{
        make(
            R"({"kind":"Pod","metadata":{"name":"web-5d9-x","namespace":"prod","labels":{"app":"web"},
            "ownerReferences":[{"kind":"ReplicaSet","name":"web-5d9","controller":true}]},
            "spec":{"nodeName":"node-1","containers":[{"ports":[{"name":"http","containerPort":80},
            {"containerPort":53,"protocol":"UDP"}]}],
            "initContainers":[{"ports":[{"containerPort":1}]},
                {"restartPolicy":"Always","ports":[{"containerPort":2}]}]},
            "status":{"phase":"Running","podIP":"10.244.1.2",
            "podIPs":[{"ip":"10.244.1.2"},{"ip":"fd00::2"}]}})"),
        make(R"({"kind":"ReplicaSet","metadata":{"name":"web-5d9","namespace":"prod",
            "ownerReferences":[{"kind":"Deployment","name":"web","controller":true}]}})"),
        make(R"({"kind":"Deployment","metadata":{"name":"web","namespace":"prod"}})"),
        make(R"({"kind":"Node","metadata":{"name":"node-1"},
            "spec":{"podCIDR":"10.244.1.0/24","podCIDRs":["10.244.1.0/24","fd00:1::/64"]},
            "status":{"addresses":[{"type":"Hostname","address":"node-1"},
            {"type":"InternalIP","address":"172.18.0.2"}]}})"),
        make(R"({"kind":"Service","metadata":{"name":"web","namespace":"prod"},
            "spec":{"clusterIP":"10.96.0.1","ports":[{"port":80}]}})"),
        make(R"({"kind":"Service","metadata":{"name":"none","namespace":"prod"},
            "spec":{"clusterIP":"None"}})"),
        make(R"({"kind":"ConfigMap","metadata":{"name":"x"}})")};
    const auto world = World::from_objects(objects);
    BOOST_REQUIRE_EQUAL(world.pods.size(), 1U);
    const auto& pod = world.pods[0];
    BOOST_TEST(pod.id() == "prod/web-5d9-x");
    BOOST_REQUIRE_EQUAL(pod.owners.size(), 2U);
    BOOST_TEST(pod.owners[1].first == "Deployment");
    BOOST_TEST(pod.ips.size() == 2U);
    BOOST_REQUIRE_EQUAL(
        pod.ports.size(), 3U); // a side container's ports count, an init container's do not
    BOOST_TEST(pod.ports[0].number == 2);
    BOOST_TEST(pod.ports[2].protocol == "UDP");
    BOOST_REQUIRE_EQUAL(world.nodes.size(), 1U);
    BOOST_TEST(world.nodes[0].ips.at(0) == "172.18.0.2");
    BOOST_REQUIRE_EQUAL(world.services.size(), 2U);
    BOOST_TEST(world.services[0].ips.at(0) == "10.96.0.1");
    BOOST_TEST(world.services[1].ips.empty());
    BOOST_TEST(world.workloads.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
