#include <boost/test/unit_test.hpp>

#include "labctl/compile/topology.h"
#include "tests/support/topology.h"

using namespace labctl::compile;
using namespace labctl::test;
using netemu::IpAddress;

namespace {

const TopologyDevice& device_of(const Topology& topology, const char* ns) {
    const auto* device = topology.find_ns(ns);
    BOOST_REQUIRE_MESSAGE(device != nullptr, ns);
    return *device;
}

/// "eth0 10.1.0.2/24, eth1 10.1.1.1/24"
std::string interfaces_of(const Topology& topology, const char* ns) {
    std::string text;
    for (const auto& interface : device_of(topology, ns).interfaces) {
        text += (text.empty() ? "" : ", ") + interface.name;
        for (const auto& address : interface.addresses) {
            text += " " + address.to_string();
        }
    }
    return text;
}

/// "10.1.1.0/24 via 10.1.0.1 eth0, ..."; several gateways with "and".
std::string routes_of(const Topology& topology, const char* ns) {
    std::string text;
    for (const auto& route : device_of(topology, ns).routes) {
        text += (text.empty() ? "" : ", ") + route.destination.to_string() + " via " +
                route.gateway->to_string() + " " + route.link;
        for (const auto& hop : route.more) {
            text += " and " + hop.gateway.to_string() + " " + hop.link;
        }
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(topology)

BOOST_AUTO_TEST_CASE(a_plain_lan) {
    const TopologyCluster lab(0, kPlainLan);
    const auto& made = *lab.config.topology;
    BOOST_TEST(interfaces_of(made, "host/h1") == "eth0 10.1.0.1/24");
    BOOST_TEST(interfaces_of(made, "host/h2") == "eth0 10.1.0.2/24");
    BOOST_TEST(interfaces_of(made, "switch/s1") == "to-h1, to-h2");
    BOOST_TEST(routes_of(made, "host/h1") == "");
    BOOST_TEST(made.segments.size() == 1U);
    BOOST_TEST(made.segments[0].name == "s1");
    BOOST_TEST(device_of(made, "external").interfaces.empty());
}

BOOST_AUTO_TEST_CASE(two_lans_and_a_router) {
    const TopologyCluster lab(0, kTwoLans);
    const auto& made = *lab.config.topology;
    BOOST_TEST(interfaces_of(made, "router/r1") == "eth0 10.1.0.1/24, eth1 10.1.1.1/24");
    BOOST_TEST(interfaces_of(made, "host/h1") == "eth0 10.1.0.2/24");
    BOOST_TEST(interfaces_of(made, "host/h2") == "eth0 10.1.1.2/24");
    BOOST_TEST(routes_of(made, "host/h1") == "0.0.0.0/0 via 10.1.0.1 eth0");
    BOOST_TEST(routes_of(made, "router/r1") == "");
    const auto hops = made.next_hops(device_of(made, "host/h1"), *IpAddress::parse("10.1.1.2"));
    BOOST_REQUIRE(hops.size() == 1U);
    BOOST_TEST(hops[0].gateway.to_string() == "10.1.0.1");
}

BOOST_AUTO_TEST_CASE(nobody_outside_knows_the_way_behind_a_nat) {
    const TopologyCluster lab(0, kBehindNat);
    const auto& made = *lab.config.topology;
    BOOST_TEST(routes_of(made, "host/pc") == "0.0.0.0/0 via 10.1.0.1 eth0");
    BOOST_TEST(routes_of(made, "host/server") == "");
    BOOST_TEST(*device_of(made, "router/gw").nat == 1U);
    const auto by_true = R"({"cidr": "10.1.0.0/16", "routers": [{"name": "gw", "nat": true}],
        "hosts": ["pc", "server"],
        "links": [{"endpoints": ["gw", "server"]}, {"endpoints": ["pc", "gw"]}]})";
    const TopologyCluster direct(0, by_true);
    BOOST_TEST(*device_of(*direct.config.topology, "router/gw").nat == 0U);
    BOOST_TEST(routes_of(*direct.config.topology, "host/server") == "");
}

BOOST_AUTO_TEST_CASE(equal_ways_are_all_taken) {
    const TopologyCluster lab(2, kLeafSpine);
    const auto& made = *lab.config.topology;
    // Segments in the order of links: the racks, then the links to the spines.
    BOOST_TEST(
        interfaces_of(made, "router/leaf-1") ==
        "eth0 172.18.0.1/24, eth1 172.18.2.1/24, eth2 172.18.3.1/24");
    BOOST_TEST(interfaces_of(made, "node/node-1") == "eth0 172.18.0.3/24");
    BOOST_TEST(interfaces_of(made, "external") == "eth0 172.18.0.2/24");
    BOOST_TEST(
        routes_of(made, "router/leaf-1")
            .starts_with("172.18.1.0/24 via 172.18.2.2 eth1 and 172.18.3.2 eth2, "),
        routes_of(made, "router/leaf-1"));
    BOOST_TEST(
        routes_of(made, "router/leaf-1").ends_with("0.0.0.0/0 via 172.18.0.2 eth0"),
        routes_of(made, "router/leaf-1"));
    BOOST_TEST(routes_of(made, "node/node-1") == "0.0.0.0/0 via 172.18.0.1 eth0");
    BOOST_TEST(routes_of(made, "router/spine-1").find("172.18.1.0/24 via 172.18.4.1") != 0U);
    const auto& node = device_of(made, "node/node-2");
    const auto number = static_cast<std::size_t>(&node - made.devices.data());
    const auto routers = made.routers_of({number, 0});
    BOOST_REQUIRE(routers.size() == 1U);
    BOOST_TEST(made.devices[routers[0].device].name == "leaf-2");
}

BOOST_AUTO_TEST_CASE(switches_that_are_linked_are_one_segment) {
    const TopologyCluster lab(
        3,
        R"({"switches": ["s1", {"name": "s2", "cidr": "10.5.0.0/24"}],
            "links": [{"endpoints": ["s1", "s2"]}, {"endpoints": ["node-1", "s1"]},
                      {"endpoints": ["node-2", "s2"], "ipv4": ["10.5.0.77", null]},
                      {"endpoints": ["s1:uplink", "node-3"]}]})");
    const auto& made = *lab.config.topology;
    BOOST_TEST(made.segments.size() == 1U);
    BOOST_TEST(interfaces_of(made, "switch/s1") == "to-s2, to-node-1, uplink, to-external");
    BOOST_TEST(interfaces_of(made, "node/node-2") == "eth0 10.5.0.77/24");
    BOOST_TEST(interfaces_of(made, "external") == "eth0 10.5.0.1/24");
    BOOST_TEST(routes_of(made, "node/node-1") == "0.0.0.0/0 via 10.5.0.1 eth0");
    BOOST_TEST(routes_of(made, "external") == "0.0.0.0/0 via 10.5.0.2 eth0");
}

