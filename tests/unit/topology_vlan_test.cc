#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "labctl/compile/topology_read.h"
#include "labctl/explain/packet_path.h"
#include "netemu/model/plan.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/state_text.h"
#include "tests/support/topology.h"

using namespace labctl::compile;
using namespace labctl::explain;
using namespace labctl::test;
using namespace netemu;
using netemu::test::FakeKernel;

namespace {

/// Two networks on two switches, and a router on a stick.
constexpr const char* kStick = R"({
    "cidr": ["10.1.0.0/16", "fd00:1::/48"],
    "switches": [{"name": "s1", "vlans": [{"id": 10, "cidr": "10.0.10.0/24"}, 20]}, "s2"],
    "routers": ["r1"], "hosts": ["h1", "h2", "h3", "h4"],
    "links": [{"endpoints": ["h1", "s1"], "vlan": 10}, {"endpoints": ["h2", "s1"], "vlan": 20},
              {"endpoints": ["s1", "s2"], "trunk": [20, 10]},
              {"endpoints": ["h3", "s2"], "vlan": 10}, {"endpoints": ["h4", "s2"], "vlan": 20},
              {"endpoints": ["r1", "s1"],
               "trunk": [10, {"vlan": 20, "ipv4": ["10.1.7.254/24", null]}]}]})";

const LinkSpec* vlan_link(const DesiredState& state, const std::string& ns, const char* name) {
    const auto& links = state.namespaces.at(ns).links;
    const auto found = std::find_if(
        links.begin(), links.end(), [&](const auto& each) { return each.name == name; });
    return found == links.end() ? nullptr : &*found;
}

std::string addresses_text(const LinkSpec* link) {
    std::string text;
    for (const auto& each : link == nullptr ? std::vector<IpPrefix>{} : link->addresses) {
        text += each.to_string() + " ";
    }
    return link == nullptr ? "(none)" : text;
}

std::string vlan_way(const TopologyCluster& lab, const char* from, const IpAddress& to) {
    std::string text;
    for (const auto& hop :
         packet_path(compile_network(lab.store, lab.config), {from, to, {}, to})) {
        text += hop.ns + " " + hop.in + ">" + hop.out + " (" + hop.how + ") | ";
    }
    return text;
}

std::string vlan_problems(const std::string& links, std::size_t nodes = 0) {
    try {
        const TopologyCluster lab(
            nodes,
            R"({"cidr": "10.1.0.0/16", "switches": ["s1", "s2"], "hosts": ["h1", "h2"],
                "links": [)" +
                links + "]}");
    } catch (const TopologyError& error) {
        std::string text;
        for (const auto& problem : error.problems()) {
            text += problem.path + ": " + problem.message + "\n";
        }
        return text;
    }
    return "no problem";
}

} // namespace

BOOST_AUTO_TEST_SUITE(topology_vlans)

BOOST_AUTO_TEST_CASE(ports_are_in_their_networks_and_the_router_has_a_link_in_each) {
    const TopologyCluster lab(0, kStick);
    const auto state = compile_network(lab.store, lab.config);
    BOOST_TEST(std::get<BridgeSpec>(vlan_link(state, "switch/s1", "br0")->kind).vlan_filtering);
    BOOST_TEST(std::get<BridgeSpec>(vlan_link(state, "switch/s2", "br0")->kind).vlan_filtering);
    BOOST_TEST(
        (vlan_link(state, "switch/s1", "to-h1")->vlans == std::vector<PortVlan>{{10, true, true}}));
    const std::vector<PortVlan> both{{10, false, false}, {20, false, false}};
    BOOST_TEST((vlan_link(state, "switch/s1", "to-s2")->vlans == both));
    BOOST_TEST((vlan_link(state, "switch/s2", "to-s1")->vlans == both));
    BOOST_TEST((vlan_link(state, "switch/s1", "to-r1")->vlans == both));
    const auto* ten = vlan_link(state, "router/r1", "eth0.10");
    BOOST_REQUIRE(ten != nullptr);
    BOOST_TEST((std::get<VlanSpec>(ten->kind) == VlanSpec{10, "eth0"}));
    const auto* parent = vlan_link(state, "router/r1", "eth0");
    BOOST_TEST((ten->mac == parent->mac));
    BOOST_TEST((parent->mac != MacAddress{}));
    BOOST_TEST((vlan_link(state, "router/r1", "eth0.20")->mac == parent->mac));
    BOOST_TEST(parent->addresses.empty());
}

