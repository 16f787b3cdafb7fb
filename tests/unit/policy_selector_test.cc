#include <boost/test/unit_test.hpp>

#include "tests/unit/policy_fixture.h"

/// Reference netpol.md, sections 1 and 2, a row for each test.
using namespace services;
using namespace services::test;

namespace {

const std::string kEverybody = "x/a x/b x/c y/a y/b y/c z/a z/b z/c";
const Rules kDenyAll = std::vector<PolicyRule>{};
const Rules kNoSay = std::nullopt;

Rules rules(const PolicyRule& one) {
    return std::vector<PolicyRule>{one};
}

/// Who reaches x/a when x/a admits the pods that `selector` selects.
std::string admitted(World world, const std::string& selector) {
    world.add(network_policy("x/p", "pod=a", rules(rule(Peers{{anywhere("", selector)}}))));
    return world.reach("x/a");
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_decision)

// 1.1
BOOST_AUTO_TEST_CASE(without_a_policy_everything_is_allowed) {
    World world;
    world.add(network_policy("x/p", "pod=b", kDenyAll, kDenyAll));
    BOOST_TEST(world.reach("x/a") == "x/a x/c y/a y/b y/c z/a z/b z/c");
    const auto verdict = world.ask("y/a", "x/a");
    BOOST_TEST(verdict.allowed);
    BOOST_TEST((verdict.ingress.reason == PolicyReason::NoPolicy));
    BOOST_TEST((verdict.egress.reason == PolicyReason::NoPolicy));
    BOOST_TEST(world.allowed("x/a", "8.8.8.8"));
    BOOST_TEST(world.allowed("8.8.8.8", "x/a"));
}

// 1.2
BOOST_AUTO_TEST_CASE(isolation_is_by_direction) {
    World world;
    world.add(network_policy("x/p", "pod=a", kNoSay, kDenyAll));
    BOOST_TEST(!world.allowed("x/a", "x/b"));
    BOOST_TEST(world.allowed("x/b", "x/a"));
    world.add(network_policy("x/p", "pod=a", kDenyAll, kNoSay));
    BOOST_TEST(world.allowed("x/a", "x/b"));
    BOOST_TEST(!world.allowed("x/b", "x/a"));
}

// 1.3
BOOST_AUTO_TEST_CASE(policies_are_a_union_and_never_mix_peer_and_port) {
    World world;
    world.add(network_policy("x/p", "pod=a", rules(rule(Peers{{local("x", "pod=b")}}, {"80"}))));
    world.add(network_policy("x/q", "pod=a", rules(rule(Peers{{local("x", "pod=c")}}, {"81"}))));
    BOOST_TEST(world.allowed("x/b", "x/a", "80"));
    BOOST_TEST(!world.allowed("x/b", "x/a", "81"));
    BOOST_TEST(world.allowed("x/c", "x/a", "81"));
    BOOST_TEST(!world.allowed("x/c", "x/a", "80"));
}

// 1.4
BOOST_AUTO_TEST_CASE(allow_all_wins_over_deny_all) {
    World world;
    world.add(network_policy("x/a-deny", "", kDenyAll));
    BOOST_TEST(world.reach("x/a") == "x/a");
    world.add(network_policy("x/b-allow", "", rules(rule())));
    BOOST_TEST(world.reach("x/a") == kEverybody);
    BOOST_TEST(world.ask("y/a", "x/a").ingress.policy->name == "b-allow");
}

// 1.5
BOOST_AUTO_TEST_CASE(both_ends_must_allow) {
    World world;
    world.add(network_policy("y/out", "", kNoSay, kDenyAll));
    world.add(network_policy("x/in", "", rules(rule())));
    const auto verdict = world.ask("y/a", "x/a");
    BOOST_TEST(!verdict.allowed);
    BOOST_TEST(verdict.ingress.allowed);
    BOOST_TEST(!verdict.egress.allowed);
    BOOST_TEST((verdict.egress.reason == PolicyReason::Isolated));
    BOOST_TEST(verdict.egress.policy->label() == "NetworkPolicy y/out");
}

// 1.7
BOOST_AUTO_TEST_CASE(a_policy_acts_on_its_own_namespace) {
    World world;
    world.add(network_policy("x/p", "pod=a", kDenyAll));
    BOOST_TEST(world.reach("y/a") == kEverybody);
    BOOST_TEST(world.reach("x/a") == "x/a");
}

// 1.8
BOOST_AUTO_TEST_CASE(a_subject_of_nobody_has_no_effect) {
    World world;
    world.add(network_policy("x/p", "pod=nobody", kDenyAll, kDenyAll));
    BOOST_TEST(world.reach("x/a") == kEverybody);
    BOOST_TEST(world.allowed("x/a", "y/b"));
}

BOOST_AUTO_TEST_CASE(every_isolating_policy_is_named) {
    World world;
    world.add(network_policy("x/p", "pod=a", kDenyAll));
    world.add(network_policy("x/q", "", rules(rule(Peers{{local("x", "pod=c")}}))));
    const auto opinion = world.ask("x/b", "x/a").ingress;
    BOOST_REQUIRE(opinion.isolating.size() == 2U);
    BOOST_TEST(opinion.isolating[0]->name == "p");
    BOOST_TEST(opinion.isolating[1]->name == "q");
    BOOST_TEST(opinion.policy == opinion.isolating[0]);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(policy_selectors)

// 2.1
BOOST_AUTO_TEST_CASE(the_empty_selector_is_all_pods_of_the_namespace) {
    World world;
    world.add(network_policy("x/p", "", kDenyAll));
    for (const auto* to : {"x/a", "x/b", "x/c"}) {
        BOOST_TEST(world.reach(to) == to);
    }
    BOOST_TEST(world.reach("y/a") == kEverybody);
}

// 2.2
BOOST_AUTO_TEST_CASE(all_requirements_must_hold) {
    World world;
    world.pod("y/b").labels = {{"pod", "b"}, {"tier", "web"}};
    BOOST_TEST(admitted(world, "pod=b; tier in (web,db)") == "x/a y/b");
    BOOST_TEST(admitted(world, "pod=b; tier=db") == "x/a");
}

// 2.3
BOOST_AUTO_TEST_CASE(in_needs_the_key_and_a_listed_value) {
    World world;
    world.pod("z/b").labels = {};
    BOOST_TEST(admitted(world, "pod in (b,nobody)") == "x/a x/b y/b");
}

// 2.4
BOOST_AUTO_TEST_CASE(notin_also_holds_without_the_key) {
    World world;
    world.pod("z/b").labels = {};
    BOOST_TEST(admitted(world, "pod notin (a,c)") == "x/a x/b y/b z/b");
}

// 2.5
BOOST_AUTO_TEST_CASE(exists_holds_with_an_empty_value) {
    World world;
    world.pod("z/b").labels = {{"pod", "b"}, {"tier", ""}};
    BOOST_TEST(admitted(world, "tier") == "x/a z/b");
    BOOST_TEST(admitted(world, "!tier") == "x/a x/b x/c y/a y/b y/c z/a z/c");
}

// 2.6
BOOST_AUTO_TEST_CASE(an_empty_value_is_not_a_missing_key) {
    World world;
    world.pod("z/b").labels = {{"pod", "b"}, {"tier", ""}};
    BOOST_TEST(admitted(world, "tier=") == "x/a z/b");
}

// 2.10
BOOST_AUTO_TEST_CASE(every_address_of_a_pod_counts) {
    World world;
    world.add(network_policy("x/p", "", rules(rule(Peers{{local("x", "pod=b")}}))));
    BOOST_TEST(world.reach("x/a", "80/TCP/6") == "x/a x/b");
    const PolicyEvaluator evaluator(world.cluster);
    for (const auto* text : {"10.0.3.2", "fd00::3:2"}) {
        BOOST_TEST(evaluator.end_of(*IpAddress::parse(text)).pod == &world.pod("z/b"));
    }
    BOOST_TEST(evaluator.end_of(*IpAddress::parse("172.18.0.2")).node->name == "node-2");
    BOOST_TEST(evaluator.end_of(*IpAddress::parse("9.9.9.9")).pod == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
