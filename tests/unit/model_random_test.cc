#include <cerrno>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/model/plan.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/random_network.h"
#include "tests/support/random_ports.h"
#include "tests/support/state_text.h"

using namespace netemu;
using namespace netemu::test;

namespace {

constexpr unsigned kPairs = 400;
constexpr unsigned kFailurePairs = 12;

DesiredState any_network(std::mt19937& random) {
    auto state = random_network(random);
    add_random_servers(random, state);
    add_random_ports(random, state);
    return state;
}

void check_holds(FakeKernel& kernel, const DesiredState& desired, const std::string& context) {
    const auto difference =
        first_difference(to_text(kernel.observe()), to_text(expected_observation(desired)));
    BOOST_REQUIRE_MESSAGE(difference.empty(), context << difference);
    const auto rest = make_plan(desired, kernel.observe());
    BOOST_REQUIRE_MESSAGE(rest.empty(), context << "not empty:\n" << to_text(rest));
}

/// Brings `kernel` from what `believed` says to `desired`.
void bring(
    FakeKernel& kernel,
    const DesiredState& desired,
    const ObservedState& believed,
    const std::string& context) {
    const auto plan = make_plan(desired, believed);
    try {
        kernel.apply(plan);
    } catch (const Error& error) {
        BOOST_FAIL(context << error.what() << "\nof the plan\n" << to_text(plan));
    }
    check_holds(kernel, desired, context);
}

} // namespace

BOOST_AUTO_TEST_SUITE(random_states)

BOOST_AUTO_TEST_CASE(any_state_follows_any_other) {
    for (unsigned seed = 0; seed < kPairs; ++seed) {
        std::mt19937 random(seed);
        const auto context = "seed " + std::to_string(seed) + ": ";
        const auto a = any_network(random);
        const auto b = any_network(random);
        BOOST_REQUIRE(make_plan(a, expected_observation(a)).empty());
        FakeKernel kernel;
        bring(kernel, a, {}, context + "up ");
        FakeKernel other;
        other.copy_from(kernel);
        bring(kernel, b, expected_observation(a), context + "as expected ");
        bring(other, b, other.observe(), context + "as observed ");
        kernel.apply(make_plan({}, expected_observation(b)));
        BOOST_TEST(kernel.observe().namespaces.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_failure_anywhere_is_healed_by_planning_again) {
    std::size_t failures = 0;
    for (unsigned seed = 0; seed < kFailurePairs; ++seed) {
        std::mt19937 random(seed + kPairs);
        const auto a = any_network(random);
        const auto b = any_network(random);
        FakeKernel before;
        bring(before, a, {}, "up ");
        const auto plan = make_plan(b, expected_observation(a));
        for (std::size_t n = 0; n < plan.operations.size(); ++n) {
            const auto context =
                "seed " + std::to_string(seed) + ", failure " + std::to_string(n) + ": ";
            FakeKernel kernel;
            kernel.copy_from(before);
            kernel.fail_after(n, ENOMEM, n % 3 * 4);
            BOOST_REQUIRE_THROW(kernel.apply(plan), SysError);
            ++failures;
            bring(kernel, b, kernel.observe(), context);
        }
    }
    BOOST_TEST(failures > 500U);
}

BOOST_AUTO_TEST_CASE(a_failure_anywhere_can_be_taken_back) {
    std::mt19937 random(99);
    const auto a = any_network(random);
    const auto b = any_network(random);
    FakeKernel before;
    bring(before, a, {}, "up ");
    const auto plan = make_plan(b, expected_observation(a));
    for (std::size_t n = 0; n < plan.operations.size(); ++n) {
        FakeKernel kernel;
        kernel.copy_from(before);
        kernel.fail_after(n, EPERM);
        BOOST_REQUIRE_THROW(kernel.apply(plan), SysError);
        bring(kernel, a, kernel.observe(), "back from " + std::to_string(n) + ": ");
    }
}

BOOST_AUTO_TEST_CASE(the_plan_does_not_depend_on_chance) {
    std::mt19937 random(7);
    const auto a = any_network(random);
    const auto b = any_network(random);
    BOOST_TEST(
        to_text(make_plan(b, expected_observation(a))) ==
        to_text(make_plan(b, expected_observation(a))));
}

BOOST_AUTO_TEST_SUITE_END()
