#include <boost/test/unit_test.hpp>

#include "labctl/compile/pod_target.h"
#include "netemu/base/error.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

std::string
pod_of(const Lab& lab, const std::string& text, const std::string& default_ns = "default") {
    const auto pod = find_pod_target(lab.store, text, default_ns);
    return pod ? pod->ns() + "/" + pod->name() : "";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_pod_is_named_by_itself_or_by_what_it_belongs_to) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 2));
    lab.apply(workload("StatefulSet", "db"));
    lab.apply(bare_pod("lonely"));
    lab.apply_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"front"},
        "spec":{"selector":{"app":"web"},"ports":[{"port":80}]}})");
    lab.run_all();
    const auto first = "default/" + *lab.names("Pod", "app=web").begin();

    for (const auto* same :
         {"web",
          "deploy/web",
          "deployments.apps/web",
          "default/web",
          "default/deploy/web",
          "svc/front",
          "default/service/front"}) {
        BOOST_TEST(pod_of(lab, same) == first, same);
    }
    for (const auto* same : {"lonely", "pod/lonely", "default/lonely", "default/pod/lonely"}) {
        BOOST_TEST(pod_of(lab, same) == "default/lonely", same);
    }
    BOOST_TEST(pod_of(lab, "sts/db") == "default/db-0");
    BOOST_TEST(pod_of(lab, first) == first);
    BOOST_TEST(pod_of(lab, "default/sts/db", "other") == "default/db-0");
    for (const auto* nobody :
         {"",
          "none",
          "deploy/none",
          "deploy/db",
          "pod/web",
          "other/web",
          "node/node-1",
          "cm/web",
          "a/b/c",
          "default/deploy/web/x",
          "/web",
          "web/"}) {
        BOOST_TEST(pod_of(lab, nobody).empty(), nobody);
    }
    BOOST_TEST(pod_of(lab, "deploy/web", "other").empty()); // a workload of another namespace
    BOOST_TEST(pod_of(lab, "pod/lonely", "other").empty());
}

BOOST_AUTO_TEST_CASE(of_several_pods_a_ready_one_is_taken) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 3));
    lab.run_all();
    const auto names = lab.names("Pod", "app=web");
    const std::vector<std::string> pods(names.begin(), names.end());
    lab.run(pods[0], false);
    BOOST_TEST(pod_of(lab, "web") == "default/" + pods[1]);
    lab.end(pods[1], "Failed", 1); // its ReplicaSet makes another, which does not run yet
    BOOST_TEST(pod_of(lab, "web") == "default/" + pods[2]);
    lab.run(pods[2], false);
    const auto taken = pod_of(lab, "web"); // none is ready: one that has not ended
    BOOST_TEST(!taken.empty());
    BOOST_TEST(taken != "default/" + pods[1]);
}

BOOST_AUTO_TEST_CASE(a_pod_comes_before_a_workload_of_its_name) {
    Lab lab;
    lab.apply(workload("Deployment", "web"));
    lab.apply(bare_pod("web", "other"));
    lab.run_all();
    BOOST_TEST(pod_of(lab, "web") == "default/web");
    BOOST_TEST(pod_of(lab, "deploy/web") == "default/" + *lab.names("Pod", "app=web").begin());
}

BOOST_AUTO_TEST_CASE(a_workload_without_pods_says_so) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 0));
    lab.apply_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"manual"},
        "spec":{"ports":[{"port":80}]}})");
    for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
             {"deploy/web", "deployment default/web has no pods"},
             {"svc/manual", "service default/manual has no pods"}}) {
        BOOST_CHECK_EXCEPTION(
            (void)find_pod_target(lab.store, text, "default"),
            netemu::UsageError,
            [&](const auto& error) { return error.what() == message; });
    }
}
