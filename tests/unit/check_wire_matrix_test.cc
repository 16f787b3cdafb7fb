#include <boost/test/unit_test.hpp>

#include "labctl/check/wire_matrix.h"
#include "tests/unit/check_fixture.h"

using namespace labctl;
using namespace labctl::check;
using namespace labctl::check::testing;
using probe::Outcome;

BOOST_AUTO_TEST_SUITE(check_wire_matrix)

BOOST_AUTO_TEST_CASE(every_pod_meets_every_declared_port_of_the_others) {
    const auto world = small_world(); // client, db-0, frontend-a and -b, prod/api with TCP and UDP
    const auto flows = wire_flows(world, {});
    BOOST_TEST(flows.size() == 4U + 4 + 4 + 2 * 4);
    const auto requests = wire_requests(flows, {});
    BOOST_REQUIRE_EQUAL(requests.probes.size(), flows.size());
    BOOST_TEST(requests.probes[0].from == "default/client");
    BOOST_TEST(requests.probes[0].to.text == "tcp://10.244.2.4:5432");
    BOOST_TEST(!requests.probes[0].identify);
    BOOST_TEST(requests.probes.back().to.text == "udp://10.244.1.5:53");
    for (const auto& flow : flows) {
        BOOST_TEST(flow.from != flow.to);
    }
}

BOOST_AUTO_TEST_CASE(a_namespace_and_ports_narrow_it) {
    auto world = small_world();
    world.pods[1].host_network = true;
    world.pods[2].phase = "Pending";
    WireMatrixOptions options;
    options.ns = "default";
    options.ports = {{"", 80, "TCP"}, {"", 80, "UDP"}, {"", 80, "TCP"}};
    const auto flows = wire_flows(world, options); // client and frontend-b are left
    BOOST_REQUIRE_EQUAL(flows.size(), 4U);
    BOOST_TEST(flows[0].to->name == "client");
    BOOST_TEST(flows[1].protocol == "UDP");
}

BOOST_AUTO_TEST_CASE(only_a_drop_that_was_seen_is_a_denial) {
    auto dropped = result_of(Outcome::Timeout);
    dropped.first.drop.emplace();
    const auto cells = wire_cells(
        {result_of(Outcome::Ok),
         result_of(Outcome::Refused),
         dropped,
         result_of(Outcome::Timeout),
         result_of(Outcome::Unreachable),
         result_of(Outcome::Unsupported)});
    using State = WireCell::State;
    const std::vector<State> wanted{
        State::Reached,
        State::Reached,
        State::Dropped,
        State::Unknown,
        State::Unknown,
        State::Unknown};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        BOOST_TEST((cells.at(i).state == wanted[i]), i);
    }
    BOOST_TEST(cells[2].drop.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
