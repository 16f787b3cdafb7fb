#include <boost/test/unit_test.hpp>

#include "labctl/api/status_error.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

struct Refusal {
    int code = 0;
    std::string reason;
    std::string message;
};

template <typename Action>
Refusal refused(Action action) {
    try {
        action();
    } catch (const api::StatusError& error) {
        BOOST_TEST(error.to_json()["code"] == error.code());
        BOOST_TEST((error.exit_code() == netemu::ExitCode::Usage));
        return {error.code(), error.reason(), error.what()};
    }
    return {};
}

Refusal apply_refused(Lab& lab, const api::Object& object) {
    return refused([&] { lab.cluster.apply_object(object); });
}

constexpr const char* kPodWords =
    "Pod \"web\" is invalid: spec: Forbidden: pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,";

} // namespace

BOOST_AUTO_TEST_CASE(a_pods_spec_is_fixed_but_for_images_and_a_few_more) {
    Lab lab;
    auto pod = bare_pod("web");
    pod.body["spec"]["tolerations"] = {{{"key", "a"}, {"operator", "Exists"}}};
    lab.apply(pod);
    auto image = pod;
    image.body["spec"]["containers"][0]["image"] = "web:2";
    image.body["spec"]["terminationGracePeriodSeconds"] = 1;
    image.body["spec"]["tolerations"].push_back({{"key", "b"}, {"operator", "Exists"}});
    BOOST_TEST((lab.apply(image).action == Applied::Configured));
    for (const auto* patch :
         {R"({"nodeName":"node-2"})",
          R"({"hostNetwork":true})",
          R"({"containers":[{"name":"main","image":"web:2","ports":[{"containerPort":80}]}]})",
          R"({"containers":[{"name":"other","image":"web:2"}]})",
          R"({"tolerations":[{"key":"b","operator":"Exists"}]})"}) {
        const auto refusal = refused([&] {
            lab.cluster.merge_patch({"Pod", "default", "web"}, {{"spec", Json::parse(patch)}});
        });
        BOOST_TEST(refusal.code == 422, patch);
        BOOST_TEST(refusal.reason == "Invalid");
        BOOST_TEST(refusal.message.starts_with(kPodWords), patch << ": " << refusal.message);
    }
}

BOOST_AUTO_TEST_CASE(selectors_are_immutable) {
    for (const auto* kind : {"Deployment", "ReplicaSet", "DaemonSet"}) {
        Lab lab;
        auto object = workload(kind, "web");
        lab.apply(object);
        object.body["spec"]["selector"]["matchLabels"]["tier"] = "x";
        object.body["spec"]["template"]["metadata"]["labels"]["tier"] = "x";
        const auto refusal = apply_refused(lab, object);
        BOOST_TEST(
            refusal.message ==
            std::string(kind) +
                ".apps \"web\" is invalid: spec.selector: Invalid value: "
                "v1.LabelSelector{MatchLabels:map[string]string{\"app\":\"web\", "
                "\"tier\":\"x\"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}"
                ": field is immutable");
        BOOST_TEST(lab.list("Pod").size() >= 1U);
    }
}

BOOST_AUTO_TEST_CASE(stateful_sets_and_jobs_are_mostly_fixed) {
    Lab lab;
    auto db = workload("StatefulSet", "db");
    db.body["spec"]["serviceName"] = "db";
    lab.apply(db);
    db.body["spec"]["serviceName"] = "other";
    BOOST_TEST(apply_refused(lab, db).message.starts_with(
        "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for "
        "fields "
        "other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'revisionHistoryLimit',"));
    db.body["spec"]["serviceName"] = "db";
    db.body["spec"]["replicas"] = 3;
    db.body["spec"]["template"]["spec"]["containers"][0]["image"] = "db:2";
    BOOST_TEST((lab.apply(db).action == Applied::Configured));

    auto job = workload("Job", "work");
    job.body["apiVersion"] = "batch/v1";
    job.body["spec"] = {{"template", pod_template("work")}, {"parallelism", 1}, {"completions", 2}};
    lab.apply(job);
    auto changed = job;
    changed.body["spec"]["template"]["spec"]["containers"][0]["image"] = "x";
    BOOST_TEST(
        apply_refused(lab, changed)
            .message.ends_with(
                "spec.template: Invalid value: core.PodTemplateSpec{...}: field is immutable"));
    changed = job;
    changed.body["spec"]["completions"] = 5;
    BOOST_TEST(
        apply_refused(lab, changed).message ==
        "Job.batch \"work\" is invalid: spec.completions: Invalid value: 5: field is immutable");
    changed = job;
    changed.body["spec"]["parallelism"] = 2;
    BOOST_TEST((lab.apply(changed).action == Applied::Configured));
}

