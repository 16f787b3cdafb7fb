#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "labctl/compile/topology_network.h"
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
using netemu::test::first_difference;

namespace {

/// What the kernel holds after the plan; the second plan is empty.
void check_apply(const DesiredState& desired) {
    FakeKernel kernel;
    kernel.apply(make_plan(desired, {}));
    BOOST_TEST(make_plan(desired, kernel.observe()).empty());
    BOOST_TEST(
        first_difference(
            netemu::test::to_text(kernel.observe()),
            netemu::test::to_text(expected_observation(desired))) == "");
}

/// "place in>out" of each hop, and the last one's how.
std::string way(const TopologyCluster& lab, const std::string& from, const std::string& to) {
    std::string text;
    const auto hops =
        packet_path(compile_network(lab.store, lab.config), {from, *IpAddress::parse(to), {}, {}});
    for (const auto& hop : hops) {
        text += hop.ns + " " + hop.in + ">" + hop.out + " | ";
    }
    return text + (hops.empty() ? "" : hops.back().how);
}

const RouteSpec* route_of(const DesiredState& state, const char* ns, const char* destination) {
    for (const auto& route : state.namespaces.at(ns).routes) {
        if (route.destination == IpPrefix::parse(destination)) {
            return &route;
        }
    }
    return nullptr;
}

std::string sysctl_of(const DesiredState& state, const char* ns, const std::string& key) {
    for (const auto& each : state.namespaces.at(ns).sysctls) {
        if (each.key == key) {
            return each.value;
        }
    }
    return "(not set)";
}

} // namespace

BOOST_AUTO_TEST_SUITE(topology_network)

BOOST_AUTO_TEST_CASE(every_lab_can_be_applied) {
    for (const auto* underlay : {kPlainLan, kTwoLans, kBehindNat}) {
        const TopologyCluster lab(0, underlay);
        check_apply(compile_network(lab.store, lab.config));
    }
    for (const auto* overlay : {"vxlan", "none"}) {
        for (const auto* profile : {"bridge", "calico", "flannel"}) {
            TopologyCluster lab(2, kLeafSpine, {"10.244.0.0/16", "fd00:10:244::/56"});
            lab.config.overlay = overlay;
            lab.config.cni_profile = profile;
            lab.add_pod(1, "x", "a", 2);
            lab.add_pod(2, "x", "b", 2);
            check_apply(compile_network(lab.store, lab.config));
        }
    }
}

BOOST_AUTO_TEST_CASE(who_is_there) {
    const TopologyCluster lab(0, kBehindNat);
    const auto state = compile_network(lab.store, lab.config);
    std::string names;
    for (const auto& [name, ns] : state.namespaces) {
        names += name + " ";
    }
    BOOST_TEST(names == "host/pc host/server router/gw switch/inside switch/wan ");
    BOOST_TEST(sysctl_of(state, "router/gw", "net/ipv4/ip_forward") == "1");
    BOOST_TEST(sysctl_of(state, "host/pc", "net/ipv4/ip_forward") == "0");
    const auto& tables = state.namespaces.at("router/gw").tables;
    BOOST_REQUIRE(tables.size() == 1U);
    BOOST_TEST(tables[0].name == "nat");
    BOOST_TEST(state.namespaces.at("host/server").tables.empty());
}

BOOST_AUTO_TEST_CASE(ways_over_switches_and_routers) {
    const TopologyCluster lan(0, kPlainLan);
    BOOST_TEST(
        way(lan, "host/h1", "10.1.0.2") ==
        "host/h1 >eth0 | switch/s1 to-h1>to-h2 | host/h2 eth0> | arrives");
    const TopologyCluster lans(0, kTwoLans);
    BOOST_TEST(
        way(lans, "host/h1", "10.1.1.2") ==
        "host/h1 >eth0 | switch/a to-h1>to-r1 | router/r1 eth0>eth1 | switch/b to-r1>to-h2 | "
        "host/h2 eth0> | arrives");
    BOOST_TEST(way(lans, "host/h1", "192.0.2.1").ends_with("| router/r1 eth0> | no route"));
    const TopologyCluster switches(
        2,
        R"({"switches": ["s1", "s2"],
            "links": [{"endpoints": ["s1", "s2"]}, {"endpoints": ["node-1", "s1"]},
                      {"endpoints": ["node-2", "s2"]}]})");
    BOOST_TEST(
        way(switches, "node/node-1", "172.18.0.3") ==
        "node/node-1 >eth0 | switch/s1 to-node-1>to-s2 | switch/s2 to-s1>to-node-2 | node/node-2 "
        "eth0> | arrives");
}

