#include <boost/test/unit_test.hpp>

#include "mesh/istio/destination.h"
#include "mesh/istio/outliers.h"
#include "mesh/istio/retry.h"

// NOLINTBEGIN: Boost.Test's macros
namespace {

using namespace mesh::istio;
using namespace std::chrono_literals;
using Outcome = TryOutcome::Kind;

} // namespace

BOOST_AUTO_TEST_CASE(what_is_tried_again) {
    struct Row {
        const char* on;
        TryOutcome outcome;
        bool again;
    };
    for (const auto& [on, outcome, again] : std::vector<Row>{
             {"", {Outcome::ConnectFailure}, true}, // by default
             {"", {Outcome::Answer, 503}, false},   // no more since Istio 1.24
             {"", {Outcome::Reset}, false},
             {"", {Outcome::Answer, 200, 14}, true}, // unavailable
             {"", {Outcome::Answer, 200, 1}, true},  // cancelled
             {"", {Outcome::Answer, 200, 13}, false},
             {"", {Outcome::Refused}, true},
             {"connect-failure", {Outcome::Refused}, false},
             {"reset", {Outcome::Refused}, true},
             {"gateway-error", {Outcome::Refused}, true},
             {"refused-stream", {Outcome::Refused}, true},
             {"refused-stream", {Outcome::Reset}, false},
             {"5xx", {Outcome::Answer, 500}, true},
             {"5xx", {Outcome::Answer, 404}, false},
             {"5xx", {Outcome::Reset}, true},
             {"5xx", {Outcome::Timeout}, true},
             {"5xx", {Outcome::ConnectFailure}, true},
             {"gateway-error", {Outcome::Answer, 500}, false},
             {"gateway-error", {Outcome::Answer, 502}, true},
             {"gateway-error", {Outcome::Answer, 504}, true},
             {"gateway-error", {Outcome::Reset}, true},
             {"reset", {Outcome::Reset}, true},
             {"reset", {Outcome::Timeout}, true},
             {"reset", {Outcome::Answer, 503}, false},
             {"connect-failure", {Outcome::ConnectFailure}, true},
             {"connect-failure", {Outcome::Reset}, false},
             {"retriable-4xx", {Outcome::Answer, 409}, true},
             {"retriable-4xx", {Outcome::Answer, 404}, false},
             {"connect-failure, 503 ,404", {Outcome::Answer, 503}, true},
             {"connect-failure,503,404", {Outcome::Answer, 404}, true},
             {"503", {Outcome::Reset}, false}, // only what the destination says itself
             {"resource-exhausted", {Outcome::Answer, 200, 8}, true},
             {"nonsense", {Outcome::ConnectFailure}, false}}) {
        BOOST_TEST(is_retriable(read_retry_conditions(on), outcome) == again, on);
    }
    BOOST_TEST(is_retry_condition("5xx"));
    BOOST_TEST(is_retry_condition(" 418 "));
    BOOST_TEST(is_retry_condition("refused-stream"));
    BOOST_TEST(!is_retry_condition("5XX"));
    BOOST_TEST(!is_retry_condition("777"));
}

BOOST_AUTO_TEST_CASE(retries_wait_longer_and_longer_up_to_ten_times_the_base) {
    BOOST_TEST(backoff_max(1).count() == 25);
    BOOST_TEST(backoff_max(2).count() == 75);
    BOOST_TEST(backoff_max(3).count() == 175);
    BOOST_TEST(backoff_max(4).count() == 250);
    BOOST_TEST(backoff_max(1000).count() == 250);
    BOOST_TEST(backoff_max(2, 10ms).count() == 30);
}