BOOST_AUTO_TEST_CASE(nodes_and_immutable_config_maps) {
    Lab lab;
    BOOST_TEST(
        refused([&] {
            lab.cluster.merge_patch(
                {"Node", "", "node-1"}, {{"spec", {{"podCIDR", "10.9.0.0/24"}}}});
        }).message == "Node \"node-1\" is invalid: spec: Forbidden: node updates may only change "
                      "labels, taints, or capacity");
    const auto refusal = apply_refused(
        lab, object_of(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"node-9"}})"));
    BOOST_TEST(
        refusal.message == "nodes \"node-9\" is forbidden: a running lab takes no new nodes");
    auto map = object_of(
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1"},"immutable":true})");
    lab.apply(map);
    map.body["data"]["a"] = "2";
    BOOST_TEST(
        apply_refused(lab, map).message ==
        "ConfigMap \"c\" is invalid: data: Forbidden: field is immutable when `immutable` is set");
}

BOOST_AUTO_TEST_CASE(a_refused_edit_changes_nothing) {
    Lab lab;
    lab.apply(bare_pod("web"));
    const auto revision = lab.store.revision();
    auto pod = bare_pod("web");
    pod.body["spec"]["hostNetwork"] = true;
    BOOST_TEST(apply_refused(lab, pod).code == 422);
    BOOST_TEST(lab.store.revision() == revision);
}

BOOST_AUTO_TEST_CASE(objects_need_their_namespace) {
    Lab lab;
    auto pod = bare_pod("web");
    pod.body["metadata"]["namespace"] = "prod";
    const auto refusal = apply_refused(lab, pod);
    BOOST_TEST(refusal.code == 404);
    BOOST_TEST(refusal.message == "namespaces \"prod\" not found");
    lab.cluster.apply_object(
        object_of(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"prod"}})"));
    lab.cluster.apply_object(pod); // at once: its ServiceAccount is there too
    lab.cluster.reconcile();
    BOOST_TEST(lab.store.list("Pod", "prod").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_bare_pod_needs_its_service_account) {
    Lab lab;
    auto pod = bare_pod("web");
    pod.body["spec"]["serviceAccountName"] = "robot";
    const auto refusal = apply_refused(lab, pod);
    BOOST_TEST(refusal.code == 403);
    BOOST_TEST(
        refusal.message == "pods \"web\" is forbidden: error looking up service account "
                           "default/robot: serviceaccount \"robot\" not found");
}

BOOST_AUTO_TEST_CASE(create_and_replace) {
    Lab lab;
    const auto made = lab.cluster.create_object(bare_pod("web"));
    const auto again = refused([&] { lab.cluster.create_object(bare_pod("web")); });
    BOOST_TEST(again.code == 409);
    BOOST_TEST(again.message == "pods \"web\" already exists");
    auto web = workload("Deployment", "web");
    const auto twice = [&] { lab.cluster.create_object(web); };
    twice();
    BOOST_TEST(refused(twice).message == "deployments.apps \"web\" already exists");
    auto nameless = bare_pod("x");
    nameless.body["metadata"].erase("name");
    nameless.body["metadata"]["generateName"] = "run-";
    BOOST_TEST(lab.cluster.create_object(nameless)->name().size() == 9U);
    lab.cluster.reconcile();

    auto current = *lab.get("Pod", "web");
    current.body["metadata"]["labels"]["a"] = "b";
    lab.cluster.replace_object(current);
    const auto conflict =
        refused([&] { lab.cluster.replace_object(current); }); // an old version now
    BOOST_TEST(conflict.code == 409);
    BOOST_TEST(
        conflict.message == "Operation cannot be fulfilled on pods \"web\": the object has been "
                            "modified; please apply your "
                            "changes to the latest version and try again");
    BOOST_TEST(refused([&] { lab.cluster.replace_object(bare_pod("nobody")); }).code == 404);
    BOOST_TEST(!lab.ip_of("web").empty()); // the status is not replaced
}

BOOST_AUTO_TEST_CASE(scaling) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 1));
    lab.apply(workload("DaemonSet", "agent"));
    BOOST_TEST(refused([&] {
                   lab.cluster.scale({"DaemonSet", "default", "agent"}, 2);
               }).code == 404);
    BOOST_TEST(refused([&] {
                   lab.cluster.scale({"Deployment", "default", "nobody"}, 2);
               }).message == "deployments.apps \"nobody\" not found");
    BOOST_TEST(
        refused([&] {
            lab.cluster.scale({"Deployment", "default", "web"}, -1);
        }).message == "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must "
                      "be greater than or equal to 0");
    BOOST_TEST(refused([&] {
                   lab.cluster.scale({"Deployment", "default", "web"}, 1000000);
               }).code == 422);
    BOOST_TEST(apply_refused(lab, workload("ReplicaSet", "huge", 1000000)).code == 422);
}