BOOST_AUTO_TEST_CASE(each_network_has_a_range_and_the_router_comes_first) {
    const TopologyCluster lab(0, kStick);
    const auto state = compile_network(lab.store, lab.config);
    const auto of = [&](const char* ns, const char* name) {
        const auto text = addresses_text(vlan_link(state, ns, name));
        return text.substr(0, text.find(' '));
    };
    BOOST_TEST(of("router/r1", "eth0.10") == "10.0.10.1/24");
    BOOST_TEST(of("host/h1", "eth0") == "10.0.10.2/24");
    BOOST_TEST(of("host/h3", "eth0") == "10.0.10.3/24");
    BOOST_TEST(of("router/r1", "eth0.20") == "10.1.7.254/24");
    BOOST_TEST(of("host/h2", "eth0") == "10.1.7.1/24");
    BOOST_TEST(lab.config.topology->segments.size() == 2U);
    BOOST_TEST(lab.config.topology->segments[0].name == "s1 VLAN 10");
}

BOOST_AUTO_TEST_CASE(a_packet_goes_in_its_network_and_by_the_router_to_the_other) {
    const TopologyCluster lab(0, kStick);
    BOOST_TEST(
        vlan_way(lab, "host/h1", *IpAddress::parse("10.0.10.3")) ==
        "host/h1 >eth0 (10.0.10.0/24 dev eth0) | "
        "switch/s1 to-h1>to-s2 (switched by br0 in VLAN 10, with its tag) | "
        "switch/s2 to-s1>to-h3 (switched by br0 in VLAN 10) | host/h3 eth0> (arrives) | ");
    BOOST_TEST(
        vlan_way(lab, "host/h1", *IpAddress::parse("10.1.7.1")) ==
        "host/h1 >eth0 (default via 10.0.10.1 dev eth0) | "
        "switch/s1 to-h1>to-r1 (switched by br0 in VLAN 10, with its tag) | "
        "router/r1 eth0.10>eth0.20 (10.1.7.0/24 dev eth0.20; VLAN 20 on eth0) | "
        "switch/s1 to-r1>to-h2 (switched by br0 in VLAN 20) | host/h2 eth0> (arrives) | ");
}

// Somebody gave h2 an address of the other network by hand: nobody there hears of it.
BOOST_AUTO_TEST_CASE(what_is_in_another_network_is_not_found) {
    const TopologyCluster lab(0, kStick);
    auto state = compile_network(lab.store, lab.config);
    for (auto& link : state.namespaces.at("host/h2").links) {
        if (link.name == "eth0") {
            link.addresses.push_back(*IpPrefix::parse("10.0.10.77/24"));
        }
    }
    const auto to = *IpAddress::parse("10.0.10.77");
    const auto hops = packet_path(state, {"host/h1", to, {}, to});
    BOOST_TEST(hops.back().how == "nobody on br0 in VLAN 10 has 10.0.10.77");
}

BOOST_AUTO_TEST_CASE(a_plan_makes_changes_and_unmakes_it) {
    const TopologyCluster lab(0, kStick);
    const auto state = compile_network(lab.store, lab.config);
    FakeKernel kernel;
    const auto plan = make_plan(state, {});
    const auto text = netemu::test::to_text(plan);
    BOOST_TEST(
        text.find("switch/s1: ip link add br0 index 20 address 0e:58:01:00:01:00 mtu 1500 up type "
                  "bridge stp_state 0 forward_delay 0 mcast_snooping 0 vlan_filtering 1 "
                  "vlan_default_pvid 0\n") != std::string::npos,
        text);
    BOOST_TEST(
        text.find("switch/s1: bridge vlan add dev to-h1 vid 10 pvid untagged\n") !=
            std::string::npos,
        text);
    BOOST_TEST(
        text.find("switch/s1: bridge vlan add dev to-r1 vid 10 && bridge vlan add dev to-r1 vid "
                  "20\n") != std::string::npos,
        text);
    BOOST_TEST(text.find("mtu 1500 up link eth0 type vlan id 10\n") != std::string::npos, text);
    kernel.apply(plan);
    BOOST_TEST(make_plan(state, kernel.observe()).empty());
    auto moved = state;
    for (auto& link : moved.namespaces.at("switch/s1").links) {
        if (link.name == "to-h1") {
            link.vlans = {{20, true, true}};
        }
    }
    const auto change = make_plan(moved, kernel.observe());
    BOOST_TEST(
        netemu::test::to_text(change) ==
        "switch/s1: bridge vlan delete dev to-h1 vid 10 && bridge vlan add dev to-h1 vid 20 pvid "
        "untagged\n");
    kernel.apply(change);
    BOOST_TEST(make_plan(moved, kernel.observe()).empty());
}