BOOST_AUTO_TEST_CASE(a_subset_goes_before_its_rule_and_a_port_before_both) {
    DestinationRule rule;
    rule.policy.all.balancing = Balancing{Balancer::RoundRobin};
    rule.policy.all.tls = ClientTls::Disable;
    rule.policy.ports[81].tls = ClientTls::IstioMutual;
    Subset subset{"v1"};
    subset.policy.all.balancing = Balancing{Balancer::Random};
    subset.policy.ports[82].outliers = OutlierDetection{};
    auto found = effective_policy(rule, nullptr, 80);
    BOOST_TEST((found.balancing->how == Balancer::RoundRobin));
    BOOST_TEST((found.tls == ClientTls::Disable));
    found = effective_policy(rule, nullptr, 81);
    BOOST_TEST(!found.balancing.has_value()); // in place of all, not beside it
    BOOST_TEST((found.tls == ClientTls::IstioMutual));
    found = effective_policy(rule, &subset, 80);
    BOOST_TEST((found.balancing->how == Balancer::Random));
    BOOST_TEST((found.tls == ClientTls::Disable)); // field by field
    found = effective_policy(rule, &subset, 82);
    BOOST_TEST(found.outliers.has_value());
    BOOST_TEST(!found.tls.has_value());
}

BOOST_AUTO_TEST_CASE(rules_of_one_host_share_their_subsets_and_the_first_has_the_policy) {
    DestinationRule first{"shop", "a"};
    first.subsets = {{"v1"}};
    DestinationRule second{"shop", "b"};
    second.policy.all.tls = ClientTls::Disable;
    second.subsets = {{"v2"}};
    const auto merged = merged_rules({first, second});
    BOOST_TEST(merged.name == "a");
    BOOST_TEST(merged.subsets.size() == 2U);
    BOOST_TEST(!merged.policy.all.tls.has_value());
}

BOOST_AUTO_TEST_CASE(a_key_stays_with_its_owner_when_others_go) {
    const std::vector<std::string> all{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    const std::vector<std::string> fewer{all[0], all[1], all[2]};
    std::vector<int> owned(all.size());
    for (int i = 0; i < 4000; ++i) {
        const auto key = "user-" + std::to_string(i);
        const auto owner = owner_of_key(key, all);
        ++owned[owner];
        if (owner < fewer.size()) {
            BOOST_TEST(owner_of_key(key, fewer) == owner);
        }
    }
    for (const auto count : owned) {
        BOOST_TEST((count > 800 && count < 1200), count);
    }
}

BOOST_AUTO_TEST_CASE(who_fails_again_and_again_is_passed_over_for_a_while) {
    OutlierDetection rules;
    rules.consecutive_5xx = 3;
    rules.consecutive_gateway = 2;
    rules.base_ejection = 30s;
    rules.interval = 10s;
    Outliers outliers;
    const Outliers::Time start{};
    const auto fail = [&](const char* who, int status, Outliers::Time now) {
        return outliers.note(rules, who, status, 10, now);
    };
    BOOST_TEST(!fail("a", 500, start));
    BOOST_TEST(!fail("a", 500, start));
    BOOST_TEST(!fail("a", 200, start)); // not one after the other
    BOOST_TEST(!fail("a", 500, start));
    BOOST_TEST(!fail("a", 500, start));
    BOOST_TEST(fail("a", 500, start));
    BOOST_TEST(outliers.is_ejected("a", start + 29s));
    BOOST_TEST(!outliers.is_ejected("a", start + 31s));
    // A second one is more than 10 % of ten.
    BOOST_TEST(!fail("b", 503, start));
    BOOST_TEST(!fail("b", 0, start));
    BOOST_TEST(outliers.ejected(start) == 1U);
    // The second time lasts twice as long.
    const auto later = start + 31s;
    BOOST_TEST(!fail("a", 502, later));
    BOOST_TEST(fail("a", 504, later));
    BOOST_TEST(outliers.is_ejected("a", later + 59s));
    BOOST_TEST(!outliers.is_ejected("a", later + 61s));
    // And with each interval that it is well, less long.
    const auto much_later = later + 60s + 25s;
    (void)fail("a", 503, much_later);
    BOOST_TEST(fail("a", 503, much_later));
    BOOST_TEST(outliers.is_ejected("a", much_later + 29s));
    BOOST_TEST(!outliers.is_ejected("a", much_later + 31s));
}

BOOST_AUTO_TEST_CASE(one_endpoint_may_always_go_and_off_is_off) {
    OutlierDetection rules;
    rules.consecutive_5xx = 1;
    Outliers outliers;
    BOOST_TEST(outliers.note(rules, "a", 500, 1, {}));
    rules.consecutive_5xx = 0;
    Outliers others;
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(!others.note(rules, "a", 500, 1, {}));
    }
}
// NOLINTEND
