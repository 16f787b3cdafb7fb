#define BOOST_TEST_MODULE policy_speed
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "services/policy_evaluator.h"

using namespace services;

namespace {

constexpr unsigned kPods = 1000;
constexpr unsigned kPolicies = 300;
constexpr unsigned kNamespaces = 20;
constexpr unsigned kAppsInNamespace = 5;

/// Limits hold for a release build; other builds only have to do the same work.
#ifdef NDEBUG
constexpr bool kMeasured = true;
#else
constexpr bool kMeasured = false;
#endif

double processor_seconds(const std::function<void()>& work) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    };
    const auto start = now();
    work();
    return now() - start;
}

LabelSelector app_is(unsigned number) {
    return {{{"app", LabelRequirement::Operator::In, {"app-" + std::to_string(number)}}}};
}

/// A cluster as teams have it: each namespace denies by default, each app lets some others in and
/// out, and three admin policies stand above.
PolicyCluster busy_cluster() {
    PolicyCluster cluster;
    cluster.nodes["node-1"] = {"node-1", {}, {*IpAddress::parse("172.18.0.1")}};
    for (unsigned ns = 0; ns < kNamespaces; ++ns) {
        const auto name = "team-" + std::to_string(ns);
        cluster.namespaces[name] = {
            name, {{"kubernetes.io/metadata.name", name}, {"team", std::to_string(ns % 4)}}};
    }
    for (unsigned i = 0; i < kPods; ++i) {
        PolicyPod pod;
        pod.ns = "team-" + std::to_string(i % kNamespaces);
        pod.name = "pod-" + std::to_string(i);
        pod.node = "node-1";
        pod.labels = {{"app", "app-" + std::to_string(i / kNamespaces % kAppsInNamespace)}};
        pod.ips = {IpAddress::parse("10.244.0.1")->plus(i)};
        pod.ports = {{"http", Protocol::Tcp, 8080}};
        cluster.pods[{pod.ns, pod.name}] = pod;
    }
    const auto add = [&](Policy policy) {
        const auto key = policy_key(policy);
        cluster.policies[key] = std::make_shared<const Policy>(std::move(policy));
    };
    for (unsigned i = 0; i + 3 < kPolicies; ++i) {
        Policy policy;
        policy.ns = "team-" + std::to_string(i % kNamespaces);
        policy.name = "policy-" + std::to_string(i);
        const auto round = i / kNamespaces;
        policy.subject = {policy.ns, {}, round % 2 == 0 ? LabelSelector{} : app_is(round % 5)};
        PolicyRule rule;
        rule.peers = {
            PodSelection{policy.ns, {}, app_is((round + 1) % 5)},
            PodSelection{
                "", {{{"team", LabelRequirement::Operator::In, {"1"}}}}, app_is(round % 5)},
            AddressBlock{*IpPrefix::parse("192.168.0.0/16"), {}}};
        rule.ports = {
            PolicyPort{Protocol::Tcp, 0, 0, "http"}, PolicyPort{Protocol::Udp, 53, 53, ""}};
        policy.ingress = {rule};
        policy.egress = {rule};
        add(std::move(policy));
    }
    for (int i = 0; i < 3; ++i) {
        Policy policy;
        policy.tier = i == 2 ? PolicyTier::Baseline : PolicyTier::Admin;
        policy.kind = "ClusterNetworkPolicy";
        policy.name = "admin-" + std::to_string(i);
        policy.priority = i;
        PolicyRule deny;
        deny.action = i == 0 ? PolicyAction::Pass : PolicyAction::Deny;
        deny.peers = {PodSelection{"", {}, app_is(9)}};
        policy.ingress = {deny};
        policy.egress = {deny};
        add(std::move(policy));
    }
    return cluster;
}

void report(const char* what, double value, double least) {
    std::printf("{\"figure\":\"%s\",\"value\":%.0f}\n", what, value);
    if (kMeasured) {
        BOOST_TEST(value >= least);
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(a_million_verdicts_a_second) {
    const auto cluster = busy_cluster();
    std::unique_ptr<PolicyEvaluator> evaluator;
    constexpr unsigned kIndexings = 10;
    const auto indexing = processor_seconds([&] {
        for (unsigned i = 0; i < kIndexings; ++i) {
            evaluator = std::make_unique<PolicyEvaluator>(cluster);
        }
    });
    report("policy indexes a second, 1000 pods and 300 policies", kIndexings / indexing, 20);
    std::vector<PolicyEnd> ends;
    for (const auto& [key, pod] : cluster.pods) {
        ends.push_back({&pod, nullptr, pod.ips.front()});
    }
    std::size_t allowed = 0;
    const auto seconds = processor_seconds([&] {
        for (const auto& from : ends) {
            for (const auto& to : ends) {
                allowed += evaluator->evaluate({from, to, Protocol::Tcp, 8080}).allowed ? 1U : 0U;
            }
        }
    });
    BOOST_TEST(allowed > ends.size() * 2);
    BOOST_TEST(allowed < ends.size() * ends.size());
    std::printf("{\"figure\":\"allowed of a million\",\"value\":%zu}\n", allowed);
    report("policy verdicts a second", kPods * kPods / seconds, 1e6);
}
