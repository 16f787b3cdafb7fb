#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "services/iptables_mode.h"
#include "services/iptables_tracer.h"
#include "services/userspace_mode.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

/// What kube-proxy's iptables mode loads into an empty namespace.
std::string restored(const std::vector<ServicePortInputPtr>& ports) {
    std::vector<IptablesFragment> fragments;
    fragments.reserve(ports.size());
    for (const auto& port : ports) {
        fragments.push_back(iptables_fragment(*port, node(), config()));
    }
    std::vector<const IptablesFragment*> all;
    all.reserve(fragments.size());
    for (const auto& fragment : fragments) {
        all.push_back(&fragment);
    }
    return iptables_setup(Family::V4) + iptables_sync({all, all, {}}, Family::V4);
}

TracePacket packet_of(const char* from, const char* to, std::uint16_t port) {
    TracePacket packet;
    packet.source = ip(from);
    packet.destination = ip(to);
    packet.destination_port = port;
    packet.from_node = packet.source == node().addresses.front();
    return packet;
}

/// "0.5 10.180.0.4:80 masqueraded; ..." sorted: the two modes choose in another order.
std::string told(const std::vector<TraceOutcome>& outcomes) {
    std::vector<std::string> parts;
    parts.reserve(outcomes.size());
    for (const auto& outcome : outcomes) {
        parts.push_back(
            std::to_string(outcome.probability) + " " + outcome.to_string() +
            (outcome.masqueraded ? " masqueraded" : ""));
    }
    std::sort(parts.begin(), parts.end());
    std::string text;
    for (const auto& part : parts) {
        text += part + "; ";
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(iptables_tracer)

BOOST_AUTO_TEST_CASE(rules_are_read_as_iptables_save_prints_them) {
    const auto rules = parse_iptables_save(
        "# Generated\n*nat\n:PREROUTING ACCEPT [1:2]\n:KUBE-A - [0:0]\n"
        "[12:720] -A KUBE-A ! -s 10.0.0.0/8 -d 10.96.0.1/32 -p tcp -m comment --comment "
        "\"x y \\\" z\" -m tcp --dport 80 -j MARK --set-xmark 0x4000/0x4000\n"
        "[3:180] -A KUBE-A -m statistic --mode random --probability 0.33333333349 -j KUBE-B\n"
        "-A KUBE-A -m mark ! --mark 0x4000/0x4000 -j RETURN\n"
        "-A KUBE-A -m quota --quota 3 -j DROP\nCOMMIT\n");
    const auto& chain = rules.at("nat").at("KUBE-A");
    BOOST_REQUIRE(chain.size() == 4U);
    const auto& first = chain[0];
    BOOST_TEST(first.packets == 12U);
    BOOST_TEST(first.bytes == 720U);
    BOOST_TEST(first.comment == "x y \" z");
    BOOST_TEST(first.source->negated);
    BOOST_TEST(first.source->value.to_string() == "10.0.0.0/8");
    BOOST_TEST(!first.destination->negated);
    BOOST_TEST(first.destination_port->value == 80U);
    BOOST_TEST(first.target == "MARK");
    BOOST_TEST(first.mark_value == 0x4000U);
    BOOST_TEST(first.text.starts_with("! -s 10.0.0.0/8"));
    BOOST_TEST(chain[1].probability.value() == 0.33333333349);
    BOOST_TEST(chain[1].target == "KUBE-B");
    BOOST_TEST(chain[2].mark->negated);
    BOOST_TEST(chain[3].unknown);
    BOOST_TEST(rules.at("nat").at("PREROUTING").empty());
}

BOOST_AUTO_TEST_CASE(both_modes_send_the_same_packets_to_the_same_places) {
    const auto ports = overall();
    const auto table = nft_table(ports);
    const std::vector<const netemu::NftTable*> tables{&table};
    const NftTracer nft(tables, node().addresses);
    const IptablesTracer tracer(restored(ports), node().addresses);
    std::size_t compared = 0;
    for (const auto* source : {"10.0.9.9", "192.168.0.2", "198.51.100.9"}) {
        for (const auto& port : ports) {
            std::vector<std::pair<IpAddress, std::uint16_t>> targets{
                {port->cluster_ip, port->port}};
            for (const auto& address : port->external_ips) {
                targets.emplace_back(address, port->port);
            }
            for (const auto& address : port->vips) {
                targets.emplace_back(address, port->port);
            }
            if (port->node_port != 0) {
                targets.emplace_back(node().addresses.front(), port->node_port);
            }
            for (const auto& [address, number] : targets) {
                auto packet = packet_of(source, address.to_string().c_str(), number);
                packet.protocol = protocol_number(port->name.protocol);
                BOOST_TEST(
                    told(tracer.trace(packet)) == told(nft.trace(packet)),
                    port->name.to_string()
                        << " at " << address.to_string() << ":" << number << " from " << source);
                ++compared;
            }
        }
    }
    BOOST_TEST(compared > 20U);
}

BOOST_AUTO_TEST_CASE(a_choice_is_told_with_its_chains) {
    const auto ports = overall();
    const IptablesTracer tracer(restored(ports), node().addresses);
    const auto outcomes = tracer.trace(packet_of("10.0.9.9", "172.30.0.44", 80));
    BOOST_REQUIRE(outcomes.size() == 2U);
    const auto& steps = outcomes[0].steps;
    std::string chains;
    for (const auto& step : steps) {
        chains += step.what + " " + step.chain.substr(0, 9) + "; ";
        BOOST_TEST(tracer.find(step.table, step.chain, step.rule) != nullptr);
    }
    BOOST_TEST(
        chains.starts_with(
            "jump PREROUTIN; jump KUBE-SERV; random choice KUBE-SVC-; destination NAT KUBE-SEP-"),
        chains);
}

BOOST_AUTO_TEST_CASE(portals_lead_to_the_proxy) {
    const auto web = overall()[2];
    const std::vector<UserspacePort> ports{{web.get(), 20000}};
    const IptablesTracer tracer(
        userspace_setup() + userspace_sync(ports, ip("192.168.0.2")), node().addresses);
    for (const auto* from : {"10.0.9.9", "192.168.0.2", "198.51.100.9"}) {
        for (const auto& packet :
             {packet_of(from, "172.30.0.43", 80), packet_of(from, "192.168.0.2", 3003)}) {
            const auto outcomes = tracer.trace(packet);
            BOOST_REQUIRE(outcomes.size() == 1U);
            BOOST_TEST(outcomes[0].to_string() == "192.168.0.2:20000");
            BOOST_TEST(outcomes[0].delivered_here);
        }
    }
    BOOST_TEST(tracer.trace(packet_of("10.0.9.9", "172.30.0.43", 81))[0].to_string().empty());
}

BOOST_AUTO_TEST_CASE(a_circle_is_an_error) {
    const IptablesTracer tracer("*nat\n-A PREROUTING -j A\n-A A -j A\nCOMMIT\n", {});
    BOOST_CHECK_THROW((void)tracer.trace(packet_of("10.0.0.1", "10.0.0.2", 1)), netemu::Error);
}

BOOST_AUTO_TEST_SUITE_END()
