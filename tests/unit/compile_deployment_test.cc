#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

api::ObjectPtr current_replica_set(const Lab& lab, const std::string& image) {
    for (const auto& object : lab.list("ReplicaSet")) {
        if (object->body["spec"]["template"]["spec"]["containers"][0]["image"] == image) {
            return object;
        }
    }
    return nullptr;
}

api::Object with_image(api::Object object, const std::string& image) {
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = image;
    return object;
}

std::int64_t pods_with_image(const Lab& lab, const std::string& image) {
    std::int64_t count = 0;
    for (const auto& pod : lab.list("Pod")) {
        count += pod->body["spec"]["containers"][0]["image"] == image ? 1 : 0;
    }
    return count;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_deployment_makes_a_replica_set_that_makes_pods) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 3));
    const auto sets = lab.list("ReplicaSet");
    BOOST_TEST_REQUIRE(sets.size() == 1U);
    const auto& set = *sets[0];
    const auto hash = set.labels().at("pod-template-hash");
    BOOST_TEST(set.name() == "web-" + hash);
    BOOST_TEST(set.body["spec"]["selector"]["matchLabels"]["pod-template-hash"] == hash);
    BOOST_TEST(set.body["metadata"]["ownerReferences"][0]["name"] == "web");
    BOOST_TEST(set.body["metadata"]["ownerReferences"][0]["controller"] == true);
    BOOST_TEST(set.annotations().at("deployment.kubernetes.io/revision") == "1");
    BOOST_TEST(set.annotations().at("deployment.kubernetes.io/desired-replicas") == "3");
    BOOST_TEST(
        lab.get("Deployment", "web")->annotations().at("deployment.kubernetes.io/revision") == "1");
    const auto pods = lab.list("Pod");
    BOOST_TEST_REQUIRE(pods.size() == 3U);
    for (const auto& pod : pods) {
        BOOST_TEST(pod->name().starts_with(set.name() + "-"));
        BOOST_TEST(pod->name().size() == set.name().size() + 6);
        BOOST_TEST(pod->labels().at("app") == "web");
        BOOST_TEST(pod->labels().at("pod-template-hash") == hash);
        BOOST_TEST(pod->body["metadata"]["generateName"] == set.name() + "-");
        BOOST_TEST(pod->body["metadata"]["ownerReferences"][0]["uid"] == set.uid());
        BOOST_TEST(pod->body["spec"]["serviceAccountName"] == "default");
        BOOST_TEST(!api::string_at(pod->body, "status.podIP").empty());
    }
    BOOST_TEST(
        lab.messages("ScalingReplicaSet").at(0) ==
        "Scaled up replica set " + set.name() + " from 0 to 3");
    BOOST_TEST(lab.messages("SuccessfulCreate").size() == 3U);
    BOOST_TEST(lab.messages("Scheduled").size() == 3U);
}

BOOST_AUTO_TEST_CASE(the_same_input_gives_the_same_names_nodes_and_addresses) {
    const auto picture = [] {
        Lab lab;
        lab.apply(workload("Deployment", "web", 5));
        lab.apply(workload("Deployment", "api", 4));
        std::string text;
        for (const auto& pod : lab.list("Pod")) {
            text +=
                pod->name() + " " + lab.node_of(pod->name()) + " " + lab.ip_of(pod->name()) + "\n";
        }
        return text;
    };
    const auto first = picture();
    BOOST_TEST(first == picture());
    BOOST_TEST(std::count(first.begin(), first.end(), '\n') == 9);
}

BOOST_AUTO_TEST_CASE(status_follows_the_pods) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 2));
    auto status = lab.status("Deployment", "web");
    BOOST_TEST(status["replicas"] == 2);
    BOOST_TEST(status["unavailableReplicas"] == 2);
    BOOST_TEST(!status.contains("readyReplicas"));
    BOOST_TEST(status["observedGeneration"] == 1);
    BOOST_TEST(lab.condition("Deployment", "web", "Available")["status"] == "False");
    BOOST_TEST(lab.condition("Deployment", "web", "Progressing")["reason"] == "ReplicaSetUpdated");
    lab.run(*lab.names("Pod").begin());
    BOOST_TEST(lab.status("Deployment", "web")["readyReplicas"] == 1);
    lab.run_all();
    status = lab.status("Deployment", "web");
    BOOST_TEST(status["readyReplicas"] == 2);
    BOOST_TEST(status["availableReplicas"] == 2);
    BOOST_TEST(status["updatedReplicas"] == 2);
    BOOST_TEST(!status.contains("unavailableReplicas"));
    BOOST_TEST(
        lab.condition("Deployment", "web", "Available")["reason"] == "MinimumReplicasAvailable");
    BOOST_TEST(
        lab.condition("Deployment", "web", "Progressing")["reason"] == "NewReplicaSetAvailable");
    const auto set = lab.list("ReplicaSet").at(0);
    BOOST_TEST(set->body["status"]["readyReplicas"] == 2);
}

