#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

BOOST_AUTO_TEST_CASE(a_deleted_deployment_takes_everything_with_it) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 4));
    lab.apply(workload("StatefulSet", "db", 1));
    lab.run_all();
    lab.cluster.delete_object({"Deployment", "default", "web"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.list("ReplicaSet").empty());
    BOOST_TEST((lab.names("Pod") == std::set<std::string>{"db-0"}));
    lab.cluster.delete_object({"StatefulSet", "default", "db"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.list("Pod").empty());
    BOOST_TEST(lab.messages("Killing").size() == 5U);
}

BOOST_AUTO_TEST_CASE(orphaned_pods_stay_and_run_on) {
    Lab lab;
    lab.apply(workload("ReplicaSet", "web", 2));
    lab.run_all();
    const auto names = lab.names("Pod");
    lab.cluster.delete_object({"ReplicaSet", "default", "web"}, Propagation::Orphan);
    lab.cluster.reconcile();
    BOOST_TEST(lab.names("Pod") == names);
    for (const auto& pod : lab.list("Pod")) {
        BOOST_TEST(!pod->body["metadata"].contains("ownerReferences"));
        BOOST_TEST(pod->body["status"]["phase"] == "Running");
    }
}

BOOST_AUTO_TEST_CASE(any_kind_can_own_and_be_owned) {
    Lab lab;
    const auto owner =
        lab.apply_json(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"owner"}})")
            .object;
    const auto second =
        lab.apply_json(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"second"}})")
            .object;
    auto owned = object_of(
        R"({"apiVersion":"example.com/v1","kind":"Gizmo","metadata":{"name":"g","namespace":"default"}})");
    for (const auto& item : {owner, second}) {
        owned.body["metadata"]["ownerReferences"].push_back(
            {{"apiVersion", "v1"},
             {"kind", "ConfigMap"},
             {"name", item->name()},
             {"uid", item->uid()}});
    }
    lab.apply(owned);
    lab.cluster.delete_object(owner->key());
    lab.cluster.reconcile();
    BOOST_TEST_REQUIRE(lab.get("Gizmo", "g") != nullptr); // one owner is left
    BOOST_TEST(lab.get("Gizmo", "g")->body["metadata"]["ownerReferences"].size() == 1U);
    lab.cluster.delete_object(second->key());
    lab.cluster.reconcile();
    BOOST_TEST(lab.get("Gizmo", "g") == nullptr);
}

BOOST_AUTO_TEST_CASE(an_owner_that_never_was_is_an_owner_that_is_gone) {
    Lab lab;
    auto pod = bare_pod("web");
    pod.body["metadata"]["ownerReferences"] = {
        {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", "x"}, {"uid", "no-such-uid"}}};
    lab.apply(pod);
    BOOST_TEST(lab.get("Pod", "web") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_deleted_namespace_takes_its_contents_and_can_come_back) {
    Lab lab;
    const auto ns = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"prod"}})";
    lab.apply_json(ns);
    auto web = workload("Deployment", "web", 3);
    web.body["metadata"]["namespace"] = "prod";
    lab.apply(web);
    auto here = workload("Deployment", "here", 2);
    lab.apply(here);
    BOOST_TEST(lab.store.list("Pod", "prod").size() == 3U);
    lab.cluster.delete_object({"Namespace", "", "prod"});
    lab.cluster.reconcile();
    for (const auto& kind : lab.store.kinds()) {
        if (kind != "Event") {
            BOOST_TEST(lab.store.list(kind, "prod").empty(), kind);
        }
    }
    BOOST_TEST(lab.list("Pod").size() == 2U);
    lab.apply_json(ns);
    BOOST_TEST(lab.store.get({"ServiceAccount", "prod", "default"}) != nullptr);
    lab.apply(web);
    BOOST_TEST(lab.store.list("Pod", "prod").size() == 3U);
}

BOOST_AUTO_TEST_CASE(the_default_account_comes_back) {
    Lab lab;
    const auto uid = lab.get("ServiceAccount", "default")->uid();
    lab.cluster.delete_object({"ServiceAccount", "default", "default"});
    lab.cluster.reconcile();
    BOOST_TEST_REQUIRE(lab.get("ServiceAccount", "default") != nullptr);
    BOOST_TEST(lab.get("ServiceAccount", "default")->uid() != uid);
}

BOOST_AUTO_TEST_CASE(what_a_new_cluster_has) {
    Lab lab(2, "10.244.0.0/16,fd00:10:244::/56");
    std::set<std::string> namespaces;
    for (const auto& object : lab.store.list("Namespace")) {
        namespaces.insert(object->name());
        BOOST_TEST(object->labels().at("kubernetes.io/metadata.name") == object->name());
        BOOST_TEST(lab.store.get({"ServiceAccount", object->name(), "default"}) != nullptr);
    }
    BOOST_TEST(
        (namespaces ==
         std::set<std::string>{"default", "kube-node-lease", "kube-public", "kube-system"}));
    const auto node = lab.store.get({"Node", "", "node-2"});
    BOOST_TEST(node->labels().at("kubernetes.io/hostname") == "node-2");
    BOOST_TEST(node->body["spec"]["podCIDR"] == "10.244.2.0/24");
    BOOST_TEST(node->body["spec"]["podCIDRs"][1] == "fd00:10:244:2::/64");
    BOOST_TEST(
        node->body["status"]["addresses"].dump() ==
        R"([{"address":"172.18.0.3","type":"InternalIP"},{"address":"fd00:172:18::3","type":"InternalIP"},{"address":"node-2","type":"Hostname"}])");
    BOOST_TEST(node->body["status"]["conditions"].back()["type"] == "Ready");
    BOOST_TEST(node->body["status"]["conditions"].back()["status"] == "True");
    lab.apply(bare_pod("web"));
    BOOST_TEST(
        lab.status("Pod", "web")["podIPs"].dump() ==
        R"([{"ip":"10.244.1.2"},{"ip":"fd00:10:244:1::2"}])");
    BOOST_TEST(lab.status("Pod", "web")["hostIPs"].size() == 2U);
}

BOOST_AUTO_TEST_CASE(events_are_bounded_and_repetitions_counted) {
    Lab lab;
    for (int i = 0; i < 6; ++i) {
        lab.apply(workload("Deployment", "web", 200));
        lab.cluster.scale({"Deployment", "default", "web"}, 0);
        lab.cluster.reconcile();
    }
    BOOST_TEST(lab.store.size("Event") == 1000U);
    Lab other;
    other.apply(workload("Deployment", "web", 1));
    for (const int replicas : {2, 1, 2, 1}) {
        other.cluster.scale({"Deployment", "default", "web"}, replicas);
        other.cluster.reconcile();
    }
    std::int64_t largest = 0;
    for (const auto& event : other.store.list("Event")) {
        largest = std::max(largest, api::int_at(event->body, "count", 0));
        BOOST_TEST(!api::string_at(event->body, "involvedObject.uid").empty());
    }
    BOOST_TEST(largest == 2);
}
