#include <boost/test/unit_test.hpp>

#include "services/topology.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

const SlicePort kWebPort{"p80", Protocol::Tcp, 8080, ""};

std::string names(const std::vector<const ProxyEndpoint*>& endpoints) {
    std::string text;
    for (const auto* endpoint : endpoints) {
        text += (text.empty() ? "" : " ") + endpoint->to_string();
    }
    return text;
}

struct Policies {
    TrafficPolicy internal = TrafficPolicy::Cluster;
    TrafficPolicy external = TrafficPolicy::Cluster;
};

/// Sets point into the input, so the inputs of a run are kept.
ServicePortInputPtr keep(ServicePortInputPtr port) {
    static std::vector<ServicePortInputPtr> kept;
    return kept.emplace_back(std::move(port));
}

ServicePortInputPtr port_with(std::vector<Endpoint> endpoints, Policies policies = {}) {
    auto made = service("ns/web", "172.30.0.1", 30080);
    made.internal_policy = policies.internal;
    made.external_policy = policies.external;
    return keep(input(made, {slice("ns/web", kWebPort, std::move(endpoints))}));
}

EndpointSets on_n1(const ServicePortInputPtr& port) {
    return categorize_endpoints(*port, "n1", "z1");
}

const Policies kBothLocal{TrafficPolicy::Local, TrafficPolicy::Local};

} // namespace

BOOST_AUTO_TEST_SUITE(topology)

// 2.13: slices are merged by port name and protocol, nil and zero ports are skipped.
BOOST_AUTO_TEST_CASE(slices_are_merged_by_port_name) {
    auto udp = slice("ns/web", {"p80", Protocol::Udp, 53, ""}, {ready("10.0.1.1")});
    auto unnamed = slice("ns/web", {"", Protocol::Tcp, 80, ""}, {ready("10.0.1.2")});
    auto all_ports = slice("ns/web", {"p80", Protocol::Tcp, std::nullopt, ""}, {ready("10.0.1.3")});
    auto zero = slice("ns/web", {"p80", Protocol::Tcp, 0, ""}, {ready("10.0.1.4")});
    auto v6 = slice("ns/web", kWebPort, {ready("fd00:10::1")});
    auto other_number = slice("ns/web", {"p80", Protocol::Tcp, 9090, ""}, {ready("10.0.1.5")});
    auto first = slice("ns/web", kWebPort, {ready("10.0.1.7"), ready("10.0.1.6")});
    const auto port = input(
        service("ns/web", "172.30.0.1"), {udp, unnamed, all_ports, zero, v6, other_number, first});
    BOOST_TEST(names(on_n1(port).cluster) == "10.0.1.5:9090 10.0.1.6:8080 10.0.1.7:8080");
}

BOOST_AUTO_TEST_CASE(an_endpoint_of_several_slices_counts_once) {
    const auto first = slice("ns/web", kWebPort, {ready("10.0.1.1"), ready("10.0.1.2", "n2")});
    const auto second =
        slice("ns/web", kWebPort, {ready("10.0.1.1", "n1"), unready("10.0.1.2", "n3")});
    const auto port = input(service("ns/web", "172.30.0.1"), {first, second});
    BOOST_REQUIRE(port->endpoints.size() == 2U);
    BOOST_TEST(port->endpoints[0].endpoint.node == "n1");
    BOOST_TEST(port->endpoints[1].endpoint.node == "n2");
    BOOST_TEST(port->endpoints[1].endpoint.ready);
}

BOOST_AUTO_TEST_CASE(an_endpoint_without_a_node_is_never_local) {
    const auto port = port_with({ready("10.0.1.1")}, kBothLocal);
    BOOST_TEST(on_n1(port).local.empty());
    BOOST_TEST(on_n1(port).has_any);
    BOOST_TEST(categorize_endpoints(*port, "", "").local.empty());
}

// 2.14: ready, else serving and terminating, else nothing; for each set by itself.
BOOST_AUTO_TEST_CASE(terminating_endpoints_are_the_second_choice_of_each_set) {
    const auto mixed = on_n1(port_with(
        {terminating("10.0.1.1", "n1"), ready("10.0.1.2", "n2"), unready("10.0.1.3", "n1")},
        kBothLocal));
    BOOST_TEST(names(mixed.cluster) == "10.0.1.2:8080");
    BOOST_TEST(names(mixed.local) == "10.0.1.1:8080");
    BOOST_TEST(mixed.local_terminating);
    BOOST_TEST(!mixed.cluster_terminating);
    BOOST_TEST(names(mixed.reachable()) == "10.0.1.1:8080 10.0.1.2:8080");

    const auto only =
        on_n1(port_with({terminating("10.0.1.1", "n1"), terminating("10.0.1.2", "n2")}));
    BOOST_TEST(names(only.cluster) == "10.0.1.1:8080 10.0.1.2:8080");
    BOOST_TEST(only.cluster_terminating);
    BOOST_TEST(only.has_any);

    auto gone = terminating("10.0.1.1", "n1");
    gone.serving = false;
    const auto none = on_n1(port_with({gone, unready("10.0.1.2", "n1")}, kBothLocal));
    BOOST_TEST(none.cluster.empty());
    BOOST_TEST(none.local.empty());
    BOOST_TEST(!none.has_any);
}

// 2.12: with publishNotReadyAddresses a terminating endpoint is ready.
BOOST_AUTO_TEST_CASE(ready_decides_whatever_terminating_says) {
    auto published = terminating("10.0.1.1", "n1");
    published.ready = true;
    BOOST_TEST(
        names(on_n1(port_with({published, ready("10.0.1.2")})).cluster) ==
        "10.0.1.1:8080 10.0.1.2:8080");
}

