#include <boost/test/unit_test.hpp>

#include "tests/unit/policy_fixture.h"

/// Reference netpol.md, section 8, a row for each test.
using namespace services;
using namespace services::test;

namespace {

const Rules kNoRules = std::vector<PolicyRule>{};
const Rules kUnsaid = std::nullopt;
constexpr auto kAllow = PolicyAction::Allow;
constexpr auto kDeny = PolicyAction::Deny;
constexpr auto kPass = PolicyAction::Pass;

Rules one(const PolicyRule& rule) {
    return std::vector<PolicyRule>{rule};
}

Peers from(const PolicyPeer& peer) {
    return Peers{{peer}};
}

std::string decider(World& world, const char* source, const char* destination) {
    const auto opinion = world.ask(source, destination).ingress;
    return opinion.policy == nullptr ? "" : opinion.policy->name;
}

const PodSelection kOfX = anywhere("ns=x");

} // namespace

BOOST_AUTO_TEST_SUITE(policy_tiers)

// 8.1
BOOST_AUTO_TEST_CASE(admin_then_network_policy_then_baseline) {
    World world;
    world.add(baseline("base", 0, kOfX, one(rule(kDeny))));
    BOOST_TEST(world.reach("x/a") == "x/a");
    BOOST_TEST(decider(world, "y/a", "x/a") == "base");
    world.add(network_policy("x/np", "", one(rule(from(anywhere("ns=y"))))));
    BOOST_TEST(world.reach("x/a") == "x/a y/a y/b y/c");
    BOOST_TEST(decider(world, "y/a", "x/a") == "np");
    world.add(admin("adm", 50, kOfX, one(rule(kDeny, from(anywhere("ns=y", "pod=b"))))));
    BOOST_TEST(world.reach("x/a") == "x/a y/a y/c");
    BOOST_TEST(decider(world, "y/b", "x/a") == "adm");
}

// 8.1, 8.4: both ends climb the whole ladder.
BOOST_AUTO_TEST_CASE(an_allow_at_one_end_does_not_open_the_other) {
    World world;
    world.add(admin("adm", 1, anywhere(""), one(rule(kAllow))));
    world.add(network_policy("y/out", "", kUnsaid, kNoRules));
    BOOST_TEST(!world.allowed("y/a", "x/a"));
    BOOST_TEST(world.ask("y/a", "x/a").ingress.allowed);
    world.add(admin("out", 1, anywhere("ns=y"), kUnsaid, one(rule(kAllow))));
    BOOST_TEST(world.allowed("y/a", "x/a"));
}

// 8.2
BOOST_AUTO_TEST_CASE(the_lower_priority_number_wins_and_then_the_name) {
    World world;
    world.add(admin("b", 10, kOfX, one(rule(kDeny))));
    world.add(admin("z", 9, kOfX, one(rule(kAllow))));
    BOOST_TEST(world.allowed("y/a", "x/a"));
    world.add(admin("a", 9, kOfX, one(rule(kDeny))));
    BOOST_TEST(decider(world, "y/a", "x/a") == "a");
}

// 8.3
BOOST_AUTO_TEST_CASE(the_first_matching_rule_of_a_policy_counts) {
    World world;
    world.add(admin(
        "adm",
        1,
        kOfX,
        Rules{{rule(kAllow, from(anywhere("ns=y")), {"80"}), rule(kDeny), rule(kAllow)}}));
    BOOST_TEST(world.reach("x/a", "80") == "x/a y/a y/b y/c");
    BOOST_TEST(world.reach("x/a", "81") == "x/a");
    BOOST_TEST(world.ask("z/a", "x/a").ingress.rule == 1U);
}

// 8.5
BOOST_AUTO_TEST_CASE(deny_ends_the_ladder) {
    World world;
    world.add(admin("adm", 1, kOfX, one(rule(kDeny))));
    world.add(network_policy("x/np", "", one(rule())));
    BOOST_TEST(!world.allowed("y/a", "x/a"));
}

