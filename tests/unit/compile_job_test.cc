#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

api::Object job(const std::string& spec = "{}") {
    api::Object object;
    object.body = {
        {"apiVersion", "batch/v1"},
        {"kind", "Job"},
        {"metadata", {{"name", "work"}, {"namespace", "default"}}},
        {"spec", api::Json::parse(spec)}};
    object.body["spec"]["template"] = pod_template("work");
    object.body["spec"]["template"]["spec"]["restartPolicy"] = "Never";
    return object;
}

/// The pods that have not ended, by name.
std::vector<std::string> active(const Lab& lab) {
    std::vector<std::string> result;
    for (const auto& pod : lab.list("Pod")) {
        const auto phase = api::string_at(pod->body, "status.phase");
        if (phase != "Succeeded" && phase != "Failed") {
            result.push_back(pod->name());
        }
    }
    return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(one_pod_that_succeeds_completes_it) {
    Lab lab;
    lab.apply(job());
    const auto pods = active(lab);
    BOOST_TEST_REQUIRE(pods.size() == 1U);
    const auto labels = lab.get("Pod", pods[0])->labels();
    BOOST_TEST(labels.at("batch.kubernetes.io/job-name") == "work");
    BOOST_TEST(labels.at("job-name") == "work");
    BOOST_TEST(labels.at("batch.kubernetes.io/controller-uid") == lab.get("Job", "work")->uid());
    BOOST_TEST(lab.status("Job", "work")["active"] == 1);
    lab.end(pods[0], "Succeeded");
    const auto status = lab.status("Job", "work");
    BOOST_TEST(status["succeeded"] == 1);
    BOOST_TEST(!status.contains("active"));
    BOOST_TEST(status.contains("completionTime"));
    BOOST_TEST(lab.condition("Job", "work", "Complete")["status"] == "True");
    BOOST_TEST(lab.messages("Completed").size() == 1U);
    BOOST_TEST(lab.list("Pod").size() == 1U); // it stays, to be looked at
}

BOOST_AUTO_TEST_CASE(completions_in_parallel) {
    Lab lab;
    lab.apply(job(R"({"completions":5,"parallelism":2})"));
    int ended = 0;
    while (!active(lab).empty()) {
        BOOST_TEST(active(lab).size() == static_cast<std::size_t>(std::min(2, 5 - ended)));
        lab.end(active(lab)[0], "Succeeded");
        ++ended;
    }
    BOOST_TEST(ended == 5);
    BOOST_TEST(lab.status("Job", "work")["succeeded"] == 5);
    BOOST_TEST(lab.condition("Job", "work", "Complete")["status"] == "True");
}

BOOST_AUTO_TEST_CASE(failures_are_tried_again_up_to_the_limit) {
    Lab lab;
    lab.apply(job(R"({"backoffLimit":2})"));
    for (int failure = 0; failure < 3; ++failure) {
        BOOST_TEST_REQUIRE(active(lab).size() == 1U);
        lab.end(active(lab)[0], "Failed", 1);
    }
    BOOST_TEST(active(lab).empty());
    BOOST_TEST(lab.status("Job", "work")["failed"] == 3);
    BOOST_TEST(lab.condition("Job", "work", "Failed")["reason"] == "BackoffLimitExceeded");
}

BOOST_AUTO_TEST_CASE(indexed_jobs_name_their_pods) {
    Lab lab;
    lab.apply(job(R"({"completions":3,"parallelism":3,"completionMode":"Indexed"})"));
    std::set<std::string> indices;
    for (const auto& name : active(lab)) {
        const auto pod = lab.get("Pod", name);
        const auto index = pod->labels().at("batch.kubernetes.io/job-completion-index");
        indices.insert(index);
        BOOST_TEST(name.starts_with("work-" + index + "-"));
        BOOST_TEST(pod->body["spec"]["hostname"] == "work-" + index);
    }
    BOOST_TEST((indices == std::set<std::string>{"0", "1", "2"}));
    const auto failed = active(lab)[1];
    const auto index =
        lab.get("Pod", failed)->labels().at("batch.kubernetes.io/job-completion-index");
    lab.end(failed, "Failed", 1);
    BOOST_TEST(lab.list("Pod", "batch.kubernetes.io/job-completion-index=" + index).size() == 2U);
    while (!active(lab).empty()) {
        lab.end(active(lab)[0], "Succeeded");
    }
    BOOST_TEST(lab.status("Job", "work")["succeeded"] == 3);
}

BOOST_AUTO_TEST_CASE(a_suspended_job_has_no_pods) {
    Lab lab;
    lab.apply(job(R"({"suspend":true})"));
    BOOST_TEST(lab.list("Pod").empty());
    BOOST_TEST(lab.condition("Job", "work", "Suspended")["status"] == "True");
    lab.cluster.merge_patch({"Job", "default", "work"}, {{"spec", {{"suspend", false}}}});
    lab.cluster.reconcile();
    BOOST_TEST(active(lab).size() == 1U);
    BOOST_TEST(lab.condition("Job", "work", "Suspended").is_null());
}

BOOST_AUTO_TEST_CASE(a_finished_job_stays_finished_without_its_pods) {
    Lab lab;
    lab.apply(job());
    lab.end(active(lab)[0], "Succeeded");
    const auto status = lab.status("Job", "work");
    lab.cluster.delete_object(lab.list("Pod")[0]->key());
    lab.cluster.reconcile();
    BOOST_TEST(lab.list("Pod").empty());
    BOOST_TEST((lab.status("Job", "work") == status));
}

BOOST_AUTO_TEST_CASE(a_work_queue_ends_when_its_pods_do) {
    Lab lab;
    lab.apply(job(R"({"parallelism":3})"));
    BOOST_TEST(active(lab).size() == 3U);
    lab.end(active(lab)[0], "Succeeded");
    BOOST_TEST(active(lab).size() == 2U); // none is added, none is ended
    BOOST_TEST(lab.condition("Job", "work", "Complete").is_null());
    lab.end(active(lab)[0], "Succeeded");
    lab.end(active(lab)[0], "Succeeded");
    BOOST_TEST(lab.condition("Job", "work", "Complete")["status"] == "True");
}
