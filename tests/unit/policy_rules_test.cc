#include <boost/test/unit_test.hpp>

#include "tests/unit/policy_fixture.h"

/// Reference netpol.md, sections 3 to 6, a row for each test.
using namespace services;
using namespace services::test;

namespace {

const std::string kAllPods = "x/a x/b x/c y/a y/b y/c z/a z/b z/c";
const Rules kNothing = std::vector<PolicyRule>{};
const Rules kSilent = std::nullopt;

Rules only(const PolicyRule& one) {
    return std::vector<PolicyRule>{one};
}

/// A world in which x/a has one rule of ingress.
World with_ingress(const PolicyRule& one) {
    World world;
    world.add(network_policy("x/p", "pod=a", only(one)));
    return world;
}

World with_egress(const PolicyRule& one) {
    World world;
    world.add(network_policy("x/p", "pod=a", kSilent, only(one)));
    return world;
}

std::string reach_with(const PolicyPeer& peer) {
    return with_ingress(rule(Peers{{peer}})).reach("x/a");
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_rules)

// 3.1
BOOST_AUTO_TEST_CASE(no_rule_isolates) {
    World world;
    world.add(network_policy("x/p", "pod=a", kNothing));
    BOOST_TEST(world.reach("x/a") == "x/a");
    BOOST_TEST((world.ask("y/a", "x/a").ingress.reason == PolicyReason::Isolated));
}

// 3.2, 3.3, 3.4
BOOST_AUTO_TEST_CASE(an_empty_rule_allows_any_peer_and_port) {
    auto world = with_ingress(rule());
    BOOST_TEST(world.reach("x/a") == kAllPods);
    BOOST_TEST(world.reach("x/a", "99/SCTP") == kAllPods);
    BOOST_TEST(world.allowed("8.8.8.8", "x/a", "1/UDP"));
    BOOST_TEST(world.allowed("node/node-2", "x/a"));
    auto any_peer = with_ingress(rule(std::nullopt, {"80"}));
    BOOST_TEST(any_peer.allowed("8.8.8.8", "x/a", "80"));
    BOOST_TEST(!any_peer.allowed("8.8.8.8", "x/a", "81"));
    auto any_port = with_ingress(rule(Peers{{local("x", "pod=b")}}));
    BOOST_TEST(any_port.reach("x/a", "7/UDP") == "x/a x/b");
}

// 3.5
BOOST_AUTO_TEST_CASE(peers_and_ports_of_a_rule_are_a_cross_product) {
    auto world = with_ingress(
        rule(Peers{{local("x", "pod=b"), anywhere("ns=y", "pod=c")}}, {"80", "53/UDP"}));
    for (const auto* port : {"80", "53/UDP"}) {
        BOOST_TEST(world.reach("x/a", port) == "x/a x/b y/c");
    }
    BOOST_TEST(world.reach("x/a", "53") == "x/a");
}

// 3.6
BOOST_AUTO_TEST_CASE(a_pod_selector_is_of_the_own_namespace) {
    BOOST_TEST(reach_with(local("x", "pod=b")) == "x/a x/b");
}

// 3.7
BOOST_AUTO_TEST_CASE(a_namespace_selector_is_all_pods_of_those_namespaces) {
    BOOST_TEST(reach_with(anywhere("ns=y")) == "x/a y/a y/b y/c");
    BOOST_TEST(
        reach_with(anywhere("kubernetes.io/metadata.name in (x,z)")) == "x/a x/b x/c z/a z/b z/c");
}

// 3.8
BOOST_AUTO_TEST_CASE(both_in_one_peer_is_and_two_peers_are_or) {
    BOOST_TEST(reach_with(anywhere("ns=y", "pod=b")) == "x/a y/b");
    auto world = with_ingress(rule(Peers{{anywhere("ns=y"), local("x", "pod=b")}}));
    BOOST_TEST(world.reach("x/a") == "x/a x/b y/a y/b y/c");
}

// 3.9, 3.10
BOOST_AUTO_TEST_CASE(empty_selectors_are_pods_and_never_other_addresses) {
    BOOST_TEST(reach_with(local("x", "")) == "x/a x/b x/c");
    BOOST_TEST(reach_with(anywhere("")) == kAllPods);
    BOOST_TEST(reach_with(anywhere("", "pod=c")) == "x/a x/c y/c z/c");
    auto world = with_ingress(rule(Peers{{anywhere("")}}));
    BOOST_TEST(!world.allowed("8.8.8.8", "x/a"));
    BOOST_TEST(!world.allowed("node/node-2", "x/a"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(policy_ports)

// 4.2, 4.3, 4.10
BOOST_AUTO_TEST_CASE(a_whole_protocol_is_that_protocol_only) {
    auto tcp = with_ingress(rule(std::nullopt, {"TCP"}));
    BOOST_TEST(tcp.allowed("y/a", "x/a", "1"));
    BOOST_TEST(tcp.allowed("y/a", "x/a", "65535"));
    BOOST_TEST(!tcp.allowed("y/a", "x/a", "80/UDP"));
    BOOST_TEST(!tcp.allowed("y/a", "x/a", "80/SCTP"));
    auto udp = with_ingress(rule(std::nullopt, {"UDP"}));
    BOOST_TEST(udp.allowed("y/a", "x/a", "53/UDP"));
    BOOST_TEST(!udp.allowed("y/a", "x/a", "53"));
    auto one = with_ingress(rule(std::nullopt, {"80/UDP"}));
    BOOST_TEST(one.allowed("y/a", "x/a", "80/UDP"));
    BOOST_TEST(!one.allowed("y/a", "x/a", "80"));
}

// 4.4
BOOST_AUTO_TEST_CASE(a_number_needs_no_declaration) {
    auto world = with_ingress(rule(std::nullopt, {"4711"}));
    BOOST_TEST(world.allowed("y/a", "x/a", "4711"));
}

// 4.5, 4.6
BOOST_AUTO_TEST_CASE(a_name_is_looked_up_on_the_destination_with_its_protocol) {
    auto world = with_ingress(rule(std::nullopt, {"serve-81-tcp/TCP"}));
    BOOST_TEST(world.allowed("y/a", "x/a", "81"));
    BOOST_TEST(!world.allowed("y/a", "x/a", "80"));
    world.pod("x/a").ports = {{"serve-81-tcp", Protocol::Tcp, 8081}};
    BOOST_TEST(!world.allowed("y/a", "x/a", "81"));
    BOOST_TEST(world.allowed("y/a", "x/a", "8081"));
    world.pod("x/a").ports = {{"serve-81-tcp", Protocol::Udp, 8081}};
    BOOST_TEST(!world.allowed("y/a", "x/a", "8081"));
    BOOST_TEST(!world.allowed("y/a", "x/a", "8081/UDP"));
    auto out = with_egress(rule(std::nullopt, {"serve-81-tcp/TCP"}));
    out.pod("y/b").ports = {{"serve-81-tcp", Protocol::Tcp, 9000}};
    BOOST_TEST(out.allowed("x/a", "y/a", "81"));
    BOOST_TEST(out.allowed("x/a", "y/b", "9000"));
    BOOST_TEST(!out.allowed("x/a", "y/b", "81"));
}

// 4.7, 4.8
BOOST_AUTO_TEST_CASE(a_name_never_matches_an_outside_address) {
    auto world = with_egress(rule(std::nullopt, {"serve-80-tcp/TCP"}));
    BOOST_TEST(world.allowed("x/a", "z/c", "80"));
    BOOST_TEST(!world.allowed("x/a", "8.8.8.8", "80"));
    auto blocks = with_egress(rule(Peers{{block("0.0.0.0/0")}}, {"serve-80-tcp/TCP"}));
    BOOST_TEST(blocks.allowed("x/a", "z/c", "80"));
    BOOST_TEST(!blocks.allowed("x/a", "8.8.8.8", "80"));
}

// 4.9
BOOST_AUTO_TEST_CASE(both_ends_of_a_range_count) {
    auto world = with_ingress(rule(std::nullopt, {"80-82"}));
    for (const auto* inside : {"80", "81", "82"}) {
        BOOST_TEST(world.allowed("y/a", "x/a", inside));
    }
    for (const auto* outside : {"79", "83", "81/UDP"}) {
        BOOST_TEST(!world.allowed("y/a", "x/a", outside));
    }
}

// 4.11
BOOST_AUTO_TEST_CASE(sctp_isolates_and_opens_no_tcp) {
    auto world = with_ingress(rule(std::nullopt, {"80/SCTP"}));
    BOOST_TEST(!world.allowed("y/a", "x/a", "80"));
    BOOST_TEST(world.allowed("y/a", "x/a", "80/SCTP"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(policy_blocks)

// 5.1
BOOST_AUTO_TEST_CASE(a_block_matches_pods_too) {
    BOOST_TEST(reach_with(block("0.0.0.0/0")) == kAllPods);
    BOOST_TEST(reach_with(block("10.0.2.0/24")) == "x/a y/a y/b y/c");
    auto world = with_ingress(rule(Peers{{block("8.8.0.0/16")}}));
    BOOST_TEST(world.allowed("8.8.1.1", "x/a"));
    BOOST_TEST(!world.allowed("8.9.1.1", "x/a"));
}

// 5.2, 5.3
BOOST_AUTO_TEST_CASE(an_except_is_cut_out_of_its_own_block_only) {
    BOOST_TEST(reach_with(block("10.0.2.0/24", {"10.0.2.2/32"})) == "x/a y/a y/c");
    auto world = with_ingress(rule(
        Peers{{block("10.0.2.0/24", {"10.0.2.2/32"}), block("10.0.0.0/16", {"10.0.2.0/30"})}}));
    BOOST_TEST(world.reach("x/a") == "x/a x/b x/c y/a y/c z/a z/b z/c");
    world.add(network_policy("x/q", "", only(rule(Peers{{block("10.0.2.2/32")}}))));
    BOOST_TEST(world.allowed("y/b", "x/a"));
}

// 5.6
BOOST_AUTO_TEST_CASE(families_do_not_mix) {
    auto four = with_ingress(rule(Peers{{block("0.0.0.0/0")}}));
    BOOST_TEST(!four.allowed("y/a", "x/a", "80/TCP/6"));
    auto six = with_ingress(rule(Peers{{block("::/0")}}));
    BOOST_TEST(six.allowed("y/a", "x/a", "80/TCP/6"));
    BOOST_TEST(!six.allowed("y/a", "x/a"));
    BOOST_TEST(six.allowed("fc00::1", "x/a", "80/TCP/6"));
}

// 5.7
BOOST_AUTO_TEST_CASE(nodes_match_blocks) {
    auto world = with_ingress(rule(Peers{{block("172.18.0.0/24")}}));
    BOOST_TEST(world.allowed("node/node-2", "x/a"));
    BOOST_TEST(!world.allowed("y/a", "x/a"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(policy_special_traffic)

// 6.1, 6.2
BOOST_AUTO_TEST_CASE(a_pod_reaches_itself) {
    World world;
    world.add(network_policy("x/p", "", kNothing, kNothing));
    const auto verdict = world.ask("x/a", "x/a");
    BOOST_TEST(verdict.allowed);
    BOOST_TEST((verdict.egress.reason == PolicyReason::Self));
}

// 6.3, 6.5
BOOST_AUTO_TEST_CASE(the_own_node_reaches_a_pod_and_another_does_not) {
    World world;
    world.add(network_policy("x/p", "", kNothing));
    BOOST_TEST(world.allowed("node/node-1", "x/a"));
    BOOST_TEST((world.ask("node/node-1", "x/a").ingress.reason == PolicyReason::LocalNode));
    BOOST_TEST(!world.allowed("node/node-2", "x/a"));
    BOOST_TEST((world.ask("node/node-2", "x/a").egress.reason == PolicyReason::NotAPod));
}

// 6.4
BOOST_AUTO_TEST_CASE(a_pod_reaches_its_own_node) {
    World world;
    world.add(network_policy("x/p", "", kSilent, kNothing));
    BOOST_TEST(world.allowed("x/a", "node/node-1"));
    BOOST_TEST(!world.allowed("x/a", "node/node-2"));
}

// 6.6
BOOST_AUTO_TEST_CASE(a_pod_with_host_network_is_its_node) {
    World world;
    auto& host = world.pod("y/c"); // of node-2
    host.host_network = true;
    host.ips = world.cluster.nodes["node-2"].ips;
    world.add(network_policy("y/p", "", kNothing, kNothing));
    BOOST_TEST(world.allowed("x/a", "y/c"));
    BOOST_TEST(world.allowed("y/c", "y/c"));
    BOOST_TEST((world.ask("x/a", "y/c").ingress.reason == PolicyReason::NotAPod));
    world.add(network_policy("x/p", "", only(rule(Peers{{anywhere("")}}))));
    BOOST_TEST(!world.allowed("y/c", "x/a"));
    BOOST_TEST(world.allowed("y/c", "x/c"));
    world.add(network_policy("x/q", "", only(rule(Peers{{block("172.18.0.2/32")}}))));
    BOOST_TEST(world.allowed("y/c", "x/a"));
}

BOOST_AUTO_TEST_CASE(a_pod_of_elsewhere_is_refused) {
    World world;
    auto stranger = world.pod("x/a");
    const PolicyEvaluator evaluator(world.cluster);
    auto flow = world.flow("x/a", "x/b");
    flow.from.pod = &stranger;
    BOOST_CHECK_THROW((void)evaluator.evaluate(flow), std::out_of_range);
}

BOOST_AUTO_TEST_SUITE_END()
