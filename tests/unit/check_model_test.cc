#include <algorithm>
#include <map>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/check/network_model.h"
#include "tests/unit/check_fixture.h"

using namespace labctl::check;
using namespace labctl::check::testing;
using labctl::probe::Outcome;
using labctl::probe::Request;

namespace {

Report check_model(FakeLab& lab) {
    return lab.check(network_model_assertions(lab.world));
}

int least(const std::map<std::string, int>& counts) {
    int lowest = 1 << 30;
    for (const auto& [name, count] : counts) {
        lowest = std::min(lowest, count);
    }
    return lowest;
}

World big_world(std::size_t nodes, std::size_t pods) {
    World world;
    for (std::size_t n = 0; n < nodes; ++n) {
        const auto id = std::to_string(n + 1);
        world.nodes.push_back({"node-" + id, {"172.18.0." + id}});
    }
    for (std::size_t p = 0; p < pods; ++p) {
        PodView pod;
        pod.ns = "default";
        pod.name = "web-" + std::to_string(p);
        pod.node = world.nodes[p % nodes].name;
        pod.phase = "Running";
        pod.ips = {"10.244." + std::to_string(p / 200) + "." + std::to_string(p % 200 + 2)};
        pod.ports = {{"", 80, "TCP"}};
        world.pods.push_back(pod);
    }
    return world;
}

} // namespace

BOOST_AUTO_TEST_SUITE(network_model)

BOOST_AUTO_TEST_CASE(a_working_lab_passes_all_three_rules) {
    FakeLab lab;
    const auto report = check_model(lab);
    BOOST_REQUIRE_EQUAL(report.records.size(), 3U);
    for (const auto& record : report.records) {
        BOOST_TEST((record.verdict == Verdict::Pass), record.title + ": " + record.reason);
        BOOST_TEST(!record.description.empty());
    }
    BOOST_TEST(report.records[0].flows == 5U);
    BOOST_TEST(report.records[1].flows == 20U); // 5 x 4
    BOOST_TEST(report.records[2].flows == 10U); // 2 x 5
    BOOST_TEST(static_cast<int>(exit_code(report)) == 0);
    // client serves nothing, so what it receives can only be shown by ICMP.
    BOOST_TEST(contains(report.records[1].notes.at(0), "4 of 20 flows do not say"));
    BOOST_TEST(lab.rounds.size() == 1U);
    const auto probes = sent(lab.rounds[0]);
    BOOST_TEST(std::ranges::count(probes, "default/frontend-a tcp://10.244.2.4:5432") == 1);
    BOOST_TEST(std::ranges::count(probes, "default/frontend-a icmp://10.244.1.9") == 1);
}

BOOST_AUTO_TEST_CASE(a_shared_address_breaks_the_first_rule) {
    FakeLab lab;
    lab.world.pods[3].ips = lab.world.pods[2].ips;
    const auto record = check_model(lab).records.at(0);
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(
        record.reason, "default/frontend-b has the address 10.244.1.2 of default/frontend-a"));
    lab.world = small_world();
    lab.world.pods[3].ips = {"172.18.0.2"};
    BOOST_TEST(contains(check_model(lab).records.at(0).reason, "of node/node-1"));
}

BOOST_AUTO_TEST_CASE(another_pod_that_answers_breaks_the_first_rule) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        if (request.to.host == "10.244.2.2") {
            result.first.backend = "default/db-0";
        }
        return result;
    };
    const auto record = check_model(lab).records.at(0);
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(
        contains(record.reason, "it was answered by default/db-0, not by default/frontend-b"));
}