// 2.11: all or nothing.
BOOST_AUTO_TEST_CASE(hints_narrow_the_cluster_set_only_if_all_ready_endpoints_have_one) {
    const EndpointHints z1{{"z1"}, {}};
    const EndpointHints z2{{"z2"}, {}};
    const auto a = with_hints(ready("10.0.1.1", "n2", "z1"), z1);
    const auto b = with_hints(ready("10.0.1.2", "n3", "z2"), z2);
    const auto plain = ready("10.0.1.3", "n1");

    BOOST_TEST(names(on_n1(port_with({a, b})).cluster) == "10.0.1.1:8080");
    BOOST_TEST((on_n1(port_with({a, b})).mode == TopologyMode::SameZone));
    // One without a hint, no hint for this zone, a node without a zone: everything is used.
    BOOST_TEST(on_n1(port_with({a, b, plain})).cluster.size() == 3U);
    BOOST_TEST(on_n1(port_with({b})).cluster.size() == 1U);
    BOOST_TEST(categorize_endpoints(*port_with({a, b}), "n1", "").cluster.size() == 2U);
    // Those that are not ready do not count, and the fallback ignores hints.
    BOOST_TEST(
        names(on_n1(port_with({a, b, unready("10.0.1.4"), terminating("10.0.1.5")})).cluster) ==
        "10.0.1.1:8080");
    BOOST_TEST(on_n1(port_with({with_hints(terminating("10.0.1.6"), z2)})).cluster.size() == 1U);
}

BOOST_AUTO_TEST_CASE(node_hints_come_before_zone_hints) {
    const auto a = with_hints(ready("10.0.1.1", "n1", "z1"), {{"z1"}, {"n1"}});
    const auto b = with_hints(ready("10.0.1.2", "n2", "z1"), {{"z1"}, {"n2"}});
    const auto c = with_hints(ready("10.0.1.3", "n3", "z2"), {{"z2"}, {"n3"}});
    BOOST_TEST(names(on_n1(port_with({a, b, c})).cluster) == "10.0.1.1:8080");
    BOOST_TEST((on_n1(port_with({a, b, c})).mode == TopologyMode::SameNode));
    BOOST_TEST(
        names(categorize_endpoints(*port_with({a, b, c}), "n9", "z1").cluster) ==
        "10.0.1.1:8080 10.0.1.2:8080");
    // Local sets know no hints.
    const auto local = with_hints(ready("10.0.1.4", "n1", "z1"), {{"z2"}, {"n2"}});
    BOOST_TEST(
        names(on_n1(port_with({a, local}, kBothLocal)).local) == "10.0.1.1:8080 10.0.1.4:8080");
}

BOOST_AUTO_TEST_CASE(only_local_policies_and_hints_depend_on_the_node) {
    const auto a = ready("10.0.1.1", "n1");
    BOOST_TEST(!depends_on_node(*port_with({a})));
    BOOST_TEST(depends_on_node(*port_with({a}, kBothLocal)));
    BOOST_TEST(depends_on_node(*port_with({with_hints(a, {{"z1"}, {}})})));
    auto inside = service("ns/web", "172.30.0.1");
    inside.external_policy = TrafficPolicy::Local; // nothing external to apply it to
    BOOST_TEST(!depends_on_node(*input(inside, {slice("ns/web", kWebPort, {a})})));
}

// 2.15, 2.5, 2.1: each family by itself; ipMode Proxy, other families and headless are left out.
BOOST_AUTO_TEST_CASE(a_family_takes_what_is_its_own) {
    auto both = service("ns/web", "172.30.0.1", 30080);
    both.cluster_ips.push_back(ip("fd00:20::1"));
    both.external_ips = {ip("192.0.2.1"), ip("2001:db8::5"), ip("192.0.2.1")};
    both.load_balancer = {{ip("192.0.2.2"), IpMode::Proxy}, {ip("2001:db8::6"), IpMode::Vip}};
    both.source_ranges = {range("203.0.113.7/25"), range("203.0.113.0/28"), range("2001:db8::/32")};
    const std::vector slices{
        slice("ns/web", kWebPort, {ready("10.0.1.1")}),
        slice("ns/web", kWebPort, {ready("fd00:10::1")})};
    const auto v4 = input(both, slices);
    BOOST_TEST(v4->cluster_ip.to_string() == "172.30.0.1");
    BOOST_TEST(v4->external_ips.size() == 1U);
    BOOST_TEST(v4->vips.empty());
    BOOST_TEST(v4->source_ranges.size() == 1U);
    BOOST_TEST(v4->source_ranges[0].to_string() == "203.0.113.0/25");
    BOOST_TEST(names(on_n1(v4).cluster) == "10.0.1.1:8080");
    const auto v6 = input(both, slices, Family::V6);
    BOOST_TEST(v6->cluster_ip.to_string() == "fd00:20::1");
    BOOST_TEST(v6->vips.size() == 1U);
    BOOST_TEST(names(on_n1(v6).cluster) == "[fd00:10::1]:8080");

    auto open = both;
    open.source_ranges.push_back(range("0.0.0.0/0"));
    BOOST_TEST(input(open, slices)->source_ranges.empty());
    BOOST_TEST(inputs(service("ns/web", "172.30.0.1"), slices, Family::V6).empty());
    auto headless = both;
    headless.headless = true;
    BOOST_TEST(inputs(headless, slices).empty());
    auto external_name = both;
    external_name.external_name = true;
    BOOST_TEST(inputs(external_name, slices).empty());
}

BOOST_AUTO_TEST_SUITE_END()
