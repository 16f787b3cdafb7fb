#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "services/ipvs_mode.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

/// "ADDRESS:PORT -> servers", a line for each virtual server.
std::string servers(const IpvsState& state) {
    std::string text;
    for (const auto& server : state.servers) {
        text += server.address.to_string() + " ->";
        for (const auto& real : server.servers) {
            text += " " + real.address.to_string();
        }
        text += "\n";
    }
    return text;
}

bool has_entry(const IpvsState& state, const char* set, const char* entry) {
    return std::binary_search(state.entries.begin(), state.entries.end(), IpvsSetEntry{set, entry});
}

const SlicePort kPorts{"p80", Protocol::Tcp, 8080, ""};

} // namespace

BOOST_AUTO_TEST_SUITE(ipvs)

BOOST_AUTO_TEST_CASE(a_virtual_server_for_each_address) {
    const auto state = ipvs_state(overall(), node());
    BOOST_TEST(
        servers(state) == "172.30.0.41:80 -> 10.180.0.1:80\n"
                          "172.30.0.42:80 -> 10.180.0.2:80\n"
                          "192.168.99.22:80 -> 10.180.0.2:80\n"
                          "1.2.3.4:80 -> 10.180.0.2:80\n"
                          "192.168.0.2:3001 -> 10.180.0.2:80\n"
                          "172.30.0.43:80 -> 10.180.0.3:80\n"
                          "192.168.0.2:3003 -> 10.180.0.3:80\n"
                          "172.30.0.44:80 -> 10.180.0.4:80 10.180.0.5:80\n"
                          "192.168.99.33:80 -> 10.180.0.4:80 10.180.0.5:80\n"
                          "172.30.0.45:80 -> 10.180.0.3:80\n"
                          "5.6.7.8:80 -> 10.180.0.3:80\n"
                          "192.168.0.2:3002 -> 10.180.0.3:80\n"
                          "172.30.0.46:80 ->\n");
    BOOST_TEST(state.addresses.size() == 10U);
    BOOST_TEST(state.servers[9].persistence_seconds == 10800U);
    BOOST_TEST(has_entry(state, "KUBE-CLUSTER-IP", "172.30.0.41,tcp:80"));
    BOOST_TEST(has_entry(state, "KUBE-LOOP-BACK", "10.180.0.5,tcp:80,10.180.0.5"));
    BOOST_TEST(has_entry(state, "KUBE-LOAD-BALANCER-LOCAL", "1.2.3.4,tcp:80"));
    BOOST_TEST(has_entry(state, "KUBE-LOAD-BALANCER-SOURCE-CIDR", "5.6.7.8,tcp:80,203.0.113.0/25"));
    BOOST_TEST(has_entry(state, "KUBE-NODE-PORT-LOCAL-TCP", "3001"));
    BOOST_TEST(!has_entry(state, "KUBE-NODE-PORT-LOCAL-TCP", "3003"));
    BOOST_TEST(has_entry(state, "KUBE-HEALTH-CHECK-NODE-PORT", "30000"));
    BOOST_TEST(has_entry(state, "KUBE-IPVS-IPS", "172.30.0.46"));
}

// 3.3: no drop state. Only what is Local inside and has no external address stays empty.
BOOST_AUTO_TEST_CASE(local_without_local_endpoints_gets_all_of_them) {
    auto made = service("ns/web", "172.30.0.1", 30080);
    made.external_policy = made.internal_policy = TrafficPolicy::Local;
    const std::vector slices{slice("ns/web", kPorts, {ready("10.0.2.1", "n2")})};
    BOOST_TEST(
        servers(ipvs_state(std::vector{input(made, slices)}, node())) ==
        "172.30.0.1:80 -> 10.0.2.1:8080\n192.168.0.2:30080 -> 10.0.2.1:8080\n");
    made.ports[0].node_port = 0;
    BOOST_TEST(
        servers(ipvs_state(std::vector{input(made, slices)}, node())) == "172.30.0.1:80 ->\n");
}

BOOST_AUTO_TEST_SUITE_END()
