#include <boost/test/unit_test.hpp>

#include "labctl/compile/topology_read.h"
#include "netemu/base/error.h"
#include "tests/support/topology.h"

using namespace labctl::compile;
using namespace labctl::test;

namespace {

/// What is wrong, one a line: "PATH: MESSAGE | HINT".
std::string problems_of(std::size_t nodes, const std::string& underlay) {
    try {
        const TopologyCluster lab(nodes, underlay);
    } catch (const TopologyError& error) {
        std::string text;
        for (const auto& problem : error.problems()) {
            text += problem.path + ": " + problem.message +
                    (problem.hint.empty() ? "" : " | " + problem.hint) + "\n";
        }
        return text;
    }
    return "no problem\n";
}

} // namespace

BOOST_AUTO_TEST_SUITE(topology_input)

BOOST_AUTO_TEST_CASE(links_that_cannot_be) {
    BOOST_TEST(
        problems_of(
            0,
            R"({"switches": ["s1"], "hosts": ["h1", "h2"],
                "links": [{"endpoints": ["h1", "s1x"]}, {"endpoints": ["h2"]},
                          {"endpoints": ["h2", "h2"]}, {"endpoints": ["router/h1", "s1"]}]})") ==
        "spec.underlay.links[0].endpoints[1]: there is no device 's1x' | did you mean 's1'?\n"
        "spec.underlay.links[1]: a link has two ends | endpoints: [h1, s1]\n"
        "spec.underlay.links[2]: both ends are 'h2'\n"
        "spec.underlay.links[3].endpoints[0]: there is no device 'router/h1' | did you mean "
        "'h1'?\n"
        "spec.underlay.hosts[0]: host 'h1' is linked to nothing | links: [{endpoints: [h1, "
        "...]}]\n"
        "spec.underlay.hosts[1]: host 'h2' is linked to nothing | links: [{endpoints: [h2, "
        "...]}]\n");
}

BOOST_AUTO_TEST_CASE(names) {
    BOOST_TEST(
        problems_of(1, R"({"switches": ["s1", "s1"], "hosts": ["node-1", "external"]})") ==
        "spec.underlay.switches[1]: the name 's1' is that of a switch already | links name their "
        "ends, so every device has a name of its own\n"
        "spec.underlay.hosts[0]: the name 'node-1' is that of a node already | links name their "
        "ends, so every device has a name of its own\n"
        "spec.underlay.hosts[1]: the name 'external' is that of the outside already | links name "
        "their ends, so every device has a name of its own\n");
    BOOST_TEST(
        problems_of(
            0,
            R"({"switches": ["s1"], "hosts": ["h1"],
                "links": [{"endpoints": ["h1:a/b", "s1:lo"]}]})") ==
        "spec.underlay.links[0].endpoints[0]: 'a/b' cannot be the name of an interface of h1 | at "
        "most 15 characters, without slash, colon and spaces\n"
        "spec.underlay.links[0].endpoints[1]: 'lo' cannot be the name of an interface of s1 | at "
        "most 15 characters, without slash, colon and spaces\n");
}

BOOST_AUTO_TEST_CASE(a_circle_of_switches) {
    BOOST_TEST(
        problems_of(
            1,
            R"({"switches": ["a", "b", "c"],
                "links": [{"endpoints": ["a", "b"]}, {"endpoints": ["b", "c"]},
                          {"endpoints": ["c", "a"]}, {"endpoints": ["node-1", "a"]}]})") ==
        "spec.underlay.links[2]: this link closes a circle of switches: a broadcast would run "
        "round it for ever | leave it out, or make routers of the switches\n");
}

BOOST_AUTO_TEST_CASE(nodes_that_are_nowhere) {
    BOOST_TEST(
        problems_of(2, R"({"switches": ["a", "b"], "links": [{"endpoints": ["node-1", "a"]}]})") ==
        "spec.underlay.links: node 'node-2' is linked to nothing, and there are several switches | "
        "endpoints: [node-2, SWITCH]\n");
    BOOST_TEST(problems_of(2, R"({"switches": ["a"]})") == "no problem\n");
    BOOST_TEST(
        problems_of(1, R"({"routers": ["r1"], "links": [{"endpoints": ["node-1:eth1", "r1"]}]})") ==
        "spec.underlay.links: `external`, the outside, is linked to nothing | endpoints: "
        "[external, ROUTER]\n");
}