// 8.6
BOOST_AUTO_TEST_CASE(pass_skips_the_rest_of_the_tier) {
    World world;
    world.add(admin("first", 1, kOfX, one(rule(kPass, from(anywhere("ns=y"))))));
    world.add(admin("second", 2, kOfX, one(rule(kDeny))));
    BOOST_TEST(world.reach("x/a") == "x/a y/a y/b y/c");
    world.add(network_policy("x/np", "", one(rule(from(anywhere("ns=y", "pod=a"))))));
    BOOST_TEST(world.reach("x/a") == "x/a y/a");
    world.cluster.policies.erase({"x", "np"});
    world.add(baseline("base", 0, kOfX, one(rule(kDeny, from(anywhere("ns=y", "pod=b"))))));
    BOOST_TEST(world.reach("x/a") == "x/a y/a y/c");
}

// 8.7
BOOST_AUTO_TEST_CASE(pass_in_baseline_is_the_default) {
    World world;
    world.add(baseline("first", 1, kOfX, one(rule(kPass, from(anywhere("ns=y"))))));
    world.add(baseline("second", 2, kOfX, one(rule(kDeny))));
    BOOST_TEST(world.reach("x/a") == "x/a y/a y/b y/c");
    BOOST_TEST((world.ask("y/a", "x/a").ingress.reason == PolicyReason::NoPolicy));
}

// 8.8, 8.11
BOOST_AUTO_TEST_CASE(selecting_isolates_nothing) {
    World world;
    world.add(admin("adm", 1, kOfX, kNoRules, one(rule(kAllow, from(anywhere("ns=y"))))));
    BOOST_TEST(world.allowed("z/a", "x/a"));
    BOOST_TEST(world.allowed("x/a", "z/a"));
}

// 8.9
BOOST_AUTO_TEST_CASE(a_network_policy_is_final) {
    World world;
    world.add(baseline("base", 0, kOfX, one(rule(kAllow))));
    world.add(network_policy("x/np", "pod=a", kNoRules));
    BOOST_TEST(!world.allowed("y/a", "x/a"));
    world.add(baseline("base", 0, kOfX, one(rule(kDeny))));
    world.add(network_policy("x/np", "pod=a", one(rule())));
    BOOST_TEST(world.allowed("y/a", "x/a"));
    BOOST_TEST(!world.allowed("y/a", "x/b"));
}

// 8.10
BOOST_AUTO_TEST_CASE(a_network_policy_of_the_other_direction_leaves_baseline) {
    World world;
    world.add(baseline("base", 0, kOfX, one(rule(kDeny))));
    world.add(network_policy("x/np", "", kUnsaid, one(rule())));
    BOOST_TEST(!world.allowed("y/a", "x/a"));
}

// 8.12
BOOST_AUTO_TEST_CASE(all_namespaces_and_both_selectors) {
    World world;
    world.add(admin("adm", 1, anywhere("", "pod=a"), one(rule(kDeny, from(anywhere("ns=z"))))));
    BOOST_TEST(world.reach("x/a") == "x/a x/b x/c y/a y/b y/c");
    BOOST_TEST(world.reach("x/b") == "x/a x/b x/c y/a y/b y/c z/a z/b z/c");
    BOOST_TEST(world.reach("z/a") == "x/a x/b x/c y/a y/b y/c z/a");
}

// 8.13
BOOST_AUTO_TEST_CASE(networks_are_any_address_and_pods_too) {
    World world;
    world.add(admin("adm", 5, kOfX, kUnsaid, one(rule(kDeny, from(block("0.0.0.0/0"))))));
    BOOST_TEST(!world.allowed("x/a", "8.8.8.8"));
    BOOST_TEST(!world.allowed("x/a", "y/a"));
    world.add(admin("first", 4, kOfX, kUnsaid, one(rule(kPass, from(anywhere(""))))));
    BOOST_TEST(world.allowed("x/a", "y/a"));
    BOOST_TEST(!world.allowed("x/a", "8.8.8.8"));
}

