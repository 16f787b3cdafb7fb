#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

std::set<std::string> nodes_of(const Lab& lab) {
    std::set<std::string> result;
    for (const auto& pod : lab.list("Pod", "app=agent")) {
        result.insert(api::string_at(pod->body, "spec.nodeName"));
    }
    return result;
}

using Nodes = std::set<std::string>;

const api::Json kTaint = api::Json::array({{{"key", "gpu"}, {"effect", "NoSchedule"}}});

} // namespace

BOOST_AUTO_TEST_CASE(each_node_gets_one_pod) {
    Lab lab;
    lab.apply(workload("DaemonSet", "agent"));
    BOOST_TEST(lab.list("Pod").size() == 3U);
    BOOST_TEST((nodes_of(lab) == Nodes{"node-1", "node-2", "node-3"}));
    lab.run_all();
    const auto status = lab.status("DaemonSet", "agent");
    BOOST_TEST(status["desiredNumberScheduled"] == 3);
    BOOST_TEST(status["currentNumberScheduled"] == 3);
    BOOST_TEST(status["numberReady"] == 3);
    BOOST_TEST(status["numberAvailable"] == 3);
    BOOST_TEST(status["numberMisscheduled"] == 0);
    BOOST_TEST(status["updatedNumberScheduled"] == 3);
}

BOOST_AUTO_TEST_CASE(selectors_and_taints_choose_the_nodes) {
    Lab lab;
    lab.cluster.label({"Node", "", "node-2"}, {{"disk", "ssd"}}, false);
    auto object = workload("DaemonSet", "agent");
    object.body["spec"]["template"]["spec"]["nodeSelector"]["disk"] = "ssd";
    lab.apply(object);
    BOOST_TEST((nodes_of(lab) == Nodes{"node-2"}));
    lab.cluster.label({"Node", "", "node-3"}, {{"disk", "ssd"}}, false);
    lab.cluster.reconcile();
    BOOST_TEST((nodes_of(lab) == Nodes{"node-2", "node-3"}));
    lab.cluster.label({"Node", "", "node-2"}, {{"disk", std::nullopt}}, false);
    lab.cluster.reconcile();
    BOOST_TEST((nodes_of(lab) == Nodes{"node-3"}));
}

BOOST_AUTO_TEST_CASE(taints_keep_it_off_and_tolerations_let_it_on) {
    Lab lab;
    lab.cluster.merge_patch({"Node", "", "node-1"}, {{"spec", {{"taints", kTaint}}}});
    lab.apply(workload("DaemonSet", "agent"));
    BOOST_TEST((nodes_of(lab) == Nodes{"node-2", "node-3"}));
    auto tolerant = workload("DaemonSet", "agent");
    tolerant.body["spec"]["template"]["spec"]["tolerations"] = {
        {{"key", "gpu"}, {"operator", "Exists"}}};
    lab.apply(tolerant);
    lab.run_all();
    BOOST_TEST((nodes_of(lab) == Nodes{"node-1", "node-2", "node-3"}));
}

BOOST_AUTO_TEST_CASE(a_taint_that_comes_later_leaves_the_pod_but_counts_it_misplaced) {
    Lab lab;
    lab.apply(workload("DaemonSet", "agent"));
    lab.run_all();
    lab.cluster.merge_patch({"Node", "", "node-1"}, {{"spec", {{"taints", kTaint}}}});
    lab.cluster.reconcile();
    BOOST_TEST(nodes_of(lab).size() == 3U);
    BOOST_TEST(lab.status("DaemonSet", "agent")["numberMisscheduled"] == 1);
    BOOST_TEST(lab.status("DaemonSet", "agent")["desiredNumberScheduled"] == 2);
}

BOOST_AUTO_TEST_CASE(cordoned_nodes_still_get_daemons) {
    Lab lab;
    lab.cluster.merge_patch({"Node", "", "node-1"}, {{"spec", {{"unschedulable", true}}}});
    lab.apply(workload("DaemonSet", "agent"));
    BOOST_TEST(nodes_of(lab).size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_lost_pod_comes_back_on_its_node) {
    Lab lab;
    lab.apply(workload("DaemonSet", "agent"));
    lab.run_all();
    lab.cluster.delete_object({"Pod", "default", *lab.names("Pod").begin()});
    lab.cluster.reconcile();
    BOOST_TEST(nodes_of(lab).size() == 3U);
    BOOST_TEST(lab.list("Pod").size() == 3U);
}

BOOST_AUTO_TEST_CASE(an_update_replaces_one_after_the_other) {
    Lab lab;
    auto object = workload("DaemonSet", "agent");
    lab.apply(object);
    lab.run_all();
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = "agent:2";
    lab.apply(object);
    int updated = 0;
    int ready = 0;
    for (const auto& pod : lab.list("Pod")) {
        updated += pod->body["spec"]["containers"][0]["image"] == "agent:2" ? 1 : 0;
        ready += api::string_at(pod->body, "status.phase") == "Running" ? 1 : 0;
    }
    BOOST_TEST(updated == 1);
    BOOST_TEST(ready == 2);
    lab.run_all();
    for (const auto& pod : lab.list("Pod")) {
        BOOST_TEST(pod->body["spec"]["containers"][0]["image"] == "agent:2");
    }
    BOOST_TEST(nodes_of(lab).size() == 3U);
}

BOOST_AUTO_TEST_CASE(on_delete_waits_for_the_user) {
    Lab lab;
    auto object = workload("DaemonSet", "agent");
    object.body["spec"]["updateStrategy"]["type"] = "OnDelete";
    lab.apply(object);
    lab.run_all();
    const auto before = lab.names("Pod");
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = "agent:2";
    lab.apply(object);
    BOOST_TEST(lab.names("Pod") == before);
    BOOST_TEST(!lab.status("DaemonSet", "agent").contains("updatedNumberScheduled"));
}
