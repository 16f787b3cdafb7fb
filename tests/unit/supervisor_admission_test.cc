#include <boost/test/unit_test.hpp>

#include "labctl/api/status_error.h"
#include "labctl/manifest/read.h"
#include "labctl/supervisor/admission.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;

namespace {

/// A cluster whose edits are checked and completed, as those of a lab are.
struct Admitting : compile::Lab {
    compile::ApplyResult apply_file(const std::string& yaml) {
        const supervisor::Admission admission(cluster, false);
        auto result = cluster.apply_object(manifest::read_text(yaml, "job.yaml").objects.at(0));
        cluster.reconcile();
        return result;
    }
    /// What a refused edit says.
    template <class Edit>
    std::string refusal(Edit edit) {
        const supervisor::Admission admission(cluster, false);
        try {
            edit();
        } catch (const api::StatusError& error) {
            return error.what();
        }
        return "accepted";
    }
};

std::string job(const std::string& more) {
    return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: work}\nspec:\n  template:\n    "
           "spec:\n"
           "      restartPolicy: Never\n      containers: [{name: main, image: web:1}]\n" +
           more;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_job_keeps_the_selector_that_was_made_for_it_when_it_changes) {
    Admitting lab;
    lab.apply_file(job("  backoffLimit: 1\n"));
    const auto selector = lab.get("Job", "work")->body["spec"]["selector"];
    BOOST_TEST((lab.apply_file(job("  backoffLimit: 1\n")).action == compile::Applied::Unchanged));
    BOOST_TEST((lab.apply_file(job("  backoffLimit: 2\n")).action == compile::Applied::Configured));
    const auto changed = lab.get("Job", "work");
    BOOST_TEST(changed->body["spec"]["backoffLimit"] == 2);
    BOOST_TEST((changed->body["spec"]["selector"] == selector));
    BOOST_TEST(lab.list("Pod").size() == 1U);

    const api::ObjectKey key{"Job", "default", "work"};
    BOOST_TEST(lab.refusal([&] {
        lab.cluster.merge_patch(key, {{"spec", {{"suspend", true}}}});
    }) == "accepted");
    BOOST_TEST(lab.refusal([&] {
        lab.cluster.label(key, {{"tier", "low"}}, false);
    }) == "accepted");
    // `kubectl get -o yaml`, edited, and `kubectl replace`; the control plane forgets who wrote
    // uid.
    auto whole = *lab.get("Job", "work");
    whole.body["spec"]["parallelism"] = 2;
    BOOST_TEST(lab.refusal([&] { lab.cluster.replace_object(whole); }) == "accepted");
    BOOST_TEST(lab.get("Job", "work")->body["spec"]["parallelism"] == 2);
}

BOOST_AUTO_TEST_CASE(a_selector_of_another_job_is_refused) {
    Admitting lab;
    lab.apply_file(job(""));
    auto copy = *lab.get("Job", "work");
    copy.body["metadata"]["name"] = "copy"; // with the uid of the first
    copy.body["metadata"].erase("resourceVersion");
    const auto create = [&] { lab.cluster.create_object(copy); };
    BOOST_TEST(lab.refusal(create).find("`selector` not auto-generated") != std::string::npos);
    lab.cluster.set_defaulter(nullptr); // where nobody checks, the control plane does
    BOOST_CHECK_THROW(create(), api::StatusError);
    const api::ObjectKey key{"Job", "default", "work"};
    const auto refused = lab.refusal([&] {
        lab.cluster.merge_patch(
            key, {{"spec", {{"selector", {{"matchLabels", {{"job-name", "work"}}}}}}}});
    });
    BOOST_TEST(refused.find("field is immutable") != std::string::npos);
}

namespace {

std::string deployment(const std::string& strategy, const std::string& volume) {
    return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n" + strategy +
           "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: "
           "web}}\n"
           "    spec:\n      containers: [{name: main, image: web:1}]\n      volumes:\n      - " +
           volume + "\n";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_volume_forgets_the_source_that_was_its_default) {
    Admitting lab;
    lab.apply_file(deployment("", "{name: data}")); // of nothing: emptyDir
    lab.apply_file(deployment("", "{name: data, configMap: {name: settings}}"));
    const auto spec = lab.get("Deployment", "web")->body["spec"]["template"]["spec"];
    BOOST_TEST(spec["volumes"].size() == 1U);
    BOOST_TEST(!spec["volumes"][0].contains("emptyDir"));
    BOOST_TEST(spec["volumes"][0]["configMap"]["name"] == "settings");
}

BOOST_AUTO_TEST_CASE(a_deployment_that_is_to_be_recreated_forgets_how_it_was_rolled) {
    // Both the defaults of the API server and parameters of the manifest.
    for (const std::string rolling :
         {"", "  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 3}}\n"}) {
        Admitting lab;
        lab.apply_file(deployment(rolling, "{name: data, configMap: {name: settings}}"));
        lab.apply_file(deployment("  strategy: {type: Recreate}\n", "{name: data, emptyDir: {}}"));
        const auto spec = lab.get("Deployment", "web")->body["spec"];
        BOOST_TEST(spec["strategy"] == api::Json({{"type", "Recreate"}}));
        const auto& volumes = spec["template"]["spec"]["volumes"];
        BOOST_TEST(
            volumes == api::Json::array({{{"name", "data"}, {"emptyDir", api::Json::object()}}}));
        lab.apply_file(deployment("", "{name: data, emptyDir: {}}"));
        const auto again = lab.get("Deployment", "web")->body["spec"]["strategy"];
        BOOST_TEST(again["type"] == "RollingUpdate");
        BOOST_TEST(again["rollingUpdate"]["maxSurge"] == "25%");
    }
}

BOOST_AUTO_TEST_CASE(the_settings_of_a_lab_that_is_up_do_not_change) {
    Admitting lab;
    auto settings = compile::ClusterConfig::default_lab("test", 3);
    lab.cluster.apply_object(settings);
    const api::ObjectKey key{"Lab", "", "test"};
    const auto spec = lab.store.get(key)->body["spec"];
    const auto patched = lab.refusal([&] {
        lab.cluster.merge_patch(key, {{"spec", {{"proxy", {{"mode", "iptables"}}}}}});
    });
    BOOST_TEST(patched.find("spec: Forbidden") != std::string::npos, patched);
    auto whole = *lab.store.get(key);
    whole.body["spec"]["nodes"] = 4;
    BOOST_TEST(
        lab.refusal([&] { lab.cluster.replace_object(whole); }).find("spec: Forbidden") !=
        std::string::npos);
    BOOST_TEST((lab.store.get(key)->body["spec"] == spec));
    // What is said without effect on the network is nobody's business, nor is a spec as it was.
    BOOST_TEST(lab.refusal([&] { lab.cluster.label(key, {{"a", "b"}}, false); }) == "accepted");
    whole = *lab.store.get(key);
    BOOST_TEST(lab.refusal([&] { lab.cluster.replace_object(whole); }) == "accepted");
    lab.cluster.set_proxy_mode("iptables");
    BOOST_TEST(lab.store.get(key)->body["spec"]["proxy"]["mode"] == "iptables");

    auto other = compile::ClusterConfig::default_lab("other", 1);
    BOOST_TEST(lab.refusal([&] { lab.cluster.create_object(other); }) != "accepted");
    BOOST_TEST(lab.refusal([&] { lab.cluster.delete_object(key); }) != "accepted");
}
