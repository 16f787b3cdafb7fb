/// The question by which a server notices that it forwards to itself (coredns, plugin/loop).
#include <boost/test/unit_test.hpp>

#include "dns/loop.h"
#include "dns/message.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

/// Shows the probe a question, as it comes in a packet.
bool sees(LoopProbe& probe, const Name& name, Type type) {
    const auto bytes = encode(make_query(name, static_cast<std::uint16_t>(type)));
    QueryView query;
    BOOST_REQUIRE((parse_query(as_bytes(bytes), query).state == Parsed::Good));
    return probe.sees(query);
}

} // namespace

BOOST_AUTO_TEST_SUITE(dns_loop)

BOOST_AUTO_TEST_CASE(the_second_return_of_the_probe_is_a_loop) {
    LoopProbe probe(name("cluster.local"));
    BOOST_TEST(!sees(probe, probe.name(), Type::Hinfo));
    BOOST_TEST(sees(probe, probe.name(), Type::Hinfo));
    BOOST_TEST(sees(probe, probe.name(), Type::Hinfo));
}

BOOST_AUTO_TEST_CASE(other_questions_are_none) {
    LoopProbe probe(name("."));
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(!sees(probe, probe.name(), Type::A));
        BOOST_TEST(!sees(probe, name("1.2"), Type::Hinfo));
    }
    BOOST_TEST(!sees(probe, probe.name(), Type::Hinfo));
}

BOOST_AUTO_TEST_CASE(each_server_block_has_a_name_of_its_own_below_its_zone) {
    const auto zone = name("cluster.local");
    const LoopProbe one(zone);
    const LoopProbe two(zone);
    BOOST_TEST(!one.name().equals(two.name()));
    BOOST_TEST(one.name().to_string().ends_with(".cluster.local."));
    BOOST_TEST(one.name().labels().size() == zone.labels().size() + 2);
}

BOOST_AUTO_TEST_SUITE_END()
