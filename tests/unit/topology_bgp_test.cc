#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/bgp_speakers.h"
#include "labctl/compile/network.h"
#include "labctl/compile/topology.h"
#include "netemu/base/error.h"
#include "tests/support/topology.h"

using namespace labctl::compile;
using labctl::test::kLeafSpine;
using labctl::test::TopologyCluster;

namespace {

using Lines = std::vector<std::string>;

/// Two racks and two spines, whose routers speak BGP.
struct RackCluster : TopologyCluster {
    explicit RackCluster(const std::string& underlay = kLeafSpine)
        : TopologyCluster(2, underlay, {"10.244.0.0/16", "fd00:10:244::/56"}) {
        config.cni_profile = "calico";
        config.overlay = "none";
        config.bgp = BgpConfig{};
        config.bgp->topology = BgpConfig::Topology::TopOfRack;
    }

    std::vector<BgpSpeaker> speakers(const BgpShutDowns& down = {}) {
        return bgp_speakers(store, config, down);
    }
    BgpSpeaker speaker(const std::string& name) {
        for (auto& each : speakers()) {
            if (each.name == name) {
                return each;
            }
        }
        BOOST_FAIL("no speaker " << name);
        return {};
    }
    /// "10.244.2.0/24 via leaf-1", in IPv4.
    Lines routes(const std::string& ns, const BgpShutDowns& down = {}) {
        Lines lines;
        auto expected = expected_bgp_routes(speakers(down));
        for (const auto& route : expected[ns]) {
            if (route.destination.address.is_v4()) {
                const auto end = config.topology->owner_of(*route.gateway);
                BOOST_REQUIRE(end);
                lines.push_back(
                    route.destination.to_string() + " via " +
                    config.topology->devices[end->device].name);
            }
        }
        return lines;
    }
};

std::set<std::string> peers_of(const BgpSpeaker& speaker) {
    std::set<std::string> peers;
    for (const auto& session : speaker.sessions) {
        peers.insert(session.peer);
    }
    return peers;
}

} // namespace

BOOST_AUTO_TEST_SUITE(topology_bgp)

BOOST_AUTO_TEST_CASE(a_rack_is_one_autonomous_system_and_every_spine_another) {
    RackCluster lab;
    BOOST_TEST(lab.speaker("leaf-1").as_number == 65001U);
    BOOST_TEST(lab.speaker("node-1").as_number == 65001U);
    BOOST_TEST(lab.speaker("leaf-2").as_number == 65002U);
    BOOST_TEST(lab.speaker("node-2").as_number == 65002U);
    BOOST_TEST(lab.speaker("spine-1").as_number == 65003U);
    BOOST_TEST(lab.speaker("spine-2").as_number == 65004U);
    BOOST_TEST((peers_of(lab.speaker("node-1")) == std::set<std::string>{"leaf-1"}));
    BOOST_TEST(
        (peers_of(lab.speaker("leaf-1")) == std::set<std::string>{"node-1", "spine-1", "spine-2"}));
    BOOST_TEST(lab.speaker("node-1").sessions.size() == 2U); // one for each family
}

