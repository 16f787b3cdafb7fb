#include <boost/test/unit_test.hpp>

#include "labctl/compile/pod_status.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

Json pod_with(const std::string& spec) {
    return {{"metadata", Json::object()}, {"spec", Json::parse(spec)}};
}

const char* const kTwoContainers =
    R"({"containers":[{"name":"a","image":"a:1"},{"name":"b","image":"b:1"}],
        "initContainers":[{"name":"init","image":"i:1"}]})";

PodFacts placed(std::optional<RuntimeState> runtime = std::nullopt) {
    return {true, {}, {"172.18.0.2"}, {"10.244.1.2", "fd00::2"}, std::move(runtime)};
}

Json condition(const Json& status, const std::string& type) {
    for (const auto& item : status["conditions"]) {
        if (item["type"] == type) {
            return item;
        }
    }
    return {};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_placed_pod_is_pending_and_being_created) {
    const auto status = pod_status(pod_with(kTwoContainers), placed(), "T1");
    BOOST_TEST(status["phase"] == "Pending");
    BOOST_TEST(status["hostIP"] == "172.18.0.2");
    BOOST_TEST(status["podIP"] == "10.244.1.2");
    BOOST_TEST(status["podIPs"].dump() == R"([{"ip":"10.244.1.2"},{"ip":"fd00::2"}])");
    BOOST_TEST(status["startTime"] == "T1");
    BOOST_TEST(status["qosClass"] == "BestEffort");
    BOOST_TEST(condition(status, "PodScheduled")["status"] == "True");
    BOOST_TEST(condition(status, "Initialized")["status"] == "False");
    BOOST_TEST(condition(status, "Ready")["reason"] == "ContainersNotReady");
    BOOST_TEST(condition(status, "Ready")["message"] == "containers with unready status: [a b]");
    BOOST_TEST(status["containerStatuses"][1]["state"]["waiting"]["reason"] == "ContainerCreating");
}

