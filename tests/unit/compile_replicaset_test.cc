#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

/// A ReplicaSet of `count` ready pods on one node; returns their names, oldest first.
std::vector<std::string> grown(Lab& lab, int count) {
    std::vector<std::string> names;
    for (int replicas = 1; replicas <= count; ++replicas) {
        lab.apply(workload("ReplicaSet", "web", replicas));
        for (const auto& name : lab.names("Pod")) {
            if (std::find(names.begin(), names.end(), name) == names.end()) {
                names.push_back(name);
                lab.run(name);
            }
        }
    }
    return names;
}

std::set<std::string> scaled_to(Lab& lab, int replicas) {
    lab.cluster.scale({"ReplicaSet", "default", "web"}, replicas);
    lab.cluster.reconcile();
    return lab.names("Pod");
}

} // namespace

BOOST_AUTO_TEST_CASE(a_lost_pod_is_replaced_under_another_name_and_address) {
    Lab lab(1);
    const auto names = grown(lab, 2);
    const auto address = lab.ip_of(names[0]);
    lab.cluster.delete_object({"Pod", "default", names[0]});
    lab.cluster.reconcile();
    BOOST_TEST(lab.names("Pod").size() == 2U);
    BOOST_TEST(!lab.names("Pod").contains(names[0]));
    for (const auto& name : lab.names("Pod")) {
        BOOST_TEST(lab.ip_of(name) != address);
    }
    BOOST_TEST(lab.messages("Killing").at(0) == "Stopping container main");
}

BOOST_AUTO_TEST_CASE(of_equal_pods_the_newest_goes_first) {
    Lab lab(1);
    const auto names = grown(lab, 4);
    const auto left = scaled_to(lab, 2);
    BOOST_TEST((left == std::set<std::string>{names[0], names[1]}));
    BOOST_TEST(lab.messages("SuccessfulDelete").size() == 2U);
}

BOOST_AUTO_TEST_CASE(not_ready_pods_go_before_ready_ones) {
    Lab lab(1);
    const auto names = grown(lab, 4);
    lab.run(names[0], false);
    BOOST_TEST(!scaled_to(lab, 3).contains(names[0]));
}

BOOST_AUTO_TEST_CASE(pending_pods_go_before_running_ones) {
    Lab lab(1);
    const auto names = grown(lab, 3);
    lab.run(names[2], false);
    lab.cluster.scale({"ReplicaSet", "default", "web"}, 4); // the fourth is not started
    lab.cluster.reconcile();
    BOOST_TEST((scaled_to(lab, 3) == std::set<std::string>(names.begin(), names.end())));
}

BOOST_AUTO_TEST_CASE(unassigned_pods_go_first) {
    Lab lab(1);
    auto set = workload("ReplicaSet", "web", 1);
    lab.apply(set);
    const auto placed = lab.names("Pod");
    lab.cluster.merge_patch({"Node", "", "node-1"}, {{"spec", {{"unschedulable", true}}}});
    scaled_to(lab, 3);
    BOOST_TEST(scaled_to(lab, 1) == placed);
}

BOOST_AUTO_TEST_CASE(a_lower_deletion_cost_goes_first) {
    Lab lab(1);
    const auto names = grown(lab, 3);
    lab.cluster.annotate(
        {"Pod", "default", names[1]}, {{"controller.kubernetes.io/pod-deletion-cost", "-5"}}, true);
    lab.cluster.reconcile();
    BOOST_TEST(!scaled_to(lab, 2).contains(names[1]));
}

BOOST_AUTO_TEST_CASE(doubled_up_pods_go_first) {
    Lab lab(2);
    const auto names = grown(lab, 3); // nodes 1, 2, 1
    lab.cluster.delete_object({"Pod", "default", names[1]});
    lab.cluster.reconcile(); // the replacement goes to node 2 and is the newest
    lab.run_all();
    const auto left = scaled_to(lab, 2);
    std::set<std::string> nodes;
    for (const auto& name : left) {
        nodes.insert(lab.node_of(name));
    }
    BOOST_TEST(nodes.size() == 2U); // node 1 had two of them, so one of those went
    BOOST_TEST(!left.contains(names[2]));
}

