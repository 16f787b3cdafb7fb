#include <array>

#include <boost/test/unit_test.hpp>

#include "netemu/model/nft_text.h"
#include "services/ipvs_rules.h"
#include "services/tracer.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

netemu::NftTable ipvs_of(const IpvsState& state) {
    return ipvs_table(state, Family::V4, config());
}

/// What the rules say of a packet to an address that the node has: the verdict, and whether it is
/// marked for masquerading.
std::string fate(
    const IpvsState& state,
    const char* source,
    const char* to,
    std::uint16_t port,
    std::uint8_t protocol = protocol_number(Protocol::Tcp)) {
    const auto table = ipvs_of(state);
    auto local = node().addresses;
    local.insert(local.end(), state.addresses.begin(), state.addresses.end());
    const std::array<const netemu::NftTable*, 1> tables{&table};
    const NftTracer tracer(tables, local);
    TracePacket packet;
    packet.source = ip(source);
    packet.destination = ip(to);
    packet.destination_port = port;
    packet.protocol = protocol;
    const auto outcome = tracer.trace(packet).at(0);
    std::string text = outcome.verdict == TraceVerdict::Drop     ? "drop"
                       : outcome.verdict == TraceVerdict::Reject ? "reject"
                                                                 : "serve";
    for (const auto& step : outcome.steps) {
        text += step.chain == "KUBE-MARK-MASQ" ? " masqueraded" : "";
    }
    return text;
}

constexpr const char* kClientPod = "10.0.0.9";
constexpr const char* kFarClient = "203.0.113.9";

} // namespace

BOOST_AUTO_TEST_SUITE(ipvs_rules)

BOOST_AUTO_TEST_CASE(the_number_of_rules_does_not_grow_with_the_services) {
    const auto none = netemu::nft_counts(ipvs_of({}));
    auto state = ipvs_state(overall(), node());
    std::erase_if(state.entries, [](const auto& entry) {
        return entry.set == "KUBE-LOAD-BALANCER-SOURCE-CIDR";
    });
    const auto all = netemu::nft_counts(ipvs_of(state));
    BOOST_TEST(all.rules == none.rules);
    BOOST_TEST(all.chains == none.chains);
    BOOST_TEST(none.elements == 0U);
    BOOST_TEST(all.elements == state.entries.size());
}

BOOST_AUTO_TEST_CASE(entries_are_written_as_ipset_writes_them) {
    const auto text = netemu::to_text(ipvs_of(ipvs_state(overall(), node())));
    const std::string cluster_ip = "ip daddr . meta l4proto . th dport @KUBE-CLUSTER-IP";
    const auto masquerade = cluster_ip + " ip saddr != 10.0.0.0/8 jump KUBE-MARK-MASQ";
    for (const auto* part :
         {"172.30.0.41 . tcp . 80",
          "10.180.0.5 . tcp . 80 . 10.180.0.5",
          "comment \"Kubernetes service cluster ip + port for masquerade purpose\"",
          masquerade.c_str(),
          "ip daddr . meta l4proto . th dport . ip saddr @KUBE-LOOP-BACK masquerade",
          "meta l4proto tcp th dport @KUBE-NODE-PORT-LOCAL-TCP return"}) {
        BOOST_TEST(text.find(part) != std::string::npos, part << " in\n" << text);
    }
}

// Reference 3.1: who is masqueraded. 172.30.0.41 is a cluster IP.
BOOST_AUTO_TEST_CASE(who_is_masqueraded) {
    const auto state = ipvs_state(overall(), node());
    BOOST_TEST(fate(state, kClientPod, "172.30.0.41", 80) == "serve");
    BOOST_TEST(fate(state, kFarClient, "172.30.0.41", 80) == "serve masqueraded");
    BOOST_TEST(fate(state, kFarClient, "192.168.0.2", 3003) == "serve masqueraded");
    BOOST_TEST(fate(state, kFarClient, "192.168.0.2", 3001) == "serve"); // policy Local
    BOOST_TEST(fate(state, kClientPod, "192.168.99.33", 80) == "serve masqueraded");
    BOOST_TEST(fate(state, kFarClient, "1.2.3.4", 80) == "serve"); // policy Local
}

// Reference 2.5: 5.6.7.8 has the source range 203.0.113.0/25.
BOOST_AUTO_TEST_CASE(source_ranges_drop_the_others) {
    const auto state = ipvs_state(overall(), node());
    BOOST_TEST(fate(state, kFarClient, "5.6.7.8", 80) == "serve masqueraded");
    BOOST_TEST(fate(state, "203.0.113.200", "5.6.7.8", 80) == "drop masqueraded");
}

// Reference 3.4 and k/k#72236.
BOOST_AUTO_TEST_CASE(other_ports_of_a_service_address_are_closed_but_it_answers_a_ping) {
    constexpr std::uint8_t kIcmp = 1;
    const auto state = ipvs_state(overall(), node());
    BOOST_TEST(fate(state, kClientPod, "172.30.0.41", 81) == "reject");
    BOOST_TEST(fate(state, kClientPod, "172.30.0.41", 0, kIcmp) == "serve");
    BOOST_TEST(fate(state, kClientPod, "192.168.0.2", 22) == "serve");    // the node's own
    BOOST_TEST(fate(state, kFarClient, "172.30.0.45", 30000) == "serve"); // a health check's port
}

BOOST_AUTO_TEST_CASE(virtual_servers_are_sorted_values_of_the_kernel) {
    const auto servers = ipvs_servers(ipvs_state(overall(), node(), "lc"));
    BOOST_TEST(std::is_sorted(servers.begin(), servers.end()));
    BOOST_TEST(servers.size() == 13U);
    BOOST_TEST(servers.front().scheduler == "lc");
    BOOST_TEST(servers.front().key.to_string() == "-t 1.2.3.4:80");
}

BOOST_AUTO_TEST_SUITE_END()