BOOST_AUTO_TEST_CASE(scaling_keeps_the_pods_that_stay) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 3));
    lab.run_all();
    const auto before = lab.names("Pod");
    lab.cluster.scale({"Deployment", "default", "web"}, 5);
    lab.cluster.reconcile();
    lab.run_all();
    auto after = lab.names("Pod");
    BOOST_TEST(after.size() == 5U);
    BOOST_TEST(std::includes(after.begin(), after.end(), before.begin(), before.end()));
    BOOST_TEST(lab.list("ReplicaSet").size() == 1U);
    lab.cluster.scale({"Deployment", "default", "web"}, 1);
    lab.cluster.reconcile();
    BOOST_TEST(lab.names("Pod").size() == 1U);
    BOOST_TEST(before.contains(*lab.names("Pod").begin())); // the oldest stay
    lab.cluster.scale({"Deployment", "default", "web"}, 0);
    lab.cluster.reconcile();
    BOOST_TEST(lab.names("Pod").empty());
    BOOST_TEST(lab.get("Deployment", "web")->body["metadata"]["generation"] == 4);
}

BOOST_AUTO_TEST_CASE(a_rolling_update_keeps_within_surge_and_unavailable) {
    Lab lab;
    auto web = workload("Deployment", "web", 10);
    web.body["spec"]["strategy"] = {
        {"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", "30%"}, {"maxUnavailable", 2}}}};
    lab.apply(web);
    lab.run_all();
    lab.apply(with_image(web, "web:2"));
    int rounds = 0;
    while (pods_with_image(lab, "web:2") < 10 || pods_with_image(lab, "web:1") > 0) {
        BOOST_TEST_REQUIRE(++rounds < 100);
        std::int64_t ready = 0;
        std::string unready;
        for (const auto& pod : lab.list("Pod")) {
            const bool is_ready = api::string_at(pod->body, "status.phase") == "Running";
            ready += is_ready ? 1 : 0;
            unready = is_ready ? unready : pod->name();
        }
        BOOST_TEST(lab.list("Pod").size() <= 13U);
        BOOST_TEST(ready >= 8);
        BOOST_TEST_REQUIRE(!unready.empty());
        lab.run(unready); // one pod after the other becomes ready
    }
    BOOST_TEST(rounds >= 8);
    lab.run_all();
    const auto old_set = current_replica_set(lab, "web:1");
    BOOST_TEST_REQUIRE(old_set != nullptr); // kept, for a rollback
    BOOST_TEST(old_set->body["spec"]["replicas"] == 0);
    BOOST_TEST(
        current_replica_set(lab, "web:2")->annotations().at("deployment.kubernetes.io/revision") ==
        "2");
    BOOST_TEST(
        lab.get("Deployment", "web")->annotations().at("deployment.kubernetes.io/revision") == "2");
    BOOST_TEST(lab.status("Deployment", "web")["updatedReplicas"] == 10);
    BOOST_TEST(
        lab.condition("Deployment", "web", "Progressing")["reason"] == "NewReplicaSetAvailable");
}

BOOST_AUTO_TEST_CASE(a_rollout_whose_pods_never_become_ready_stops_in_time) {
    Lab lab;
    auto web = workload("Deployment", "web", 4); // 25%: one more, one less
    lab.apply(web);
    lab.run_all();
    lab.apply(with_image(web, "broken:1"));
    BOOST_TEST(pods_with_image(lab, "broken:1") == 2);
    BOOST_TEST(pods_with_image(lab, "web:1") == 3);
    BOOST_TEST(lab.condition("Deployment", "web", "Available")["status"] == "True");
    // Back to the first template: the old ReplicaSet takes over again.
    const auto first = current_replica_set(lab, "web:1")->name();
    lab.apply(web);
    lab.run_all();
    BOOST_TEST(pods_with_image(lab, "broken:1") == 0);
    BOOST_TEST(pods_with_image(lab, "web:1") == 4);
    BOOST_TEST(current_replica_set(lab, "web:1")->name() == first);
    BOOST_TEST(
        current_replica_set(lab, "web:1")->annotations().at("deployment.kubernetes.io/revision") ==
        "3");
}

BOOST_AUTO_TEST_CASE(recreate_has_no_two_versions_at_once) {
    Lab lab;
    auto web = workload("Deployment", "web", 3);
    web.body["spec"]["strategy"]["type"] = "Recreate";
    lab.apply(web);
    lab.run_all();
    int mixed = 0;
    lab.store.watch([&](const store::Event&) {
        const bool both = pods_with_image(lab, "web:1") > 0 && pods_with_image(lab, "web:2") > 0;
        mixed += both ? 1 : 0;
    });
    lab.apply(with_image(web, "web:2"));
    BOOST_TEST(mixed == 0);
    BOOST_TEST(pods_with_image(lab, "web:2") == 3);
    BOOST_TEST(pods_with_image(lab, "web:1") == 0);
}

