#include <boost/test/unit_test.hpp>

#include "labctl/api/naming.h"
#include "labctl/compile/pod_termination.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;
using std::chrono::milliseconds;
using Names = std::set<std::string>;

namespace {

/// A workload whose pods take two seconds to end.
api::Object slow_workload(const std::string& kind, std::int64_t replicas) {
    auto object = workload(kind, "web", replicas);
    object.body["spec"]["template"]["metadata"]["annotations"][kTerminationAnnotation] = "2";
    return object;
}

api::Object slow_pod(const std::string& name) {
    auto pod = bare_pod(name, "web");
    pod.body["metadata"]["annotations"][kTerminationAnnotation] = "2";
    return pod;
}

milliseconds time_of(const std::string& hook, const std::string& annotation = {}) {
    auto pod = bare_pod("a");
    if (!hook.empty()) {
        pod.body["spec"]["containers"][0]["lifecycle"]["preStop"] = Json::parse(hook);
    }
    if (!annotation.empty()) {
        pod.body["metadata"]["annotations"][kTerminationAnnotation] = annotation;
    }
    const auto plan = termination_of(pod.body, false);
    return plan.pre_stop + plan.work.value();
}

template <typename AnyLab>
Names terminating(const AnyLab& lab) {
    Names result;
    for (const auto& pod : lab.store.list("Pod")) {
        if (!api::at(pod->body, "metadata.deletionTimestamp").is_null()) {
            result.insert(pod->name());
        }
    }
    return result;
}

/// All that are terminating come to their end.
template <typename AnyLab>
void end_all(AnyLab& lab) {
    for (const auto& name : terminating(lab)) {
        const api::ObjectKey key{"Pod", "default", name};
        lab.cluster.end_pod(key, lab.store.get(key)->uid());
    }
    lab.cluster.reconcile();
}

void remove(Lab& lab, const std::string& pod, std::optional<std::int64_t> grace = std::nullopt) {
    lab.cluster.delete_object({"Pod", "default", pod}, Propagation::Background, grace);
    lab.cluster.reconcile();
}

} // namespace

BOOST_AUTO_TEST_SUITE(termination)

BOOST_AUTO_TEST_CASE(hooks_and_the_annotation_take_time) {
    BOOST_TEST(time_of("").count() == 0);
    BOOST_TEST(time_of(R"({"sleep":{"seconds":3}})").count() == 3000);
    BOOST_TEST(time_of(R"({"exec":{"command":["sleep","5"]}})").count() == 5000);
    BOOST_TEST(time_of(R"({"exec":{"command":["/bin/sleep","0.5s"]}})").count() == 500);
    BOOST_TEST(time_of(R"({"exec":{"command":["/bin/sh","-c","  sleep  5 "]}})").count() == 5000);
    BOOST_TEST(time_of(R"({"exec":{"command":["sh","-c","sleep 5; rm x"]}})").count() == 0);
    BOOST_TEST(time_of(R"({"httpGet":{"port":80}})").count() == 0);
    BOOST_TEST(time_of("", "1.5").count() == 1500);
    BOOST_TEST(time_of(R"({"sleep":{"seconds":3}})", "2").count() == 5000);
    BOOST_TEST(!termination_of(bare_pod("a").body, true).work.has_value());
    BOOST_TEST(termination_of(bare_pod("a").body, true).takes_time());
}

