#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

api::Object stateful_set(std::int64_t replicas, const std::string& image = "db:1") {
    auto object = workload("StatefulSet", "db", replicas);
    object.body["spec"]["serviceName"] = "db-headless";
    object.body["spec"]["template"]["spec"]["containers"][0]["image"] = image;
    return object;
}

using Names = std::set<std::string>;

std::string images(const Lab& lab) {
    std::string text;
    for (const auto& pod : lab.list("Pod")) {
        text += pod->name() + "=" + pod->body["spec"]["containers"][0]["image"].get<std::string>() +
                " ";
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(ordinals_come_one_after_the_other) {
    Lab lab;
    lab.apply(stateful_set(3));
    BOOST_TEST((lab.names("Pod") == Names{"db-0"}));
    lab.run("db-0", false);
    BOOST_TEST((lab.names("Pod") == Names{"db-0"})); // running is not enough
    lab.run("db-0");
    BOOST_TEST((lab.names("Pod") == Names{"db-0", "db-1"}));
    lab.run_all();
    BOOST_TEST((lab.names("Pod") == Names{"db-0", "db-1", "db-2"}));
    const auto status = lab.status("StatefulSet", "db");
    BOOST_TEST(status["replicas"] == 3);
    BOOST_TEST(status["readyReplicas"] == 3);
    BOOST_TEST(status["currentRevision"] == status["updateRevision"]);
    BOOST_TEST(
        lab.messages("SuccessfulCreate").at(0) == "create Pod db-0 in StatefulSet db successful");
}

BOOST_AUTO_TEST_CASE(pods_have_their_labels_and_host_names) {
    Lab lab;
    lab.apply(stateful_set(1));
    const auto pod = lab.get("Pod", "db-0");
    BOOST_TEST(pod->labels().at("statefulset.kubernetes.io/pod-name") == "db-0");
    BOOST_TEST(pod->labels().at("apps.kubernetes.io/pod-index") == "0");
    BOOST_TEST(
        pod->labels().at("controller-revision-hash") ==
        lab.status("StatefulSet", "db")["updateRevision"].get<std::string>());
    BOOST_TEST(pod->body["spec"]["hostname"] == "db-0");
    BOOST_TEST(pod->body["spec"]["subdomain"] == "db-headless");
}

BOOST_AUTO_TEST_CASE(parallel_management_waits_for_nothing) {
    Lab lab;
    auto object = stateful_set(3);
    object.body["spec"]["podManagementPolicy"] = "Parallel";
    lab.apply(object);
    BOOST_TEST(lab.names("Pod").size() == 3U);
}

BOOST_AUTO_TEST_CASE(ordinals_may_start_elsewhere_and_move) {
    Lab lab;
    auto object = stateful_set(2);
    object.body["spec"]["ordinals"]["start"] = 5;
    lab.apply(object);
    lab.run_all();
    BOOST_TEST((lab.names("Pod") == Names{"db-5", "db-6"}));
    object.body["spec"]["ordinals"]["start"] = 6;
    lab.apply(object);
    lab.run_all();
    BOOST_TEST((lab.names("Pod") == Names{"db-6", "db-7"}));
}

BOOST_AUTO_TEST_CASE(scaling_down_takes_the_highest_first) {
    Lab lab;
    lab.apply(stateful_set(4));
    lab.run_all();
    std::vector<std::string> gone;
    lab.store.watch([&](const store::Event& event) {
        if (event.type == store::EventType::Deleted && event.object->kind() == "Pod") {
            gone.push_back(event.object->name());
        }
    });
    lab.cluster.scale({"StatefulSet", "default", "db"}, 1);
    lab.cluster.reconcile();
    BOOST_TEST((gone == std::vector<std::string>{"db-3", "db-2", "db-1"}));
}

BOOST_AUTO_TEST_CASE(a_deleted_pod_comes_back_under_its_name) {
    Lab lab;
    lab.apply(stateful_set(2));
    lab.run_all();
    const auto uid = lab.get("Pod", "db-0")->uid();
    lab.cluster.delete_object({"Pod", "default", "db-0"});
    lab.cluster.reconcile();
    BOOST_TEST_REQUIRE(lab.get("Pod", "db-0") != nullptr);
    BOOST_TEST(lab.get("Pod", "db-0")->uid() != uid);
    BOOST_TEST(!lab.ip_of("db-0").empty());
    BOOST_TEST(lab.status("Pod", "db-0")["phase"] == "Pending"); // what ran is not what this is
}

BOOST_AUTO_TEST_CASE(an_update_goes_from_the_highest_ordinal_down) {
    Lab lab;
    lab.apply(stateful_set(3));
    lab.run_all();
    lab.apply(stateful_set(3, "db:2"));
    BOOST_TEST(images(lab) == "db-0=db:1 db-1=db:1 db-2=db:2 ");
    lab.run("db-2");
    BOOST_TEST(images(lab) == "db-0=db:1 db-1=db:2 db-2=db:2 ");
    lab.run_all();
    BOOST_TEST(images(lab) == "db-0=db:2 db-1=db:2 db-2=db:2 ");
    const auto status = lab.status("StatefulSet", "db");
    BOOST_TEST(status["currentRevision"] == status["updateRevision"]);
    BOOST_TEST(status["updatedReplicas"] == 3);
}

BOOST_AUTO_TEST_CASE(a_partition_and_on_delete_hold_the_update_back) {
    Lab lab;
    lab.apply(stateful_set(3));
    lab.run_all();
    auto changed = stateful_set(3, "db:2");
    changed.body["spec"]["updateStrategy"] = {
        {"type", "RollingUpdate"}, {"rollingUpdate", {{"partition", 2}}}};
    lab.apply(changed);
    lab.run_all();
    BOOST_TEST(images(lab) == "db-0=db:1 db-1=db:1 db-2=db:2 ");
    auto on_delete = stateful_set(3, "db:3");
    on_delete.body["spec"]["updateStrategy"]["type"] = "OnDelete";
    lab.apply(on_delete);
    lab.run_all();
    BOOST_TEST(images(lab) == "db-0=db:1 db-1=db:1 db-2=db:2 ");
    lab.cluster.delete_object({"Pod", "default", "db-1"});
    lab.cluster.reconcile();
    BOOST_TEST(images(lab) == "db-0=db:1 db-1=db:3 db-2=db:2 ");
}

BOOST_AUTO_TEST_CASE(failed_pods_are_made_anew) {
    Lab lab;
    lab.apply(stateful_set(2));
    lab.run_all();
    const auto uid = lab.get("Pod", "db-1")->uid();
    lab.end("db-1", "Failed", 1);
    BOOST_TEST_REQUIRE(lab.get("Pod", "db-1") != nullptr);
    BOOST_TEST(lab.get("Pod", "db-1")->uid() != uid);
}

BOOST_AUTO_TEST_CASE(only_orphans_with_its_names_are_adopted) {
    Lab lab;
    lab.apply(bare_pod("db-0", "db"));
    lab.apply(bare_pod("db-x", "db"));
    lab.apply(bare_pod("db-01", "db"));
    lab.apply(stateful_set(1));
    BOOST_TEST(lab.get("Pod", "db-0")->body["metadata"]["ownerReferences"][0]["name"] == "db");
    BOOST_TEST(!lab.get("Pod", "db-x")->body["metadata"].contains("ownerReferences"));
    BOOST_TEST(!lab.get("Pod", "db-01")->body["metadata"].contains("ownerReferences"));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_is_said_and_waited_for) {
    Lab lab;
    lab.apply(bare_pod("db-0", "other"));
    lab.apply(stateful_set(1));
    BOOST_TEST(
        lab.messages("FailedCreate").at(0) ==
        "create Pod db-0 in StatefulSet db failed error: pods \"db-0\" already exists");
    lab.cluster.delete_object({"Pod", "default", "db-0"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.get("Pod", "db-0")->labels().at("app") == "db");
}