BOOST_AUTO_TEST_CASE(labels_are_not_overwritten_unasked) {
    Lab lab;
    lab.apply(bare_pod("web"));
    const api::ObjectKey key{"Pod", "default", "web"};
    BOOST_CHECK_EXCEPTION(
        lab.cluster.label(key, {{"app", "x"}}, false), netemu::UsageError, [](const auto& error) {
            return std::string(error.what()) ==
                   "'app' already has a value (bare), and --overwrite is false";
        });
    lab.cluster.label(key, {{"app", "bare"}, {"new", "1"}}, false); // the same value is fine
    lab.cluster.label(key, {{"app", "x"}}, true);
    BOOST_TEST(lab.get("Pod", "web")->labels().at("app") == "x");
    lab.cluster.label(
        key, {{"app", std::nullopt}, {"new", std::nullopt}, {"none", std::nullopt}}, false);
    BOOST_TEST(!lab.get("Pod", "web")->body["metadata"].contains("labels"));
    BOOST_TEST(refused([&] {
                   lab.cluster.label({"Pod", "default", "x"}, {}, true);
               }).message == "pods \"x\" not found");
    BOOST_TEST(refused([&] {
                   lab.cluster.set_ready({"Deployment", "default", "x"}, true);
               }).code == 400);
}

BOOST_AUTO_TEST_CASE(all_of_several_objects_are_labelled_or_none) {
    Lab lab;
    lab.apply(bare_pod("a"));
    lab.apply(bare_pod("b"));
    const api::ObjectKey a{"Pod", "default", "a"};
    const api::ObjectKey b{"Pod", "default", "b"};
    lab.cluster.label(b, {{"team", "blue"}}, false);
    BOOST_CHECK_THROW(lab.cluster.label({a, b}, {{"team", "red"}}, false), netemu::UsageError);
    BOOST_TEST(!lab.get("Pod", "a")->labels().contains("team"));
    BOOST_TEST(refused([&] {
                   lab.cluster.label({a, {"Pod", "default", "x"}}, {{"team", "red"}}, true);
               }).message == "pods \"x\" not found");
    BOOST_TEST(!lab.get("Pod", "a")->labels().contains("team"));
    lab.cluster.label({a, b}, {{"team", "red"}}, true);
    for (const auto* name : {"a", "b"}) {
        BOOST_TEST(lab.get("Pod", name)->labels().at("team") == "red");
    }
}

BOOST_AUTO_TEST_CASE(merge_patch_follows_rfc_7386) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 1));
    lab.cluster.merge_patch(
        {"Deployment", "default", "web"},
        Json::parse(
            R"({"metadata":{"labels":{"a":"b"},"annotations":{"kubectl.kubernetes.io/last-applied-configuration":null}},
                        "spec":{"replicas":2},"status":{"replicas":77}})"));
    lab.cluster.reconcile();
    const auto web = lab.get("Deployment", "web");
    BOOST_TEST(web->labels().at("a") == "b");
    BOOST_TEST(!web->annotations().contains("kubectl.kubernetes.io/last-applied-configuration"));
    BOOST_TEST(web->body["status"]["replicas"] == 2);
    BOOST_TEST(refused([&] {
                   lab.cluster.merge_patch({"Deployment", "default", "web"}, 3);
               }).code == 400);
    BOOST_TEST(refused([&] {
                   lab.cluster.merge_patch(
                       {"Deployment", "default", "web"}, {{"metadata", {{"name", "x"}}}});
               }).code == 400);
}

BOOST_AUTO_TEST_CASE(what_may_not_be_deleted) {
    Lab lab;
    for (const auto* ns : {"default", "kube-system", "kube-public"}) {
        const auto refusal = refused([&] { lab.cluster.delete_object({"Namespace", "", ns}); });
        BOOST_TEST(refusal.code == 403);
        BOOST_TEST(
            refusal.message == std::string("namespaces \"") + ns +
                                   "\" is forbidden: this namespace may not be deleted");
    }
    BOOST_TEST(refused([&] { lab.cluster.delete_object({"Node", "", "node-1"}); }).code == 403);
    BOOST_TEST(refused([&] {
                   lab.cluster.delete_object({"Pod", "default", "x"});
               }).message == "pods \"x\" not found");
    BOOST_TEST(refused([&] {
                   lab.cluster.delete_object({"Gizmo", "default", "x"});
               }).message == "gizmos \"x\" not found");
}