BOOST_AUTO_TEST_CASE(routes_travel_from_rack_to_rack_by_all_spines) {
    RackCluster lab;
    BOOST_TEST(lab.routes("node/node-1") == (Lines{"10.244.2.0/24 via leaf-1"}));
    BOOST_TEST(
        lab.routes("router/leaf-1") == (Lines{
                                           "10.244.1.0/24 via node-1",
                                           "10.244.2.0/24 via spine-1",
                                           "10.244.2.0/24 via spine-2"}),
        boost::test_tools::per_element());
    BOOST_TEST(
        lab.routes("router/spine-2") ==
            (Lines{"10.244.1.0/24 via leaf-1", "10.244.2.0/24 via leaf-2"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_one_spine_the_other_is_the_way_and_without_both_there_is_none) {
    RackCluster lab;
    const BgpShutDowns one{{"leaf-1", "spine-1"}};
    BOOST_TEST(
        lab.routes("router/leaf-1", one) ==
            (Lines{"10.244.1.0/24 via node-1", "10.244.2.0/24 via spine-2"}),
        boost::test_tools::per_element());
    // leaf-2 would be a way from one spine to the other, but its rack has been passed.
    BOOST_TEST(
        lab.routes("router/spine-1", one) ==
            (Lines{"10.244.1.0/24 via leaf-2", "10.244.2.0/24 via leaf-2"}),
        boost::test_tools::per_element());
    const BgpShutDowns both{{"leaf-1", "spine-1"}, {"spine-2", "leaf-1"}};
    BOOST_TEST(lab.routes("node/node-1", both).empty());
    BOOST_TEST(lab.routes("node/node-2", both).empty());
}

BOOST_AUTO_TEST_CASE(the_routers_pass_on_what_they_learn_and_are_the_way_themselves) {
    RackCluster lab;
    const auto leaf = bird_configuration(lab.speaker("leaf-1"));
    BOOST_TEST(leaf.find("next hop self ebgp;") != std::string::npos);
    BOOST_TEST(leaf.find("rr client;") != std::string::npos);
    BOOST_TEST(leaf.find("export where source = RTS_BGP;") != std::string::npos);
    const auto spine = bird_configuration(lab.speaker("spine-1"));
    BOOST_TEST(spine.find("next hop self") == std::string::npos);
    const auto node = bird_configuration(lab.speaker("node-1"));
    BOOST_TEST(
        node.find("export where proto = \"pods4\" || proto = \"services4\";") != std::string::npos);
    BOOST_TEST(node.find("protocol bgp Router_") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_bgp_brings_the_network_leaves_out) {
    RackCluster lab;
    const auto state = compile_network(lab.store, lab.config);
    for (const auto* ns : {"router/leaf-1", "router/spine-1", "node/node-1"}) {
        for (const auto& route : state.namespaces.at(ns).routes) {
            const bool to_pods =
                route.destination.length > 0 &&
                route.destination.contains(*netemu::IpAddress::parse("10.244.2.2"));
            BOOST_TEST(!to_pods, ns << " has a route to " << route.destination.to_string());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_mesh_in_tunnels_passes_routers_that_know_nothing_of_it) {
    RackCluster lab;
    lab.config.overlay = "ipip";
    lab.config.bgp->topology = BgpConfig::Topology::Mesh;
    const auto node = lab.speaker("node-1");
    BOOST_TEST((peers_of(node) == std::set<std::string>{"node-2"}));
    const auto text = bird_configuration(node);
    BOOST_TEST(text.find("  multihop;\n") != std::string::npos);
    BOOST_TEST(text.find("%'tunl0' onlink;") != std::string::npos);
    auto expected = expected_bgp_routes(lab.speakers());
    BOOST_TEST(expected.size() == 2U);
    for (const auto& route : expected["node/node-1"]) {
        const bool v4 = route.destination.address.is_v4();
        BOOST_TEST(route.link == (v4 ? "tunl0" : "eth0"));
        const auto end = lab.config.topology->owner_of(*route.gateway);
        BOOST_REQUIRE(end);
        BOOST_TEST(lab.config.topology->devices[end->device].name == (v4 ? "node-2" : "leaf-1"));
    }
    // The routers have static routes to what crosses them as it is.
    const auto state = compile_network(lab.store, lab.config);
    for (const auto& route : state.namespaces.at("router/spine-1").routes) {
        const bool to_range = route.destination.length == 24 && route.destination.address.is_v4() &&
                              route.destination.contains(*netemu::IpAddress::parse("10.244.2.2"));
        BOOST_TEST(!to_range);
    }
    lab.config.cross_subnet = true; // changes nothing, since the nodes are in two racks
    BOOST_TEST((expected_bgp_routes(lab.speakers()) == expected));
}

BOOST_AUTO_TEST_CASE(routers_that_share_nodes_are_of_one_rack) {
    RackCluster lab(R"({
        "switches": ["a", "b"], "routers": ["r1", "r2", "r3"],
        "links": [{"endpoints": ["r1", "a"]}, {"endpoints": ["r2", "a"]}, {"endpoints": ["r3", "b"]},
                  {"endpoints": ["node-1", "a"]}, {"endpoints": ["node-2", "b"]},
                  {"endpoints": ["r1", "r3"]}, {"endpoints": ["r2", "r3"]}]})");
    BOOST_TEST(lab.speaker("r1").as_number == lab.speaker("r2").as_number);
    BOOST_TEST(lab.speaker("r3").as_number == 65002U);
    BOOST_TEST((peers_of(lab.speaker("r1")) == std::set<std::string>{"node-1", "r3"}));
    BOOST_TEST(
        lab.routes("node/node-1") == (Lines{"10.244.2.0/24 via r1", "10.244.2.0/24 via r2"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_node_without_a_router_is_refused) {
    RackCluster lab;
    const auto plain = TopologyCluster(1, R"({"switches": ["s"], "routers": ["r"], "hosts": ["h"],
        "links": [{"endpoints": ["node-1", "s"]}, {"endpoints": ["r", "h"]}]})");
    BOOST_CHECK_EXCEPTION(
        check_racks(*lab.config.bgp, plain.config.topology.get()),
        netemu::UsageError,
        [](const netemu::UsageError& error) {
            return std::string(error.what()).find("node 'node-1' has no router on its segment") !=
                   std::string::npos;
        });
    check_racks(*lab.config.bgp, lab.config.topology.get());
}

BOOST_AUTO_TEST_SUITE_END()