BOOST_AUTO_TEST_CASE(a_tunnel_over_routers) {
    TopologyCluster lab(2, kLeafSpine);
    lab.add_pod(1, "x", "a", 2);
    lab.add_pod(2, "x", "b", 2);
    const auto text = way(lab, "pod/x/a", "10.244.2.2");
    BOOST_TEST(
        text.find("| switch/rack-1 to-node-1>to-leaf-1 | router/leaf-1 eth0>eth1 | router/spine-1 "
                  "eth0>eth1 | router/leaf-2 eth1>eth0 | switch/rack-2 to-leaf-2>to-node-2 | "
                  "node/node-2 vxlan1>cni0") != std::string::npos,
        text);
    BOOST_TEST(text.ends_with("| pod/x/b eth0> | arrives"), text);
    const auto state = compile_network(lab.store, lab.config);
    BOOST_TEST(state.namespaces.at("node/node-1").neighbours.size() == 2U); // its pod, the tunnel
    const auto* entry = route_of(state, "router/leaf-2", "10.244.0.0/16");
    BOOST_REQUIRE(entry != nullptr);
    BOOST_TEST(entry->more.size() == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_tunnel_routers_know_the_pods) {
    TopologyCluster lab(2, kLeafSpine);
    lab.config.overlay = "none";
    lab.add_pod(1, "x", "a", 2);
    lab.add_pod(2, "x", "b", 2);
    const auto state = compile_network(lab.store, lab.config);
    const auto* own = route_of(state, "router/leaf-1", "10.244.1.0/24");
    BOOST_REQUIRE(own != nullptr);
    BOOST_TEST(own->gateway->to_string() == "172.18.0.3");
    const auto* far = route_of(state, "router/leaf-1", "10.244.2.0/24");
    BOOST_REQUIRE(far != nullptr);
    BOOST_TEST(far->more.size() == 1U);
    const auto* node = route_of(state, "node/node-1", "10.244.2.0/24");
    BOOST_REQUIRE(node != nullptr);
    BOOST_TEST(node->gateway->to_string() == "172.18.0.1");
    BOOST_TEST(way(lab, "pod/x/a", "10.244.2.2").ends_with("| pod/x/b eth0> | arrives"));
    lab.config.multipath = false; // a kernel without
    const auto single = compile_network(lab.store, lab.config);
    BOOST_TEST(route_of(single, "router/leaf-1", "10.244.2.0/24")->more.empty());
    BOOST_TEST(
        sysctl_of(single, "router/leaf-1", "net/ipv4/fib_multipath_hash_policy") == "(not set)");
}

BOOST_AUTO_TEST_CASE(an_announced_address_is_everybodys_way_to_the_node) {
    const TopologyCluster lab(2, kLeafSpine);
    auto state = compile_network(lab.store, lab.config);
    add_announced_address(
        *lab.config.topology, *IpAddress::parse("172.18.255.200"), "node-2", state);
    BOOST_TEST(
        route_of(state, "router/leaf-2", "172.18.255.200/32")->gateway->to_string() ==
        "172.18.1.2");
    BOOST_TEST(route_of(state, "router/leaf-1", "172.18.255.200/32")->more.size() == 1U);
    BOOST_TEST(
        route_of(state, "external", "172.18.255.200/32")->gateway->to_string() == "172.18.0.1");
}

BOOST_AUTO_TEST_CASE(a_node_that_is_not_there_yet) {
    TopologyCluster lab(2, kLeafSpine);
    lab.remove_node(2);
    const auto state = compile_network(lab.store, lab.config);
    BOOST_TEST(!state.namespaces.contains("node/node-2"));
    for (const auto& link : state.namespaces.at("switch/rack-2").links) {
        BOOST_TEST(link.name != "to-node-2");
    }
    check_apply(state);
}

BOOST_AUTO_TEST_SUITE_END()
