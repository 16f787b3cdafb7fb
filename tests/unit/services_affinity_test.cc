#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "services/affinity_memory.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

// Linux 6.18: cat /proc/net/xt_recent/KUBE-SEP-...
constexpr const char* kList =
    "src=10.244.1.5 ttl: 64 last_seen: 4294967400 oldest_pkt: 1 4294967400\n"
    "src=fd00:0010:0244:0000:0000:0000:0000:0005 ttl: 63 last_seen: 4294967650 oldest_pkt: 3 "
    "4294967400, 4294967500, 4294967650\n";

// Linux 6.1: cat /proc/net/ip_vs_conn
constexpr const char* kConnections =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
    "TCP 0AF40102 D2F0 0A600064 0050 0AF40203 1F90 TIME_WAIT       117\n"
    "TCP 0AF40102 0000 0A600064 0050 0AF40203 1F90 NONE          10797\n"
    "UDP 0AF40103 0000 0A60000A 0035 0AF40204 0035 ASSURED          58\n"
    "IP  0AF40103 0000 00000001 0000 0AF40204 0035 NONE             58\n"
    "TCP fd00:0010:0244:0000:0000:0000:0000:0002 0000 fd00:0010:0096:0000:0000:0000:0000:0064 0050 "
    "fd00:0010:0244:0001:0000:0000:0000:0003 1F90 NONE          10790 sip abcd\n";

} // namespace

BOOST_AUTO_TEST_SUITE(affinity_memory)

BOOST_AUTO_TEST_CASE(clients_of_a_list_of_recent) {
    const auto clients = parse_recent_list(kList);
    BOOST_REQUIRE(clients.size() == 2U);
    BOOST_TEST((clients[0] == RecentClient{ip("10.244.1.5"), 4294967400}));
    BOOST_TEST((clients[1] == RecentClient{ip("fd00:10:244::5"), 4294967650}));
    BOOST_TEST(parse_recent_list("").empty());
    for (const auto* strange :
         {"10.244.1.5\n",
          "src=10.244.1.5 ttl: 64\n",
          "src=10.244.1 last_seen: 3\n",
          "src=10.244.1.5 last_seen: x\n"}) {
        BOOST_CHECK_THROW((void)parse_recent_list(strange), netemu::Error);
    }
}

BOOST_AUTO_TEST_CASE(jiffies_are_seconds_by_the_kernels_ticks) {
    constexpr std::uint64_t kSince = 4294967400;
    BOOST_TEST(seconds_left(kSince, 100, {kSince, 250}) == 100);
    BOOST_TEST(seconds_left(kSince, 100, {kSince + 1, 250}) == 99);
    BOOST_TEST(seconds_left(kSince, 100, {kSince + 250, 250}) == 99);
    BOOST_TEST(seconds_left(kSince, 100, {kSince + 251, 250}) == 98);
    BOOST_TEST(seconds_left(kSince, 100, {kSince + 2000, 1000}) == 98);
    BOOST_TEST(seconds_left(kSince, 100, {kSince + 25000, 250}) == 0);
    BOOST_TEST(seconds_left(kSince, 100, {kSince + 25001, 250}) == -1);
    BOOST_TEST(seconds_left(kSince + 2, 100, {kSince, 250}) == 100); // seen after we looked
}

BOOST_AUTO_TEST_CASE(templates_are_connections_without_a_port) {
    const auto templates = parse_ipvs_templates(kConnections);
    BOOST_REQUIRE(templates.size() == 3U);
    BOOST_TEST(
        (templates[0] == IpvsTemplate{
                             Protocol::Tcp,
                             ip("10.244.1.2"),
                             {ip("10.96.0.100"), 80},
                             {ip("10.244.2.3"), 8080},
                             10797}));
    BOOST_TEST((templates[1].protocol == Protocol::Udp));
    BOOST_TEST(templates[1].virtual_server.to_string() == "10.96.0.10:53");
    BOOST_TEST(templates[2].client.to_string() == "fd00:10:244::2");
    BOOST_TEST(templates[2].real_server.to_string() == "[fd00:10:244:1::3]:8080");
    BOOST_TEST(templates[2].seconds_left == 10790U);
    BOOST_CHECK_THROW((void)parse_ipvs_templates("TCP 0AF40102 0000\n"), netemu::Error);
    BOOST_CHECK_THROW(
        (void)parse_ipvs_templates("TCP 0AF40102 0000 0A600064 0050 0AF402Q3 1F90 NONE 1\n"),
        netemu::Error);
}

BOOST_AUTO_TEST_SUITE_END()
