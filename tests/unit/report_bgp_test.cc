#include <boost/test/unit_test.hpp>

#include "labctl/report/bgp_table.h"

using labctl::api::Json;
using namespace labctl::report;

namespace {

const Json kBgp = Json::parse(R"({
  "sessions": [
    {"node": "node-1", "protocol": "Mesh_172_18_0_3", "peer": "node-2", "peerAddress": "172.18.0.3", "asNumber": 64512,
     "state": "Established", "ageSeconds": 12, "received": 1, "sent": 2},
    {"node": "node-2", "protocol": "Mesh_172_18_0_2", "peer": "node-1", "peerAddress": "172.18.0.2", "asNumber": 64512,
     "state": "Down", "ageSeconds": 3, "received": 0, "sent": 0, "lastError": "Received: Administrative shutdown"}],
  "routes": [
    {"node": "node-1", "destination": "10.244.1.0/24", "type": "blackhole", "gateways": [], "interface": "",
     "protocol": "pods4", "origin": "static", "best": true},
    {"node": "node-1", "destination": "10.244.2.0/24", "type": "unicast", "gateways": ["172.18.0.3"],
     "interface": "eth0", "protocol": "Mesh_172_18_0_3", "origin": "BGP", "best": true, "from": "node-2", "asPath": ""}],
  "errors": {"node-3": "BIRD does not answer"}})");

} // namespace

BOOST_AUTO_TEST_SUITE(bgp_tables)

BOOST_AUTO_TEST_CASE(sessions_and_routes_of_all_and_of_one) {
    const auto all = bgp_table(kBgp, "");
    BOOST_TEST(all.find("Down (Received: Administrative shutdown)") != std::string::npos);
    BOOST_TEST(all.find("node-3: BIRD does not answer") != std::string::npos);
    BOOST_TEST(
        bgp_table(kBgp, "node-1") ==
        "NODE     PEER     ADDRESS      AS      STATE         SINCE   RECEIVED   SENT   PROTOCOL\n"
        "node-1   node-2   172.18.0.3   64512   Established   12s     1          2      "
        "Mesh_172_18_0_3\n"
        "\n"
        "NODE     DESTINATION     VIA          INTERFACE   FROM     AS-PATH   BEST\n"
        "node-1   10.244.1.0/24   blackhole    -           itself   -         *\n"
        "node-1   10.244.2.0/24   172.18.0.3   eth0        node-2   -         *\n");
}

BOOST_AUTO_TEST_CASE(a_node_without_sessions_is_described_by_nothing) {
    BOOST_TEST(describe_bgp(kBgp, "node-9") == "");
    BOOST_TEST(describe_bgp(kBgp, "node-2").find("BGP sessions:\n  NODE") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
