#include <boost/test/unit_test.hpp>

#include "netemu/model/plan.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/state_text.h"

using namespace netemu;
using namespace netemu::test;

namespace {

constexpr std::uint8_t kTcpNumber = 6;
constexpr std::uint8_t kUdpNumber = 17;

Endpoint at(const char* text) {
    return *Endpoint::parse(text);
}

VirtualServer web() {
    return {{at("10.96.0.1:80"), kTcpNumber}, "rr", 0, {{at("10.244.1.2:8080")}}};
}

/// A node that serves 10.96.0.1 and 10.96.0.2, and the device that holds their addresses.
struct ServerFixture {
    ServerFixture() {
        auto& node = desired.namespaces["node/a"];
        node.role = NamespaceRole::Node;
        LinkSpec device;
        device.name = "kube-ipvs0";
        device.index = 22;
        device.kind = DummySpec{};
        device.mac = MacAddress::for_ip(*IpAddress::parse("10.96.0.0"));
        device.up = false;
        device.addresses = {
            *IpPrefix::parse("10.96.0.1/32"),
            *IpPrefix::parse("10.96.0.2/32"),
            *IpPrefix::parse("fd00::1/128")};
        node.links = {device};
        node.virtual_servers = {
            {{at("10.96.0.2:53"), kUdpNumber}, "lc", 10800, {{at("10.244.1.4:53")}}}, web()};
    }

    /// The plan for what `change` makes of the node; checks that it leads there.
    template <class Change>
    std::string plan_for(const Change& change) {
        FakeKernel kernel;
        kernel.apply(make_plan(desired, {}));
        const auto before = expected_observation(desired);
        BOOST_TEST(to_text(kernel.observe()) == to_text(before));
        change(desired.namespaces.at("node/a"));
        const auto plan = make_plan(desired, before);
        kernel.apply(plan);
        BOOST_TEST(to_text(kernel.observe()) == to_text(expected_observation(desired)));
        BOOST_TEST(make_plan(desired, kernel.observe()).empty());
        return to_text(plan);
    }

    DesiredState desired;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(ipvs, ServerFixture)

BOOST_AUTO_TEST_CASE(from_nothing_everything_is_made_in_order) {
    BOOST_TEST(
        to_text(make_plan(desired, {})) ==
        "node/a: ip netns add node/a\n"
        "node/a: ip link add kube-ipvs0 index 22 address 0a:58:0a:60:00:00 mtu 1500 type dummy\n"
        "node/a: ip address add 10.96.0.1/32 dev kube-ipvs0\n"
        "node/a: ip address add 10.96.0.2/32 dev kube-ipvs0\n"
        "node/a: ip -6 address add fd00::1/128 dev kube-ipvs0 nodad\n"
        "node/a: ipvsadm -A -t 10.96.0.1:80 -s rr && ipvsadm -a -t 10.96.0.1:80 -r "
        "10.244.1.2:8080 -m -w 1\n"
        "node/a: ipvsadm -A -u 10.96.0.2:53 -s lc -p 10800 && ipvsadm -a -u 10.96.0.2:53 -r "
        "10.244.1.4:53 -m -w 1\n");
}

BOOST_AUTO_TEST_CASE(one_real_server_comes_and_one_goes) {
    const auto text = plan_for([](NamespaceSpec& node) {
        auto& servers = node.virtual_servers[1].servers;
        servers = {{at("10.244.1.3:8080")}};
    });
    BOOST_TEST(
        text == "node/a: ipvsadm -a -t 10.96.0.1:80 -r 10.244.1.3:8080 -m -w 1\n"
                "node/a: ipvsadm -d -t 10.96.0.1:80 -r 10.244.1.2:8080\n");
}

BOOST_AUTO_TEST_CASE(a_weight_changes_in_place) {
    const auto text =
        plan_for([](NamespaceSpec& node) { node.virtual_servers[1].servers[0].weight = 0; });
    BOOST_TEST(text == "node/a: ipvsadm -e -t 10.96.0.1:80 -r 10.244.1.2:8080 -m -w 0\n");
}

BOOST_AUTO_TEST_CASE(scheduler_and_persistence_change_in_place) {
    const auto text = plan_for([](NamespaceSpec& node) {
        node.virtual_servers[0].scheduler = "sh";
        node.virtual_servers[1].persistence_seconds = 60;
    });
    BOOST_TEST(
        text == "node/a: ipvsadm -E -t 10.96.0.1:80 -s rr -p 60\n"
                "node/a: ipvsadm -E -u 10.96.0.2:53 -s sh -p 10800\n");
}

// The other addresses of the device stay: none is secondary to another.
BOOST_AUTO_TEST_CASE(a_service_goes) {
    const auto text = plan_for([](NamespaceSpec& node) {
        node.virtual_servers.erase(node.virtual_servers.begin() + 1);
        auto& addresses = node.links[0].addresses;
        addresses.erase(addresses.begin());
    });
    BOOST_TEST(
        text == "node/a: ipvsadm -D -t 10.96.0.1:80\n"
                "node/a: ip address delete 10.96.0.1/32 dev kube-ipvs0\n");
}

BOOST_AUTO_TEST_CASE(the_order_of_real_servers_says_nothing) {
    desired.namespaces.at("node/a").virtual_servers[1].servers = {
        {at("10.244.1.9:8080")}, {at("10.244.1.2:8080")}};
    BOOST_TEST(make_plan(desired, expected_observation(desired)).empty());
}

BOOST_AUTO_TEST_CASE(sctp_is_written_as_ipvsadm_reads_it) {
    const VirtualServerKey key{at("[fd00::1]:80"), 132};
    BOOST_TEST(key.to_string() == "--sctp-service [fd00::1]:80");
}

BOOST_AUTO_TEST_SUITE_END()