BOOST_AUTO_TEST_CASE(old_revisions_are_kept_up_to_the_limit) {
    Lab lab;
    auto web = workload("Deployment", "web", 1);
    web.body["spec"]["revisionHistoryLimit"] = 2;
    for (int version = 1; version <= 6; ++version) {
        lab.apply(with_image(web, "web:" + std::to_string(version)));
        lab.run_all();
    }
    BOOST_TEST(lab.list("ReplicaSet").size() == 3U);
    BOOST_TEST(current_replica_set(lab, "web:4") != nullptr);
    BOOST_TEST(current_replica_set(lab, "web:3") == nullptr);
    BOOST_TEST(lab.list("Pod").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_paused_deployment_scales_but_does_not_roll) {
    Lab lab;
    auto web = workload("Deployment", "web", 2);
    lab.apply(web);
    lab.run_all();
    web.body["spec"]["paused"] = true;
    web.body["spec"]["replicas"] = 3;
    lab.apply(web);
    BOOST_TEST(lab.list("Pod").size() == 3U);
    lab.apply(with_image(web, "web:2"));
    BOOST_TEST(pods_with_image(lab, "web:2") == 0);
    web.body["spec"]["paused"] = false;
    lab.apply(with_image(web, "web:2"));
    lab.run_all();
    BOOST_TEST(pods_with_image(lab, "web:2") == 3);
}

BOOST_AUTO_TEST_CASE(labels_of_the_deployment_alone_touch_no_pod) {
    Lab lab;
    auto web = workload("Deployment", "web", 3);
    lab.apply(web);
    lab.run_all();
    int touched = 0;
    lab.store.watch(
        [&](const store::Event& event) { touched += event.object->kind() == "Pod" ? 1 : 0; });
    web.body["metadata"]["labels"]["team"] = "a";
    BOOST_TEST((lab.apply(web).action == Applied::Configured));
    BOOST_TEST(touched == 0);
    BOOST_TEST(lab.list("ReplicaSet").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_deleted_replica_set_comes_back) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 2));
    const auto before = lab.names("Pod");
    lab.cluster.delete_object(lab.list("ReplicaSet").at(0)->key());
    lab.cluster.reconcile();
    BOOST_TEST(lab.list("ReplicaSet").size() == 1U);
    BOOST_TEST(lab.list("Pod").size() == 2U);
    for (const auto& name : lab.names("Pod")) {
        BOOST_TEST(!before.contains(name));
    }
}

BOOST_AUTO_TEST_CASE(an_orphaned_replica_set_is_adopted) {
    Lab lab;
    auto web = workload("Deployment", "web", 2);
    lab.apply(web);
    lab.run_all();
    const auto set = lab.list("ReplicaSet").at(0)->name();
    const auto pods = lab.names("Pod");
    lab.cluster.delete_object({"Deployment", "default", "web"}, Propagation::Orphan);
    lab.cluster.reconcile();
    BOOST_TEST(lab.names("Pod") == pods);
    BOOST_TEST(!lab.get("ReplicaSet", set)->body["metadata"].contains("ownerReferences"));
    lab.apply(web);
    BOOST_TEST(lab.names("Pod") == pods);
    BOOST_TEST(lab.get("ReplicaSet", set)->body["metadata"]["ownerReferences"][0]["name"] == "web");
}

BOOST_AUTO_TEST_CASE(pods_wait_for_their_service_account) {
    Lab lab;
    auto web = workload("Deployment", "web", 2);
    web.body["spec"]["template"]["spec"]["serviceAccountName"] = "robot";
    lab.apply(web);
    BOOST_TEST(lab.list("Pod").empty());
    const auto failure = lab.messages("FailedCreate").at(0);
    BOOST_TEST(failure.starts_with("Error creating: pods \"web-"));
    BOOST_TEST(failure.ends_with("is forbidden: error looking up service account default/robot: "
                                 "serviceaccount \"robot\" not found"));
    BOOST_TEST(lab.condition("Deployment", "web", "ReplicaFailure")["status"] == "True");
    lab.apply_json(R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}})");
    BOOST_TEST(lab.list("Pod").size() == 2U);
    BOOST_TEST(lab.condition("Deployment", "web", "ReplicaFailure").is_null());
}

BOOST_AUTO_TEST_CASE(no_rollout_is_needed_where_nothing_runs) {
    Lab lab;
    lab.cluster.assume_ready();
    auto web = workload("Deployment", "web", 4);
    lab.apply(web);
    BOOST_TEST(lab.status("Deployment", "web")["availableReplicas"] == 4);
    lab.apply(with_image(web, "web:2"));
    BOOST_TEST(pods_with_image(lab, "web:2") == 4);
    BOOST_TEST(pods_with_image(lab, "web:1") == 0);
}