BOOST_AUTO_TEST_CASE(a_running_pod_shows_each_container) {
    const auto status = pod_status(
        pod_with(kTwoContainers), placed(RuntimeState{true, true, {}, {}, {}, 0, 2}), "T1");
    BOOST_TEST(status["phase"] == "Running");
    for (const auto* type :
         {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"}) {
        BOOST_TEST(condition(status, type)["status"] == "True", type);
    }
    const auto& container = status["containerStatuses"][0];
    BOOST_TEST(container["name"] == "a");
    BOOST_TEST(container["image"] == "a:1");
    BOOST_TEST(container["ready"] == true);
    BOOST_TEST(container["restartCount"] == 2);
    BOOST_TEST(container["state"]["running"]["startedAt"] == "T1");
    BOOST_TEST(status["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed");
}

BOOST_AUTO_TEST_CASE(times_change_only_with_what_they_date) {
    auto pod = pod_with(kTwoContainers);
    pod["status"] = pod_status(pod, placed(RuntimeState{true, false, {}, {}, {}, 0, 0}), "T1");
    pod["status"] = pod_status(pod, placed(RuntimeState{true, true, {}, {}, {}, 0, 0}), "T2");
    BOOST_TEST(pod["status"]["startTime"] == "T1");
    BOOST_TEST(condition(pod["status"], "PodScheduled")["lastTransitionTime"] == "T1");
    BOOST_TEST(condition(pod["status"], "Ready")["lastTransitionTime"] == "T2");
    BOOST_TEST(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] == "T1");
    const auto restarted =
        pod_status(pod, placed(RuntimeState{true, true, {}, {}, {}, 0, 1}), "T3");
    BOOST_TEST(restarted["containerStatuses"][0]["state"]["running"]["startedAt"] == "T3");
    BOOST_TEST(
        (pod_status(pod, placed(RuntimeState{true, true, {}, {}, {}, 0, 0}), "T4") ==
         pod["status"]));
}

BOOST_AUTO_TEST_CASE(ended_pods) {
    auto pod = pod_with(kTwoContainers);
    const auto good =
        pod_status(pod, placed(RuntimeState{true, true, "Succeeded", {}, {}, 0, 0}), "T1");
    BOOST_TEST(good["phase"] == "Succeeded");
    BOOST_TEST(condition(good, "Ready")["reason"] == "PodCompleted");
    BOOST_TEST(good["containerStatuses"][0]["state"]["terminated"]["reason"] == "Completed");
    const auto bad =
        pod_status(pod, placed(RuntimeState{true, false, "Failed", {}, "it broke", 3, 0}), "T1");
    BOOST_TEST(bad["phase"] == "Failed");
    BOOST_TEST(bad["message"] == "it broke");
    BOOST_TEST(bad["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3);
    BOOST_TEST(bad["containerStatuses"][0]["state"]["terminated"]["reason"] == "Error");
    pod["status"] = good; // a later life of the lab knows only what the status says
    BOOST_TEST((pod_status(pod, placed(), "T2") == good));
}

BOOST_AUTO_TEST_CASE(a_container_that_waits_says_why) {
    const auto status = pod_status(
        pod_with(kTwoContainers),
        placed(RuntimeState{false, false, {}, "CrashLoopBackOff", "back-off 10s", 1, 4}),
        "T1");
    BOOST_TEST(status["phase"] == "Pending");
    BOOST_TEST(status["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    BOOST_TEST(status["containerStatuses"][0]["state"]["waiting"]["message"] == "back-off 10s");
}

BOOST_AUTO_TEST_CASE(the_users_word_on_readiness_counts_once_it_runs) {
    auto pod = pod_with(kTwoContainers);
    const auto ready = [&](const char* word, RuntimeState runtime) {
        pod["metadata"]["annotations"][kReadyAnnotation] = word;
        return condition(pod_status(pod, placed(std::move(runtime)), "T"), "Ready")["status"] ==
               "True";
    };
    BOOST_TEST(!ready("false", {true, true, {}, {}, {}, 0, 0}));
    BOOST_TEST(ready("true", {true, false, {}, {}, {}, 0, 0}));
    BOOST_TEST(!ready("true", {false, false, {}, {}, {}, 0, 0}));
}

BOOST_AUTO_TEST_CASE(qos_classes) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {R"({"containers":[{}]})", "BestEffort"},
        {R"({"containers":[{"resources":{"requests":{"cpu":"1"}}}]})", "Burstable"},
        {R"({"containers":[{"resources":{"limits":{"cpu":"1","memory":"1Gi"}}}]})", "Guaranteed"},
        {R"({"containers":[{"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1","memory":"1Gi"}}}]})",
         "Guaranteed"},
        {R"({"containers":[{"resources":{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"1"}}}]})",
         "Burstable"},
        {R"({"containers":[{"resources":{"limits":{"cpu":"1","memory":"1Gi"}}},{}]})", "Burstable"},
        {R"({"containers":[{"resources":{"limits":{"cpu":"1"}}}]})", "Burstable"}};
    for (const auto& [spec, expected] : cases) {
        BOOST_TEST(qos_class(Json::parse(spec)) == expected, spec);
    }
}

BOOST_AUTO_TEST_CASE(host_network_pods_have_the_nodes_addresses) {
    Lab lab;
    auto pod = bare_pod("agent");
    pod.body["spec"]["hostNetwork"] = true;
    lab.apply(pod);
    BOOST_TEST(lab.node_of("agent") == "node-1");
    BOOST_TEST(lab.ip_of("agent") == "172.18.0.2");
    lab.apply(bare_pod("plain-1"));
    lab.apply(bare_pod("plain-2"));
    lab.apply(bare_pod("plain-3"));
    BOOST_TEST(lab.ip_of("plain-3") == "10.244.1.2"); // the first pod address is still free
}
