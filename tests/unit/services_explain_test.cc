#include <boost/test/unit_test.hpp>

#include "services/explain.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

struct Explained {
    std::vector<ServicePortInputPtr> ports = overall();
    netemu::NftTable table = nft_table(ports);
    std::vector<const netemu::NftTable*> tables{&table};
    NftTracer tracer{tables, node().addresses};

    Explanation explain(const char* from, const char* to, std::uint16_t port) {
        TracePacket packet;
        packet.source = ip(from);
        packet.destination = ip(to);
        packet.destination_port = port;
        std::vector<ServicePortUpdate> updates;
        for (const auto& one : ports) {
            updates.push_back({one->name, one});
        }
        return explain_connection(
            tracer, packet, find_service_port(updates, packet, node()), node());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(explain, Explained)

BOOST_AUTO_TEST_CASE(from_the_address_to_the_pod) {
    const auto made = explain("10.0.9.9", "172.30.0.44", 80);
    BOOST_TEST(made.service == "ns4/svc4:p80");
    BOOST_TEST(made.summary == "ns4/svc4:p80: one of 2 endpoints");
    BOOST_REQUIRE(made.common.size() >= 3U);
    BOOST_TEST(made.common[1].what == "jump");
    BOOST_TEST(made.common[2].what == "map lookup");
    BOOST_TEST(made.common[2].where == "ip kube-proxy services");
    BOOST_TEST(made.common[2].rule == "ip daddr . meta l4proto . th dport vmap @service-ips");
    BOOST_TEST(
        made.common[2].detail ==
        "service-ips { 172.30.0.44 . tcp . 80 comment \"ns4/svc4:p80\" : goto "
        "service-LAUZTJTB-ns4/svc4/tcp/p80 }");
    BOOST_REQUIRE(made.branches.size() == 2U);
    const auto& second = made.branches[1];
    BOOST_TEST(second.probability == 0.5);
    BOOST_TEST(second.result == "10.180.0.5:80");
    BOOST_TEST(second.pod == "pods/pod-10.180.0.5");
    BOOST_TEST(second.node == "n1");
    BOOST_TEST(second.steps.front().what == "random choice 2 of 2");
    BOOST_TEST(second.steps.front().comment == "ns4/svc4:p80");
    BOOST_TEST(second.steps.back().what == "endpoint");
}

BOOST_AUTO_TEST_CASE(no_answer_has_a_reason) {
    BOOST_TEST(
        explain("10.0.9.9", "172.30.0.46", 80).summary ==
        "ns6/svc6:p80 rejects it: there is no ready endpoint");
    BOOST_TEST(
        explain("203.0.113.9", "1.2.3.4", 80).summary ==
        "ns2/svc2:p80 drops it: no endpoint may be used on this node");
    BOOST_TEST(
        explain("203.0.113.200", "5.6.7.8", 80).summary ==
        "ns5/svc5:p80 drops it: the source is not in loadBalancerSourceRanges");
    BOOST_TEST(
        explain("10.0.9.9", "172.30.0.44", 99).summary ==
        "no Service rejects it: the address belongs to Services");
    BOOST_TEST(
        explain("10.0.9.9", "10.0.8.8", 80).summary ==
        "no Service: the packet goes on to where it was sent");
}

BOOST_AUTO_TEST_CASE(node_ports_are_found_on_the_primary_address) {
    const auto made = explain("203.0.113.9", "192.168.0.2", 3003);
    BOOST_TEST(made.summary == "ns3/svc3:p80: 10.180.0.3:80");
}

BOOST_AUTO_TEST_SUITE_END()
