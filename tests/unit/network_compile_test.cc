#include <algorithm>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"
#include "netemu/model/interface_name.h"
#include "netemu/model/plan.h"
#include "tests/support/cluster.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/state_text.h"

using labctl::api::Json;
using namespace labctl::compile;
using labctl::test::Cluster;
using namespace netemu;

namespace {

const LinkSpec& link_of(const DesiredState& state, const std::string& ns, const std::string& name) {
    const auto& links = state.namespaces.at(ns).links;
    const auto found = std::find_if(
        links.begin(), links.end(), [&](const auto& each) { return each.name == name; });
    BOOST_REQUIRE_MESSAGE(found != links.end(), ns + " has no " + name);
    return *found;
}

std::string sysctl_of(const DesiredState& state, const std::string& ns, const std::string& key) {
    for (const auto& each : state.namespaces.at(ns).sysctls) {
        if (each.key == key) {
            return each.value;
        }
    }
    return "(not set)";
}

std::string numbered(unsigned i) { // "p0", "p1", ...
    return std::string("p").append(std::to_string(i));
}

/// Every name and index unique in its namespace, every name valid.
void check_names(const DesiredState& state) {
    for (const auto& [name, ns] : state.namespaces) {
        std::set<std::string> names;
        std::set<std::uint32_t> indexes;
        for (const auto& link : ns.links) {
            BOOST_TEST(is_valid_interface_name(link.name), name + " " + link.name);
            BOOST_TEST(names.insert(link.name).second, name + " " + link.name);
            BOOST_TEST(indexes.insert(link.index).second, name + " " + link.name);
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(compile)

BOOST_AUTO_TEST_CASE(only_pods_with_a_network_of_their_own) {
    Cluster cluster(1);
    for (unsigned i = 2; i < 10; ++i) {
        cluster.add_pod(1, "x", numbered(i), i);
    }
    cluster.set_pod("x", "p3", "/status/phase", "Succeeded");
    cluster.set_pod("x", "p4", "/status/phase", "Failed");
    cluster.set_pod("x", "p5", "/spec/hostNetwork", true);
    cluster.set_pod("x", "p6", "/spec/nodeName", "elsewhere");
    cluster.set_pod("x", "p7", "/status", Json::object());
    cluster.set_pod("x", "p8", "/status/phase", "Pending");
    cluster.set_pod("x", "p9", "/spec", Json::object());
    const auto state = compile_network(cluster.store, cluster.config);
    std::set<std::string> names;
    for (const auto& [name, ns] : state.namespaces) {
        names.insert(name);
    }
    const std::set<std::string> expected{
        "external", "node/node-1", "pod/x/p2", "pod/x/p8", "underlay"};
    BOOST_TEST(names == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nodes_without_addresses_wait) {
    Cluster cluster(2);
    auto node = *cluster.store.get({"Node", "", "node-2"});
    node.body.erase("status");
    cluster.store.put(node);
    cluster.add_pod(2, "x", "a", 2);
    const auto state = compile_network(cluster.store, cluster.config);
    BOOST_TEST(!state.namespaces.contains("node/node-2"));
    BOOST_TEST(!state.namespaces.contains("pod/x/a"));
    const Cluster empty(0);
    BOOST_TEST(compile_network(empty.store, empty.config).namespaces.size() == 2U);
}

BOOST_AUTO_TEST_CASE(nodes_are_in_order_of_their_addresses) {
    Cluster cluster(11);
    const auto state = compile_network(cluster.store, cluster.config);
    const auto& routes = state.namespaces.at("external").routes;
    BOOST_REQUIRE(routes.size() == 12U); // the default, and to the pods of each
    BOOST_TEST(routes[0].gateway->to_string() == "172.18.0.2"); // node-1, not node-10
    BOOST_TEST(routes[11].gateway->to_string() == "172.18.0.12");
    BOOST_TEST(link_of(state, "underlay", "to-node-10").index == 111U);
    BOOST_TEST(state.namespaces.at("node/node-1").fdb.size() == 10U);
    check_names(state);
}

BOOST_AUTO_TEST_CASE(indexes_come_from_addresses) {
    Cluster cluster(1, {"10.0.0.0/8"});
    cluster.add_pod(1, "x", "a", 2);
    cluster.add_pod(1, "x", "b", 254);
    const auto state = compile_network(cluster.store, cluster.config);
    std::set<std::uint32_t> indexes;
    for (const auto& link : state.namespaces.at("node/node-1").links) {
        indexes.insert(link.index);
    }
    BOOST_TEST((indexes == std::set<std::uint32_t>{1, 20, 21, 22, 102, 354}));
}

BOOST_AUTO_TEST_CASE(ipv6_addresses_far_out_get_distinct_indexes) {
    Cluster cluster(1, {"fd00:10:244::/56"});
    for (unsigned i = 0; i < 200; ++i) {
        const auto name = numbered(i);
        cluster.add_pod(1, "x", name, 2);
        const auto base = *IpAddress::parse("fd00:10:244:1:aaaa:bbbb::");
        const auto address = base.plus(i).to_string();
        cluster.set_pod("x", name, "/status/podIPs/0/ip", address);
    }
    check_names(compile_network(cluster.store, cluster.config));
}

BOOST_AUTO_TEST_CASE(equal_hashes_get_distinct_names) {
    // FNV-1a of "ns/PAIR" is the same for both; found by search.
    Cluster cluster(1);
    cluster.add_pod(1, "ns", "web-svddn", 2);
    cluster.add_pod(1, "ns", "web-mnvz4", 3);
    const auto state = compile_network(cluster.store, cluster.config);
    check_names(state);
    cluster.add_pod(1, "a", "earlier", 4);
    const auto later = compile_network(cluster.store, cluster.config);
    for (const auto& link : state.namespaces.at("node/node-1").links) {
        BOOST_TEST(link_of(later, "node/node-1", link.name).index == link.index);
    }
}

BOOST_AUTO_TEST_CASE(every_link_has_its_mtu) {
    Cluster cluster(2);
    cluster.add_pod(1, "x", "a", 2);
    const auto check = [&](std::uint32_t underlay, std::uint32_t tunnel, std::uint32_t pod) {
        const auto state = compile_network(cluster.store, cluster.config);
        BOOST_TEST(link_of(state, "underlay", "br0").mtu == underlay);
        BOOST_TEST(link_of(state, "underlay", "to-node-1").mtu == underlay);
        BOOST_TEST(link_of(state, "external", "eth0").mtu == underlay);
        BOOST_TEST(link_of(state, "node/node-1", "eth0").mtu == underlay);
        BOOST_TEST(link_of(state, "node/node-1", "vxlan1").mtu == tunnel);
        BOOST_TEST(link_of(state, "node/node-1", "cni0").mtu == pod);
        BOOST_TEST(link_of(state, "pod/x/a", "eth0").mtu == pod);
    };
    check(1500, 1450, 1450);
    cluster.config.underlay_mtu = 9000;
    check(9000, 8950, 8950);
    cluster.config.cni_mtu = 1400;
    check(9000, 1400, 1400);
    cluster.config.cni_mtu =
        9000; // wrong on purpose: the tunnel cannot have it, and says so to the pods
    check(9000, 8950, 9000);
}

BOOST_AUTO_TEST_CASE(mtu_limits) {
    const auto mtu =
        [](const char* range, std::uint32_t underlay, std::optional<std::uint32_t> cni) {
            Cluster cluster(0, {range});
            cluster.config.underlay_mtu = underlay;
            cluster.config.cni_mtu = cni;
            return compute_mtu(cluster.config);
        };
    const auto* v4 = "10.244.0.0/16";
    const auto* v6 = "fd00:10:244::/56";
    BOOST_TEST(mtu(v4, 1500, {}) == 1450U);
    BOOST_TEST(mtu(v6, 1500, {}) == 1430U);
    BOOST_TEST(mtu(v4, 626, {}) == 576U);
    BOOST_TEST(mtu(v6, 1350, {}) == 1280U);
    BOOST_TEST(mtu(v4, 1500, 576) == 576U);
    BOOST_CHECK_THROW(mtu(v4, 625, {}), UsageError);
    BOOST_CHECK_THROW(mtu(v6, 1349, {}), UsageError);
    BOOST_CHECK_THROW(mtu(v4, 0, {}), UsageError);
    BOOST_CHECK_THROW(mtu(v4, 65536, {}), UsageError);
    BOOST_CHECK_THROW(mtu(v4, 1500, 575), UsageError);
    BOOST_CHECK_THROW(mtu(v6, 1500, 1279), UsageError);
    BOOST_CHECK_EXCEPTION(mtu(v6, 1300, {}), UsageError, [](const UsageError& error) {
        return std::string(error.what()) ==
                   "spec.underlay.mtu: 1300 bytes cannot carry the overlay: its headers take 70 "
                   "and IPv6 needs 1280 inside" &&
               error.hint() == "give a value from 1350 to 65535";
    });
}

BOOST_AUTO_TEST_CASE(sysctls_where_they_are_needed_and_nowhere_else) {
    Cluster v4(1);
    v4.add_pod(1, "x", "a", 2);
    const auto four = compile_network(v4.store, v4.config);
    BOOST_TEST(sysctl_of(four, "node/node-1", "net/ipv4/ip_forward") == "1");
    BOOST_TEST(sysctl_of(four, "node/node-1", "net/ipv4/conf/all/rp_filter") == "0");
    BOOST_TEST(sysctl_of(four, "node/node-1", "net/ipv4/conf/default/rp_filter") == "0");
    BOOST_TEST(sysctl_of(four, "node/node-1", "net/ipv6/conf/all/forwarding") == "(not set)");
    BOOST_TEST(sysctl_of(four, "external", "net/ipv4/ip_forward") == "0");
    BOOST_TEST(four.namespaces.at("pod/x/a").sysctls.empty());
    constexpr auto kBridged = "net/bridge/bridge-nf-call-iptables";
    BOOST_TEST(sysctl_of(four, "node/node-1", kBridged) == "1");
    BOOST_TEST(sysctl_of(four, "underlay", kBridged) == "0");
    v4.config.bridge_netfilter = false; // a kernel without br_netfilter
    const auto without = compile_network(v4.store, v4.config);
    BOOST_TEST(sysctl_of(without, "node/node-1", kBridged) == "(not set)");
    BOOST_TEST(without.namespaces.at("underlay").sysctls.empty());
    const auto diverts = [](const DesiredState& state) {
        const auto& tables = state.namespaces.at("node/node-1").tables;
        return std::any_of(tables.begin(), tables.end(), [](const NftTable& table) {
            return table.family == NftFamily::Bridge;
        });
    };
    BOOST_TEST(!diverts(four));
    BOOST_TEST(diverts(without));
    Cluster v6(1, {"fd00:10:244::/56"});
    const auto six = compile_network(v6.store, v6.config);
    BOOST_TEST(sysctl_of(six, "node/node-1", "net/ipv4/ip_forward") == "(not set)");
    BOOST_TEST(sysctl_of(six, "node/node-1", "net/ipv6/conf/all/forwarding") == "1");
}

BOOST_AUTO_TEST_CASE(neighbours_on_a_full_node_are_left_to_arp) {
    Cluster cluster(1);
    for (unsigned i = 0; i < limits::kPermanentNeighboursPerNodeMax; ++i) {
        cluster.add_pod(1, "x", numbered(i), i + 2);
    }
    const auto square = compile_network(cluster.store, cluster.config);
    const auto segment = square.namespaces.at("pod/x/p0").segment_neighbours;
    BOOST_REQUIRE(segment != nullptr);
    BOOST_TEST(segment->size() == limits::kPermanentNeighboursPerNodeMax);
    BOOST_TEST((square.namespaces.at("pod/x/p1").segment_neighbours == segment));
    cluster.add_pod(1, "x", "last", 200);
    const auto full = compile_network(cluster.store, cluster.config);
    BOOST_TEST((full.namespaces.at("pod/x/p0").segment_neighbours == nullptr));
    BOOST_TEST(full.namespaces.at("pod/x/p0").neighbours.size() == 1U); // the gateway
}

BOOST_AUTO_TEST_CASE(addresses_that_cannot_be) {
    Cluster cluster(2);
    cluster.add_pod(1, "x", "a", 2);
    cluster.add_pod(1, "x", "b", 2);
    BOOST_CHECK_EXCEPTION(
        compile_network(cluster.store, cluster.config), Error, [](const Error& error) {
            return std::string(error.what()) == "pods x/a and x/b both have the address 10.244.1.2";
        });
    cluster.remove_pod("x", "b");
    cluster.set_pod("x", "a", "/spec/nodeName", "node-2");
    BOOST_CHECK_EXCEPTION(
        compile_network(cluster.store, cluster.config), Error, [](const Error& error) {
            return std::string(error.what()) ==
                   "pod x/a: its address 10.244.1.2 is not in the ranges of its node node-2";
        });
}

BOOST_AUTO_TEST_CASE(long_node_names) {
    Cluster cluster(2);
    for (const auto* name : {"node-1", "node-2"}) {
        auto node = *cluster.store.get({"Node", "", name});
        node.body["metadata"] = {{"name", std::string("ip-10-0-0-1.eu-west-1.compute.") + name}};
        cluster.store.remove({"Node", "", name});
        cluster.store.put(node);
    }
    const auto state = compile_network(cluster.store, cluster.config);
    check_names(state);
    netemu::test::FakeKernel kernel;
    kernel.apply(make_plan(state, {}));
    BOOST_TEST(make_plan(state, kernel.observe()).empty());
}

BOOST_AUTO_TEST_SUITE_END()