BOOST_AUTO_TEST_CASE(a_wrong_annotation_is_refused) {
    for (const auto* text : {"soon", "-1", "1e9", "nan", "1 "}) {
        Lab lab;
        auto pod = bare_pod("a");
        pod.body["metadata"]["annotations"][kTerminationAnnotation] = text;
        BOOST_CHECK_THROW(lab.apply(pod), api::StatusError);
    }
    Lab lab;
    auto object = slow_workload("ReplicaSet", 1);
    object.body["spec"]["template"]["metadata"]["annotations"][kTerminationAnnotation] = "soon";
    lab.apply(object);
    BOOST_TEST(lab.messages("FailedCreate").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pod_with_nothing_to_finish_goes_at_once) {
    Lab lab;
    lab.apply(bare_pod("a"));
    lab.run("a");
    remove(lab, "a");
    BOOST_TEST(!lab.get("Pod", "a"));
}

BOOST_AUTO_TEST_CASE(a_pod_that_never_ran_goes_at_once) {
    Lab lab;
    lab.apply(slow_pod("a"));
    remove(lab, "a");
    BOOST_TEST(!lab.get("Pod", "a"));
}

BOOST_AUTO_TEST_CASE(a_deleted_pod_stays_until_its_end) {
    Lab lab;
    auto pod = slow_pod("a");
    pod.body["spec"]["terminationGracePeriodSeconds"] = 20;
    lab.apply(pod);
    lab.run("a");
    const auto address = lab.ip_of("a");
    remove(lab, "a");
    const auto object = lab.get("Pod", "a");
    BOOST_REQUIRE(object);
    BOOST_TEST(object->body["metadata"]["deletionGracePeriodSeconds"] == 20);
    BOOST_TEST(
        object->body["metadata"]["deletionTimestamp"].get<std::string>() > api::timestamp_now());
    BOOST_TEST(lab.ip_of("a") == address);
    BOOST_TEST(lab.condition("Pod", "a", "Ready")["status"] == "True");
    lab.apply(bare_pod("b"));
    BOOST_TEST(lab.ip_of("b") != address); // it is still the other's
    lab.cluster.end_pod(object->key(), "another-uid");
    BOOST_TEST(lab.get("Pod", "a"));
    end_all(lab);
    BOOST_TEST(!lab.get("Pod", "a"));
}

BOOST_AUTO_TEST_CASE(a_second_deletion_can_only_shorten_the_first) {
    Lab lab;
    lab.apply(slow_pod("a"));
    lab.run("a");
    const auto grace = [&] {
        return lab.get("Pod", "a")->body["metadata"]["deletionGracePeriodSeconds"].get<int>();
    };
    remove(lab, "a");
    BOOST_TEST(grace() == 30);
    remove(lab, "a", 60);
    BOOST_TEST(grace() == 30);
    remove(lab, "a", 5);
    BOOST_TEST(grace() == 5);
    BOOST_TEST(lab.messages("Killing").size() == 1U);
    remove(lab, "a", 0);
    BOOST_TEST(!lab.get("Pod", "a"));
}

BOOST_AUTO_TEST_CASE(no_edit_brings_a_deleted_pod_back) {
    Lab lab;
    lab.apply(slow_pod("a"));
    lab.run("a");
    remove(lab, "a");
    lab.apply(slow_pod("a"));
    lab.cluster.replace_object(*lab.get("Pod", "a"));
    lab.cluster.merge_patch(
        {"Pod", "default", "a"}, Json::parse(R"({"metadata":{"deletionTimestamp":null}})"));
    BOOST_TEST((terminating(lab) == Names{"a"}));
    lab.apply(slow_pod("b"));
    lab.run("b");
    lab.cluster.merge_patch(
        {"Pod", "default", "b"},
        Json::parse(R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})"));
    BOOST_TEST((terminating(lab) == Names{"a"}));
}

BOOST_AUTO_TEST_CASE(a_replica_set_does_not_wait) {
    Lab lab;
    lab.apply(slow_workload("ReplicaSet", 2));
    lab.run_all();
    const auto first = *lab.names("Pod").begin();
    remove(lab, first);
    BOOST_TEST(lab.names("Pod").size() == 3U); // the successor is there already
    lab.run_all();
    auto status = lab.status("ReplicaSet", "web");
    BOOST_TEST(status["replicas"] == 2);
    BOOST_TEST(status["readyReplicas"] == 2);
    BOOST_TEST(status["terminatingReplicas"] == 1);
    end_all(lab);
    status = lab.status("ReplicaSet", "web");
    BOOST_TEST(!status.contains("terminatingReplicas"));
    BOOST_TEST(lab.names("Pod").size() == 2U);
}

BOOST_AUTO_TEST_CASE(recreate_waits_for_the_old_pods) {
    Lab lab;
    auto object = slow_workload("Deployment", 2);
    object.body["spec"]["strategy"] = {{"type", "Recreate"}};
    lab.apply(object);
    lab.run_all();
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2";
    lab.apply(object);
    lab.run_all();
    BOOST_TEST(lab.names("Pod").size() == 2U);
    BOOST_TEST(terminating(lab).size() == 2U);
    BOOST_TEST(lab.status("Deployment", "web")["terminatingReplicas"] == 2);
    end_all(lab);
    lab.run_all();
    BOOST_TEST(lab.names("Pod").size() == 2U);
    BOOST_TEST(terminating(lab).empty());
    BOOST_TEST(lab.status("Deployment", "web")["readyReplicas"] == 2);
}

BOOST_AUTO_TEST_CASE(a_deleted_deployment_takes_its_pods_along) {
    Lab lab;
    lab.apply(slow_workload("Deployment", 2));
    lab.run_all();
    lab.cluster.delete_object({"Deployment", "default", "web"});
    lab.cluster.reconcile();
    BOOST_TEST(terminating(lab).size() == 2U);
    end_all(lab);
    BOOST_TEST(lab.names("Pod").empty());
}

BOOST_AUTO_TEST_CASE(a_stateful_set_waits_for_the_name) {
    Lab lab;
    lab.apply(slow_workload("StatefulSet", 3));
    lab.run_all();
    const auto uid = lab.get("Pod", "web-1")->uid();
    remove(lab, "web-1");
    BOOST_TEST(lab.get("Pod", "web-1")->uid() == uid);
    BOOST_TEST(lab.status("StatefulSet", "web")["replicas"] == 3);
    BOOST_TEST(lab.status("StatefulSet", "web")["updatedReplicas"] == 2);
    end_all(lab);
    BOOST_TEST(lab.get("Pod", "web-1")->uid() != uid);
    lab.run_all();
    lab.cluster.scale({"StatefulSet", "default", "web"}, 1);
    lab.cluster.reconcile();
    BOOST_TEST((terminating(lab) == Names{"web-2"})); // one after the other
    end_all(lab);
    BOOST_TEST((terminating(lab) == Names{"web-1"}));
    end_all(lab);
    BOOST_TEST((lab.names("Pod") == Names{"web-0"}));
}

BOOST_AUTO_TEST_CASE(a_stateful_set_is_updated_one_end_at_a_time) {
    Lab lab;
    auto object = slow_workload("StatefulSet", 2);
    lab.apply(object);
    lab.run_all();
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2";
    lab.apply(object);
    BOOST_TEST((terminating(lab) == Names{"web-1"}));
    end_all(lab);
    BOOST_TEST(terminating(lab).empty()); // the new web-1 is not ready yet
    lab.run_all();
    BOOST_TEST((terminating(lab) == Names{"web-0"}));
    end_all(lab);
    lab.run_all();
    BOOST_TEST(lab.status("StatefulSet", "web")["updatedReplicas"] == 2);
}

BOOST_AUTO_TEST_CASE(a_daemon_set_waits_for_the_node) {
    Lab lab;
    auto object = slow_workload("DaemonSet", 0);
    lab.apply(object);
    lab.run_all();
    BOOST_TEST(lab.names("Pod").size() == 3U);
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2";
    lab.apply(object);
    BOOST_TEST(terminating(lab).size() == 1U); // maxUnavailable
    BOOST_TEST(lab.names("Pod").size() == 3U);
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(terminating(lab).size() == 1U);
        end_all(lab);
        lab.run_all();
    }
    BOOST_TEST(terminating(lab).empty());
    BOOST_TEST(lab.status("DaemonSet", "web")["updatedNumberScheduled"] == 3);
}

BOOST_AUTO_TEST_CASE(slices_say_terminating) {
    ServiceLab lab;
    lab.service("web", R"("selector":{"app":"web"})");
    lab.apply(slow_pod("a"));
    lab.run_all();
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2 ready serving\n");
    lab.cluster.delete_object({"Pod", "default", "a"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2 serving terminating\n");
    BOOST_TEST(api::at(lab.store.get({"Endpoints", "default", "web"})->body, "subsets").empty());
    lab.set_ready("a", false);
    BOOST_TEST(lab.endpoints("web") == "10.244.1.2 terminating\n");
    end_all(lab);
    BOOST_TEST(lab.endpoints("web").empty());
}

BOOST_AUTO_TEST_SUITE_END()