BOOST_AUTO_TEST_CASE(restarts_break_the_tie_before_age) {
    Lab lab(1);
    const auto names = grown(lab, 3);
    lab.cluster.set_runtime({"Pod", "default", names[0]}, {true, true, {}, {}, {}, 0, 5});
    lab.cluster.reconcile();
    BOOST_TEST(!scaled_to(lab, 2).contains(names[0]));
}

BOOST_AUTO_TEST_CASE(matching_orphans_are_adopted_and_counted) {
    Lab lab;
    lab.apply(bare_pod("one", "web"));
    lab.apply(bare_pod("two", "web"));
    lab.apply(bare_pod("other", "db"));
    lab.apply(workload("ReplicaSet", "web", 3));
    const auto names = lab.names("Pod", "app=web");
    BOOST_TEST(names.size() == 3U);
    BOOST_TEST(names.contains("one"));
    BOOST_TEST(
        lab.get("Pod", "one")->body["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet");
    BOOST_TEST(!lab.get("Pod", "other")->body["metadata"].contains("ownerReferences"));
    // One more than wanted comes later: something has to go.
    lab.apply(bare_pod("late", "web"));
    BOOST_TEST(lab.names("Pod", "app=web").size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_relabelled_pod_is_let_go_and_replaced) {
    Lab lab;
    const auto names = grown(lab, 2);
    lab.cluster.label({"Pod", "default", names[0]}, {{"app", "debug"}}, true);
    lab.cluster.reconcile();
    BOOST_TEST(!lab.get("Pod", names[0])->body["metadata"].contains("ownerReferences"));
    BOOST_TEST(lab.names("Pod", "app=web").size() == 2U);
    BOOST_TEST(lab.names("Pod").size() == 3U);
    // And back: it is adopted again, so one of the three goes.
    lab.cluster.label({"Pod", "default", names[0]}, {{"app", "web"}}, true);
    lab.cluster.reconcile();
    BOOST_TEST(lab.names("Pod").size() == 2U);
}

BOOST_AUTO_TEST_CASE(failed_pods_do_not_count) {
    Lab lab;
    const auto names = grown(lab, 2);
    lab.end(names[0], "Failed", 1);
    BOOST_TEST(lab.names("Pod").size() == 3U);
    BOOST_TEST(lab.status("ReplicaSet", "web")["replicas"] == 2);
    BOOST_TEST(lab.status("Pod", names[0])["phase"] == "Failed");
}

BOOST_AUTO_TEST_CASE(the_address_of_an_ended_pod_is_free_again) {
    Lab lab(1);
    auto pod = bare_pod("once");
    lab.apply(pod);
    lab.end("once", "Succeeded");
    BOOST_TEST(lab.ip_of("once") == "10.244.1.2"); // it still says what it had
    lab.apply(workload("ReplicaSet", "web", 253)); // every address of the node
    for (const auto& object : lab.list("Pod", "app=web")) {
        BOOST_TEST(!api::string_at(object->body, "status.podIP").empty());
    }
}

BOOST_AUTO_TEST_CASE(set_ready_overrides_and_is_taken_back) {
    Lab lab;
    const auto names = grown(lab, 1);
    const api::ObjectKey key{"Pod", "default", names[0]};
    lab.cluster.set_ready(key, false);
    lab.cluster.reconcile();
    BOOST_TEST(lab.condition("Pod", names[0], "Ready")["status"] == "False");
    BOOST_TEST(!lab.status("ReplicaSet", "web").contains("readyReplicas"));
    lab.cluster.set_ready(key, std::nullopt);
    lab.cluster.reconcile();
    BOOST_TEST(lab.condition("Pod", names[0], "Ready")["status"] == "True");
    BOOST_TEST(lab.status("ReplicaSet", "web")["readyReplicas"] == 1);
}

BOOST_AUTO_TEST_CASE(runtime_of_an_unknown_pod_is_refused_and_the_same_again_is_nothing) {
    Lab lab;
    BOOST_TEST(!lab.cluster.set_runtime({"Pod", "default", "nobody"}, {}));
    const auto names = grown(lab, 1);
    const auto revision = lab.store.revision();
    lab.run(names[0]);
    lab.cluster.reconcile();
    BOOST_TEST(lab.store.revision() == revision);
}
