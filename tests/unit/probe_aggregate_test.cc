#include <boost/test/unit_test.hpp>

#include "labctl/probe/aggregate.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::probe;

namespace {

Sample sample(Outcome outcome, std::uint64_t rtt_us, std::string backend = {}) {
    Sample result;
    result.outcome = outcome;
    result.rtt_us = rtt_us;
    result.backend = std::move(backend);
    return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(counts_and_median) {
    Request request;
    request.id = "7";
    Aggregator aggregator(request, "10.96.0.1");
    aggregator.add(sample(Outcome::Timeout, 9999));
    aggregator.add(sample(Outcome::Ok, 300, "x/a"));
    aggregator.add(sample(Outcome::Ok, 100, "x/b"));
    auto with_status = sample(Outcome::Ok, 200, "x/a");
    with_status.http = Http{503, {}, ""};
    aggregator.add(with_status);
    const auto result = aggregator.finish();
    BOOST_TEST(result.id == "7");
    BOOST_TEST(result.resolved == "10.96.0.1");
    BOOST_TEST(result.attempts == 4U);
    BOOST_TEST(result.rtt_us == 200U);
    BOOST_TEST(result.elapsed_us == 10599U); // the time-out's, too
    BOOST_TEST((result.first.outcome == Outcome::Ok));
    BOOST_TEST(result.first.rtt_us == 300U); // the first of the most frequent outcome
    BOOST_TEST(
        (result.outcomes == std::map<std::string, std::uint32_t>{{"ok", 3}, {"timeout", 1}}));
    BOOST_TEST((result.backends == std::map<std::string, std::uint32_t>{{"x/a", 2}, {"x/b", 1}}));
    BOOST_TEST((result.statuses == std::map<std::string, std::uint32_t>{{"503", 1}}));
    BOOST_TEST(result.samples.empty());
}

BOOST_AUTO_TEST_CASE(every_distinct_drop_is_kept_once) {
    Aggregator aggregator(Request{});
    for (const char* to : {"10.1.0.1:80", "10.1.0.2:80", "10.1.0.1:80"}) {
        auto dropped = sample(Outcome::Timeout, 1);
        dropped.drop.emplace();
        dropped.drop->destination = to;
        aggregator.add(dropped);
    }
    const auto result = result_from_json(to_json(aggregator.finish()));
    BOOST_TEST(result.dropped == 3U);
    const auto drops = drops_of(result);
    BOOST_REQUIRE_EQUAL(drops.size(), 2U);
    BOOST_TEST(drops[0].destination == "10.1.0.1:80");
    BOOST_TEST(drops[1].destination == "10.1.0.2:80");
}

BOOST_AUTO_TEST_CASE(health_is_counted_of_every_call) {
    Aggregator aggregator(Request{});
    for (const char* health : {"SERVING", "NOT_SERVING", "SERVING"}) {
        auto answer = sample(Outcome::Ok, 1);
        answer.grpc = Grpc{0, "", health};
        aggregator.add(answer);
    }
    const auto result = result_from_json(to_json(aggregator.finish()));
    BOOST_TEST(
        (result.grpc_health ==
         std::map<std::string, std::uint32_t>{{"SERVING", 2}, {"NOT_SERVING", 1}}));
}

BOOST_AUTO_TEST_CASE(of_equal_counts_the_outcome_that_came_first) {
    Request request;
    request.samples = true;
    Aggregator aggregator(request);
    aggregator.add(sample(Outcome::Timeout, 1));
    aggregator.add(sample(Outcome::Ok, 2));
    const auto result = aggregator.finish();
    BOOST_TEST((result.first.outcome == Outcome::Timeout));
    BOOST_TEST(result.samples.size() == 2U);
}
// NOLINTEND