BOOST_AUTO_TEST_CASE(both_families) {
    const TopologyCluster lab(2, kLeafSpine, {"10.244.0.0/16", "fd00:10:244::/56"});
    const auto& made = *lab.config.topology;
    BOOST_TEST(interfaces_of(made, "node/node-2") == "eth0 172.18.1.2/24 fd00:172:18:1::2/64");
    BOOST_TEST(
        routes_of(made, "node/node-2") ==
        "0.0.0.0/0 via 172.18.1.1 eth0, ::/0 via fd00:172:18:1::1 eth0");
}

BOOST_AUTO_TEST_CASE(the_path_mtu_is_that_of_the_way_between_nodes) {
    auto text = std::string(kLeafSpine);
    const auto small = [&](const std::string& link) {
        auto changed = text;
        const auto at = changed.find(link);
        BOOST_REQUIRE(at != std::string::npos);
        changed.insert(at + link.size(), R"(, "mtu": 1400)");
        return TopologyCluster(2, changed).config.underlay_mtu;
    };
    BOOST_TEST(TopologyCluster(2, text).config.underlay_mtu == 1500U);
    BOOST_TEST(small(R"(["node-2", "rack-2"])") == 1400U);
    BOOST_TEST(small(R"(["leaf-2", "rack-2"])") == 1400U);
}

BOOST_AUTO_TEST_CASE(routes_as_written) {
    const TopologyCluster lab(
        0,
        R"({"cidr": "10.1.0.0/16", "routing": "manual", "switches": ["a", "b"],
            "routers": ["r1"],
            "hosts": [{"name": "h1", "routes": [{"to": "default", "via": "10.1.0.1"}]}, "h2"],
            "links": [{"endpoints": ["h1", "a"]}, {"endpoints": ["r1", "a"]},
                      {"endpoints": ["r1", "b"]}, {"endpoints": ["h2", "b"]}]})");
    const auto& made = *lab.config.topology;
    BOOST_TEST(routes_of(made, "host/h1") == "0.0.0.0/0 via 10.1.0.1 eth0");
    BOOST_TEST(routes_of(made, "host/h2") == "");
}

BOOST_AUTO_TEST_CASE(the_same_on_every_run) {
    const TopologyCluster one(2, kLeafSpine);
    const TopologyCluster other(2, kLeafSpine);
    for (const auto& device : one.config.topology->devices) {
        const auto* ns = device.ns.c_str();
        BOOST_TEST(
            interfaces_of(*one.config.topology, ns) == interfaces_of(*other.config.topology, ns));
        BOOST_TEST(routes_of(*one.config.topology, ns) == routes_of(*other.config.topology, ns));
    }
}

BOOST_AUTO_TEST_SUITE_END()
