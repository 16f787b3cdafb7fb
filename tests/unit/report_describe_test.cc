#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/report/describe.h"
#include "tests/unit/report_fixture.h"

using namespace labctl::report;
using labctl::report::testing::check_golden;
using labctl::report::testing::kNow;
using labctl::report::testing::objects_from;

namespace {

std::string describe(const std::string& kind, const std::string& name) {
    const auto all = objects_from("objects");
    const auto found = std::ranges::find_if(
        all, [&](const auto& o) { return o->kind() == kind && o->name() == name; });
    BOOST_REQUIRE(found != all.end());
    DescribeOptions options;
    options.now = kNow;
    options.related = all;
    return describe_object(**found, options);
}

} // namespace

BOOST_AUTO_TEST_SUITE(describe_objects)

BOOST_AUTO_TEST_CASE(pods) {
    check_golden("describe-pod.txt", describe("Pod", "frontend-5d9c7b9f6d-2xkqz"));
    check_golden("describe-pod-crashing.txt", describe("Pod", "backend-66b5d-aaaaa"));
    check_golden("describe-pod-pending.txt", describe("Pod", "backend-66b5d-ddddd"));
}

BOOST_AUTO_TEST_CASE(a_terminating_pod) {
    const auto all = objects_from("objects");
    const auto found = std::ranges::find_if(all, [](const auto& o) { return o->kind() == "Pod"; });
    auto pod = **found;
    pod.body["status"]["phase"] = "Running";
    pod.body["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z";
    pod.body["metadata"]["deletionGracePeriodSeconds"] = 45;
    DescribeOptions options;
    options.now = kNow;
    const auto text = describe_object(pod, options);
    BOOST_TEST(text.find("Terminating\n") != std::string::npos, text);
    BOOST_TEST(text.find("Termination Grace Period:") != std::string::npos, text);
    BOOST_TEST(text.find("45s\n") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(nodes) {
    check_golden("describe-node.txt", describe("Node", "node-1"));
    check_golden("describe-node-tainted.txt", describe("Node", "node-3"));
}

BOOST_AUTO_TEST_CASE(workloads) {
    check_golden("describe-deployment.txt", describe("Deployment", "frontend"));
    check_golden("describe-replicaset.txt", describe("ReplicaSet", "backend-66b5d"));
    check_golden("describe-statefulset.txt", describe("StatefulSet", "db"));
    check_golden("describe-daemonset.txt", describe("DaemonSet", "agent"));
    check_golden("describe-job.txt", describe("Job", "migrate"));
}

BOOST_AUTO_TEST_CASE(services) {
    check_golden("describe-service.txt", describe("Service", "frontend"));
    check_golden("describe-service-headless.txt", describe("Service", "db"));
}

BOOST_AUTO_TEST_CASE(every_other_kind) {
    check_golden("describe-custom.txt", describe("TrafficSample", "reviews"));
    check_golden("describe-virtualservice.txt", describe("VirtualService", "reviews"));
    check_golden("describe-networkpolicy.txt", describe("NetworkPolicy", "db"));
}

BOOST_AUTO_TEST_CASE(only_its_own_events) {
    const auto text = describe("Pod", "backend-66b5d-aaaaa");
    BOOST_TEST(text.find("BackOff") != std::string::npos);
    BOOST_TEST(text.find("Successfully assigned") == std::string::npos, text);
    BOOST_TEST(text.find("(x12 over 60m)") != std::string::npos, text);
}

BOOST_AUTO_TEST_SUITE_END()