BOOST_AUTO_TEST_CASE(addresses) {
    const auto with = [](const std::string& first, const std::string& second) {
        return problems_of(
            0,
            R"({"switches": [{"name": "s1", "cidr": "10.0.0.0/24"}], "hosts": ["h1", "h2"],
                "links": [{"endpoints": ["h1", "s1"])" +
                first + R"(}, {"endpoints": ["h2", "s1"])" + second + "}]}");
    };
    const auto range = std::string(", the range of the segment of s1\n");
    BOOST_TEST(with("", "") == "no problem\n");
    BOOST_TEST(
        with(R"(, "ipv4": ["10.0.1.1", ""])", R"(, "ipv4": ["10.0.0.255"])") ==
        "spec.underlay.links[0].endpoints[0]: 10.0.1.1 is no address of a host in 10.0.0.0/24" +
            range +
            "spec.underlay.links[1].endpoints[0]: 10.0.0.255 is no address of a host in "
            "10.0.0.0/24" +
            range);
    BOOST_TEST(
        with(R"(, "ipv4": ["10.0.0.9/16"])", R"(, "ipv4": ["10.0.0.9"])") ==
        "spec.underlay.links[0].endpoints[0]: 10.0.0.9/16 has another length than 10.0.0.0/24" +
            range);
    BOOST_TEST(
        with(R"(, "ipv4": ["10.0.0.9"])", R"(, "ipv4": ["10.0.0.9", "10.0.0.1"])") ==
        "spec.underlay.links[1].ipv4[1]: a switch has no address\n");
    BOOST_TEST(
        with(R"(, "ipv4": ["10.0.0.9"])", R"(, "ipv4": ["10.0.0.9"])") ==
        "spec.underlay.links[1].endpoints[0]: 10.0.0.9 is there twice\n");
    BOOST_TEST(
        with(R"(, "ipv4": ["fd00::1"])", R"(, "ipv6": ["fd00::1/64"])") ==
        "spec.underlay.links[0].ipv4[0]: \"fd00::1\" is not an IPv4 address | 10.0.0.1/24, or "
        "10.0.0.1\n");
}

BOOST_AUTO_TEST_CASE(ranges) {
    BOOST_TEST(
        problems_of(
            2,
            R"({"switches": [{"name": "a", "cidr": "10.244.3.0/24"},
                             {"name": "b", "cidr": "10.9.0.1/24"},
                             {"name": "c", "cidr": "fd00:9::/64"}],
                "links": [{"endpoints": ["node-1", "a"]}, {"endpoints": ["node-2", "c"]}]})") ==
        "spec.underlay.switches[1].cidr: '10.9.0.1/24' is not a range of addresses | did you mean "
        "10.9.0.0/24?\n");
    BOOST_TEST(
        problems_of(
            2,
            R"({"switches": [{"name": "a", "cidr": "10.244.3.0/24"},
                             {"name": "c", "cidr": "fd00:9::/64"}],
                "links": [{"endpoints": ["node-1", "a"]}, {"endpoints": ["node-2", "c"]}]})") ==
        "spec.underlay.switches[1].cidr: fd00:9::/64: this underlay has no IPv6 addresses | give "
        "spec.underlay.cidr, and with nodes spec.podCIDR, a range of that family, too\n"
        "spec.underlay.switches[0].cidr: 10.244.3.0/24 overlaps 10.244.0.0/16, a range of pods or "
        "Services\n");
    BOOST_TEST(
        problems_of(
            0,
            R"({"cidr": "10.0.0.0/25", "hosts": ["h1", "h2", "h3", "h4"],
                "links": [{"endpoints": ["h1", "h2"]}, {"endpoints": ["h3", "h4"]}]})") ==
        "spec.underlay.cidr: 10.0.0.0/25 has no room for a range for each of 2 segments | each "
        "gets a /24: 172.18.0.0/16 has 256 of them\n");
}

BOOST_AUTO_TEST_CASE(routes_and_nat) {
    BOOST_TEST(
        problems_of(
            0,
            R"({"cidr": "10.1.0.0/16", "routers": [{"name": "r1", "nat": "wan"}],
                "hosts": ["h1"], "links": [{"endpoints": ["h1", "r1"]}]})") ==
        "spec.underlay.routers[0].nat: router 'r1' has no interface towards \"wan\" | true for "
        "its first one, or the name of one, or of what it is linked to\n");
    BOOST_TEST(
        problems_of(
            0,
            R"({"cidr": "10.1.0.0/16",
                "hosts": [{"name": "h1", "routes": [{"to": "10.0.0.1/8", "via": "10.1.0.2"},
                                                    {"to": "10.0.0.0/8", "via": "fd00::1"},
                                                    {"to": "default", "via": "10.9.0.2"}]},
                          "h2"],
                "links": [{"endpoints": ["h1", "h2"]}]})") ==
        "spec.underlay.hosts[0].routes[0].to: '10.0.0.1/8' is not a range of addresses | did you "
        "mean 10.0.0.0/8?\n"
        "spec.underlay.hosts[0].routes[1].via: 'fd00::1' is not an address of the family of "
        "10.0.0.0/8\n"
        "spec.underlay.hosts[0].routes[2].via: h1 is not on a segment with 10.9.0.2 | a gateway "
        "is a neighbour\n");
}

BOOST_AUTO_TEST_CASE(a_segment_twice) {
    BOOST_TEST(
        problems_of(
            0,
            R"({"switches": ["s1"], "hosts": ["h1"],
                "links": [{"endpoints": ["h1", "s1"]}, {"endpoints": ["h1", "s1"]}]})") ==
        "spec.underlay.links[1].endpoints[0]: h1 is on the segment of s1 already | a second "
        "address there would answer for the first one, too\n");
}

BOOST_AUTO_TEST_SUITE_END()