BOOST_AUTO_TEST_CASE(a_running_pod_without_an_address_breaks_the_first_rule) {
    FakeLab lab;
    lab.world.pods[3].ips.clear();
    const auto report = check_model(lab);
    BOOST_TEST(contains(report.records.at(0).reason, "default/frontend-b runs but has no address"));
    BOOST_TEST((report.records.at(1).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(nat_breaks_the_second_rule) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        if (request.from == "default/client" && !result.first.client_ip.empty()) {
            result.first.client_ip = "172.18.0.2";
        }
        return result;
    };
    const auto report = check_model(lab);
    BOOST_TEST((report.records.at(0).verdict == Verdict::Pass));
    BOOST_TEST((report.records.at(1).verdict == Verdict::Fail));
    BOOST_TEST(
        contains(report.records.at(1).reason, "saw it come from 172.18.0.2, not from 10.244.1.9"));
    BOOST_TEST(contains(report.records.at(1).reason, "and 3 more of 20 flows"));
    BOOST_TEST((report.records.at(2).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(without_any_word_on_the_source_the_second_rule_is_inconclusive) {
    FakeLab lab;
    for (auto& pod : lab.world.pods) {
        pod.ports.clear();
    }
    const auto report = check_model(lab);
    BOOST_TEST((report.records.at(0).verdict == Verdict::Pass));
    BOOST_TEST((report.records.at(1).verdict == Verdict::Inconclusive));
    BOOST_TEST((report.records.at(2).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(a_node_that_cannot_reach_a_pod_breaks_the_third_rule) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        return request.from == "node/node-1" && request.to.host == "10.244.2.4"
                   ? result_of(Outcome::Timeout)
                   : lab.answer(request);
    };
    const auto report = check_model(lab);
    BOOST_TEST((report.records.at(0).verdict == Verdict::Pass)); // asked from the pod's own node
    BOOST_TEST((report.records.at(2).verdict == Verdict::Fail));
    BOOST_TEST(contains(
        report.records.at(2).reason, "node/node-1 -> tcp://10.244.2.4:5432 (default/db-0)"));
}

BOOST_AUTO_TEST_CASE(what_does_not_take_part) {
    FakeLab lab;
    lab.world.pods[0].phase = "Pending";
    lab.world.pods[1].host_network = true;
    const auto report = check_model(lab);
    BOOST_TEST(report.records.at(1).flows == 6U);
    BOOST_TEST(report.records.at(1).notes.at(0) == "1 pod left out: not running");
    BOOST_TEST(report.records.at(1).notes.at(1) == "1 pod left out: on the host's network");
    lab.world.pods.resize(1);
    BOOST_TEST(network_model_assertions(lab.world).empty()); // nothing runs
    lab.world.pods[0].phase = "Running";
    BOOST_TEST(network_model_assertions(lab.world).size() == 2U); // no pair of pods
}

BOOST_AUTO_TEST_CASE(a_hundred_pods_are_probed_in_full) {
    FakeLab lab;
    lab.world = big_world(3, 100);
    const auto report = check_model(lab);
    BOOST_TEST(report.records.at(1).flows == 9900U);
    BOOST_TEST(report.records.at(1).notes.empty());
    BOOST_TEST((report.records.at(1).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(a_thousand_pods_are_sampled_evenly) {
    FakeLab lab;
    lab.world = big_world(20, 1000);
    const auto rules = network_model_assertions(lab.world);
    const auto report = lab.check({rules.at(1)});
    BOOST_TEST((report.records.at(0).verdict == Verdict::Pass));
    BOOST_TEST(contains(report.records.at(0).notes.at(0), "a sample: "));
    BOOST_TEST(contains(report.records.at(0).notes.at(0), "of 999000 ordered pairs"));
    std::map<std::string, std::string> node_of; // by pod and by address
    for (const auto& pod : lab.world.pods) {
        node_of[pod.id()] = pod.node;
        node_of[pod.ips[0]] = pod.node;
    }
    std::map<std::string, int> sends;
    std::map<std::string, int> receives;
    std::map<std::string, int> nodes_reached;
    std::set<std::pair<std::string, std::string>> spread;
    std::set<std::pair<std::string, std::string>> pairs;
    std::set<std::string> distinct;
    for (const auto& request : lab.rounds.at(0).probes) {
        ++sends[request.from];
        ++receives[request.to.host];
        if (spread.emplace(request.from, node_of.at(request.to.host)).second) {
            ++nodes_reached[request.from];
        }
        pairs.emplace(node_of.at(request.from), node_of.at(request.to.host));
        distinct.insert(request.from + request.to.host);
        BOOST_REQUIRE(request.from != "default/web-" + request.to.host);
    }
    BOOST_TEST(sends.size() == 1000U);
    BOOST_TEST(receives.size() == 1000U);
    BOOST_TEST(least(sends) >= 10);
    BOOST_TEST(least(receives) >= 10);
    BOOST_TEST(pairs.size() == 400U);       // every node with every node, itself too
    BOOST_TEST(least(nodes_reached) == 10); // the strides spread each pod's targets over the nodes
    BOOST_TEST(distinct.size() == report.records.at(0).flows);
    BOOST_TEST(distinct.size() < 11000U);
    // The same pods give the same sample.
    const auto first = sent(lab.rounds.at(0));
    lab.check({rules.at(1)});
    BOOST_TEST((sent(lab.rounds.at(1)) == first));
}

BOOST_AUTO_TEST_CASE(nodes_are_sampled_too) {
    FakeLab lab;
    lab.world = big_world(20, 1000);
    const auto report = lab.check({network_model_assertions(lab.world).at(2)});
    BOOST_TEST(report.records.at(0).flows == 10000U);
    std::map<std::string, int> sends;
    for (const auto& request : lab.rounds.at(0).probes) {
        ++sends[request.from];
    }
    BOOST_TEST(sends.size() == 20U);
    BOOST_TEST(contains(report.records.at(0).notes.at(0), "each pod is reached from 10 nodes"));
}

BOOST_AUTO_TEST_SUITE_END()