// 8.14
BOOST_AUTO_TEST_CASE(nodes_are_their_addresses_and_host_network_pods) {
    World world;
    world.pod("y/c").host_network = true;
    world.pod("y/c").ips = world.cluster.nodes["node-2"].ips;
    world.add(admin("adm", 5, kOfX, kUnsaid, one(rule(kDeny, from(nodes("zone=west"))))));
    BOOST_TEST(!world.allowed("x/a", "node/node-2"));
    BOOST_TEST(!world.allowed("x/a", "y/c"));
    BOOST_TEST(!world.allowed("x/a", "172.18.0.2"));
    BOOST_TEST(world.allowed("x/b", "y/b"));
    world.add(admin("adm", 5, kOfX, kUnsaid, one(rule(kDeny, from(nodes("zone=east"))))));
    BOOST_TEST(world.allowed("x/c", "node/node-2"));
    BOOST_TEST(!world.allowed("x/c", "node/node-1"));
}

// 8.16
BOOST_AUTO_TEST_CASE(a_named_port_of_any_protocol) {
    World world;
    world.pod("x/a").ports = {{"dns", Protocol::Udp, 53}, {"dns", Protocol::Tcp, 5353}};
    world.add(admin("adm", 5, kOfX, one(rule(kDeny, std::nullopt, {"dns/*"}))));
    BOOST_TEST(!world.allowed("y/a", "x/a", "53/UDP"));
    BOOST_TEST(!world.allowed("y/a", "x/a", "5353"));
    BOOST_TEST(world.allowed("y/a", "x/a", "53"));
}

// 8.18
BOOST_AUTO_TEST_CASE(an_empty_list_of_peers_matches_nothing) {
    World world;
    world.add(admin("adm", 1, kOfX, one(rule(kAllow, Peers{std::vector<PolicyPeer>{}}))));
    world.add(baseline("base", 1, kOfX, one(rule(kDeny))));
    BOOST_TEST(!world.allowed("y/a", "x/a"));
}

// 8.22
BOOST_AUTO_TEST_CASE(the_own_address_is_exempt) {
    World world;
    world.add(admin("adm", 1, kOfX, one(rule(kDeny)), one(rule(kDeny))));
    BOOST_TEST(world.allowed("x/a", "x/a"));
    BOOST_TEST(world.allowed("node/node-1", "x/a")); // 8.21
}

BOOST_AUTO_TEST_CASE(policies_and_rules_of_a_pod_can_be_asked) {
    World world;
    world.add(baseline("base", 1, kOfX, one(rule(kDeny))));
    world.add(network_policy("x/np", "", one(rule(from(local("x", "pod=b")))), kNoRules));
    world.add(admin("adm", 1, kOfX, one(rule(kPass))));
    const PolicyEvaluator evaluator(world.cluster);
    const auto policies = evaluator.policies_of(world.pod("x/a"), PolicyDirection::Ingress);
    BOOST_REQUIRE(policies.size() == 3U);
    BOOST_TEST(policies[0]->name == "adm");
    BOOST_TEST(policies[1]->name == "np");
    BOOST_TEST(policies[2]->name == "base");
    BOOST_TEST(evaluator.policies_of(world.pod("x/a"), PolicyDirection::Egress).size() == 1U);
    BOOST_TEST(evaluator.policies_of(world.pod("y/a"), PolicyDirection::Ingress).empty());
    const auto way = PolicyDirection::Ingress;
    BOOST_TEST(evaluator.rule_matches(*policies[1], way, 0, world.flow("x/b", "x/a")));
    BOOST_TEST(!evaluator.rule_matches(*policies[1], way, 0, world.flow("x/c", "x/a")));
}

BOOST_AUTO_TEST_SUITE_END()