BOOST_AUTO_TEST_CASE(two_routers_have_a_segment_for_each_network_of_their_trunk) {
    const TopologyCluster lab(0, R"({
        "cidr": ["10.1.0.0/16", "fd00:1::/48"], "routers": ["r1", "r2"], "hosts": ["h1", "h2"],
        "links": [{"endpoints": ["h1", "r1"]}, {"endpoints": ["h2", "r2"]},
                  {"endpoints": ["r1:up", "r2"],
                   "trunk": [{"vlan": 100, "ipv4": ["10.0.100.1/30", "10.0.100.2"]}, 200]}]})");
    const auto& segments = lab.config.topology->segments;
    BOOST_TEST_REQUIRE(segments.size() == 4U);
    BOOST_TEST(segments[2].name == "r1--r2 VLAN 100");
    BOOST_TEST(segments[3].name == "r1--r2 VLAN 200");
    const auto state = compile_network(lab.store, lab.config);
    const auto* first = vlan_link(state, "router/r1", "up.100");
    BOOST_TEST_REQUIRE(first != nullptr);
    BOOST_TEST(std::get<VlanSpec>(first->kind).parent == "up");
    BOOST_TEST(std::get<VlanSpec>(first->kind).id == 100);
    BOOST_TEST(addresses_text(first).starts_with("10.0.100.1/30 "));
    BOOST_TEST(
        addresses_text(vlan_link(state, "router/r2", "eth1.100")).starts_with("10.0.100.2/30 "));
    BOOST_TEST(addresses_text(vlan_link(state, "router/r1", "up")) == "");
    // Both networks are equally long ways, so each flow takes one of them.
    const auto way = vlan_way(lab, "host/h1", *IpAddress::parse("10.1.1.2"));
    const bool tagged = way.find("VLAN 100 on up") != std::string::npos ||
                        way.find("VLAN 200 on up") != std::string::npos;
    BOOST_TEST(tagged, way);
    BOOST_TEST(way.find("router/r2 eth1.") != std::string::npos, way);
    BOOST_TEST(way.find("host/h2 ") != std::string::npos, way);
}

BOOST_AUTO_TEST_CASE(what_cannot_be) {
    const std::string rest = R"(, {"endpoints": ["h2", "s2"]}, {"endpoints": ["s1", "s2"]})";
    BOOST_TEST(vlan_problems(R"({"endpoints": ["h1", "s1"], "vlan": 10})" + rest) == "no problem");
    BOOST_TEST(
        vlan_problems(R"({"endpoints": ["h1", "s1"], "vlan": 4095})" + rest) ==
        "spec.underlay.links[0].vlan: 4095 is not the number of a VLAN\n");
    BOOST_TEST(
        vlan_problems(R"({"endpoints": ["h1", "s1"], "vlan": "ten"})" + rest) ==
        "spec.underlay.links[0].vlan: \"ten\" is not the number of a VLAN\n");
    BOOST_TEST(
        vlan_problems(R"({"endpoints": ["h1", "s1"], "vlan": 10, "trunk": [10]})" + rest) ==
        "spec.underlay.links[0].trunk[0]: VLAN 10 crosses this link without a tag already\n");
    BOOST_TEST(
        vlan_problems(R"({"endpoints": ["h1", "s1"], "trunk": []})" + rest) ==
        "spec.underlay.links[0].trunk: expected the networks that cross it with a tag\n");
    BOOST_TEST(
        vlan_problems(R"({"endpoints": ["h1", "h2"], "vlan": 10})") ==
        "spec.underlay.links[0].vlan: there is no switch at either end of this link\n");
    BOOST_TEST(
        vlan_problems(
            R"({"endpoints": ["h1", "s1"], "trunk": [10], "ipv4": ["10.1.9.1/24", null]})" + rest)
            .starts_with("spec.underlay.links[0].trunk: nothing crosses this link without a tag, "
                         "so h1 has no address there"));
    BOOST_TEST(
        vlan_problems(
            R"({"endpoints": ["h1", "s1"], "vlan": 10}, {"endpoints": ["h2", "s1"], "vlan": 20},
               {"endpoints": ["node-1", "s1"], "trunk": [10, 20]})",
            1)
            .starts_with("spec.underlay.links[2].trunk: what node 'node-1' does"));
    BOOST_TEST(
        vlan_problems(
            R"({"endpoints": ["h1", "s1"], "vlan": 10}, {"endpoints": ["h1", "s2"], "vlan": 10},
               {"endpoints": ["h2", "s2"], "vlan": 20},
               {"endpoints": ["s1", "s2"], "trunk": [10, 20]})") ==
        "spec.underlay.links[1].endpoints[0]: h1 is on the segment of s1 VLAN 10 already\n");
    // Two links between two switches are no circle where no network has both.
    const std::string hosts =
        R"({"endpoints": ["h1", "s1"], "vlan": 10}, {"endpoints": ["h2", "s2"], "vlan": 20}, )";
    BOOST_TEST(vlan_problems(hosts + R"({"endpoints": ["s1", "s2"], "vlan": 10},
                       {"endpoints": ["s1:up2", "s2:up2"], "vlan": 20})") == "no problem");
    BOOST_TEST(vlan_problems(hosts + R"({"endpoints": ["s1", "s2"], "trunk": [10, 20]},
                       {"endpoints": ["s1:up2", "s2:up2"], "vlan": 20})")
                   .starts_with("spec.underlay.links[3]: this link closes a circle of switches"));
}

BOOST_AUTO_TEST_SUITE_END()
