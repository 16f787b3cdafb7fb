#include <boost/test/unit_test.hpp>

#include "labctl/check/wire_matrix.h"
#include "tests/unit/check_fixture.h"

using namespace labctl;
using namespace labctl::check;
using namespace labctl::check::testing;
using probe::Outcome;

BOOST_AUTO_TEST_SUITE(check_wire_matrix)

BOOST_AUTO_TEST_CASE(a_flow_is_one_plain_probe) {
    const auto list = wire_requests(
        {{"a/x", "10.1.0.2", "TCP", 80},
         {"a/y", "fd00::2", "UDP", 53},
         {"a/y", "10.1.0.2", "SCTP", 7}});
    BOOST_REQUIRE_EQUAL(list.probes.size(), 3U);
    BOOST_TEST(list.probes[0].from == "a/x");
    BOOST_TEST(list.probes[0].to.text == "tcp://10.1.0.2:80");
    BOOST_TEST(!list.probes[0].identify);
    BOOST_TEST(list.probes[0].evidence);
    BOOST_TEST(list.probes[1].to.text == "udp://[fd00::2]:53");
    BOOST_TEST(list.probes[2].to.text == "sctp://10.1.0.2:7");
    BOOST_TEST(list.probes[2].id == "2");
}

BOOST_AUTO_TEST_CASE(only_a_drop_that_was_seen_is_a_denial) {
    auto dropped = result_of(Outcome::Timeout);
    dropped.first.drop.emplace();
    dropped.first.drop->text = "dropped on node-1 by NetworkPolicy a/b";
    BOOST_TEST(wire_cell(dropped).text == dropped.first.drop->text);
    BOOST_TEST(wire_cell(dropped).drop.has_value());
    const auto state = [](const probe::Result& result) {
        return to_string(wire_cell(result).state);
    };
    BOOST_TEST(state(dropped) == "deny");
    BOOST_TEST(state(result_of(Outcome::Ok)) == "allow");
    BOOST_TEST(state(result_of(Outcome::Refused)) == "allow");
    BOOST_TEST(state(result_of(Outcome::Reset)) == "allow");
    BOOST_TEST(state(result_of(Outcome::Timeout)) == "unknown");
    BOOST_TEST(state(result_of(Outcome::Unreachable)) == "unknown");
    BOOST_TEST(state(result_of(Outcome::Unsupported)) == "skipped");
}

BOOST_AUTO_TEST_SUITE_END()
