#include <cstdlib>

#include <boost/test/unit_test.hpp>

#include "services/policy_evaluator.h"
#include "tests/support/policy_reference.h"
#include "tests/support/random_policies.h"

using namespace services;
using namespace services::test;

namespace {

#ifdef NDEBUG
constexpr unsigned long kCases = 4000;
#else
constexpr unsigned long kCases = 300; // unoptimized code takes its time
#endif

/// LABCTL_TEST_SEED starts elsewhere, LABCTL_TEST_CASES runs more.
unsigned long number_from(const char* variable, unsigned long otherwise) {
    const auto* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

/// The first flow about which the two disagree, or "".
std::string disagreement(const PolicyCluster& cluster) {
    const PolicyEvaluator evaluator(cluster);
    const auto ends = ends_of(cluster);
    for (const auto& from : ends) {
        for (const auto& to : ends) {
            if (from.address.family() != to.address.family()) {
                continue;
            }
            for (const auto& [protocol, port] : flow_ports()) {
                const PolicyFlow flow{from, to, protocol, port};
                const auto fast = evaluator.evaluate(flow);
                const auto slow = slow_verdict(cluster, flow);
                if (fast.allowed != slow.allowed || in_words(fast.egress) != slow.egress ||
                    in_words(fast.ingress) != slow.ingress) {
                    return to_text(flow) + "\n  fast: egress " + in_words(fast.egress) +
                           ", ingress " + in_words(fast.ingress) + "\n  slow: egress " +
                           slow.egress + ", ingress " + slow.ingress;
                }
            }
        }
    }
    return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_random)

BOOST_AUTO_TEST_CASE(the_evaluator_agrees_with_the_slow_one) {
    const auto first = number_from("LABCTL_TEST_SEED", 1);
    const auto cases = number_from("LABCTL_TEST_CASES", kCases);
    for (auto seed = first; seed < first + cases; ++seed) {
        std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
        const auto cluster = random_policies(random);
        if (disagreement(cluster).empty()) {
            continue;
        }
        const auto least =
            shrink(cluster, [](const PolicyCluster& some) { return !disagreement(some).empty(); });
        BOOST_FAIL(
            "seed " << seed << " (LABCTL_TEST_SEED): " << disagreement(least) << "\n"
                    << to_text(least));
    }
}

/// The random sets are worth something only if every outcome happens often.
BOOST_AUTO_TEST_CASE(random_policies_have_every_outcome) {
    std::map<PolicyReason, std::size_t> reasons;
    std::size_t denied = 0;
    std::size_t all = 0;
    for (unsigned seed = 0; seed < 100; ++seed) {
        std::mt19937 random(seed);
        const auto cluster = random_policies(random);
        const PolicyEvaluator evaluator(cluster);
        for (const auto& from : ends_of(cluster)) {
            for (const auto& to : ends_of(cluster)) {
                const auto verdict = evaluator.evaluate({from, to, Protocol::Tcp, 80});
                ++reasons[verdict.egress.reason];
                ++reasons[verdict.ingress.reason];
                denied += verdict.allowed ? 0U : 1U;
                ++all;
            }
        }
    }
    for (const auto reason :
         {PolicyReason::NoPolicy,
          PolicyReason::Self,
          PolicyReason::NotAPod,
          PolicyReason::LocalNode,
          PolicyReason::Rule,
          PolicyReason::Isolated}) {
        BOOST_TEST(reasons[reason] > all / 100);
    }
    BOOST_TEST(denied > all / 10);
    BOOST_TEST(denied < all * 9 / 10);
}

/// A wrong evaluator is found, and the case is made small: here one that forgets the excepts.
BOOST_AUTO_TEST_CASE(a_case_is_shrunk) {
    const auto with_except = [](const PolicyCluster& cluster) {
        for (const auto& [key, policy] : cluster.policies) {
            for (const auto& rule : policy->ingress.value_or(std::vector<PolicyRule>{})) {
                for (const auto& peer : rule.peers.value_or(std::vector<PolicyPeer>{})) {
                    const auto* block = std::get_if<AddressBlock>(&peer);
                    if (block != nullptr && !block->except.empty()) {
                        return true;
                    }
                }
            }
        }
        return false;
    };
    std::mt19937 random(1);
    auto cluster = random_policies(random);
    while (!with_except(cluster)) {
        cluster = random_policies(random);
    }
    const auto least = shrink(cluster, with_except);
    BOOST_REQUIRE(least.policies.size() == 1U);
    BOOST_TEST(least.pods.empty());
    const auto& policy = *least.policies.begin()->second;
    BOOST_TEST(!policy.egress.has_value());
    BOOST_TEST(policy.ingress->size() == 1U);
    BOOST_TEST(policy.ingress->front().peers->size() == 1U);
    BOOST_TEST(!policy.ingress->front().ports.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
