#include <boost/test/unit_test.hpp>

#include "services/iptables_mode.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

std::vector<IptablesFragment>
fragments(const std::vector<ServicePortInputPtr>& ports, const IptablesOptions& options = {}) {
    std::vector<IptablesFragment> made;
    made.reserve(ports.size());
    for (const auto& port : ports) {
        made.push_back(iptables_fragment(*port, node(), config(), options));
    }
    return made;
}

std::string full_sync(const std::vector<IptablesFragment>& all, Family family = Family::V4) {
    std::vector<const IptablesFragment*> pointers;
    pointers.reserve(all.size());
    for (const auto& fragment : all) {
        pointers.push_back(&fragment);
    }
    return iptables_sync({pointers, pointers, {}}, family);
}

void lacks(const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) == std::string::npos, "found: " << part << "\n in\n" << text);
}
void has(const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, "not found: " << part << "\n in\n" << text);
}

} // namespace

BOOST_AUTO_TEST_SUITE(iptables)

// The Services of kube-proxy's TestOverallIPTablesRules, with the chains that it expects.
BOOST_AUTO_TEST_CASE(the_six_services_of_kube_proxys_own_test) {
    check_golden("services-iptables.txt", full_sync(fragments(overall())));
    check_golden(
        "services-iptables-setup.txt", iptables_setup(Family::V4) + iptables_setup(Family::V6));
}

BOOST_AUTO_TEST_CASE(the_split_is_one_of_n_then_one_of_the_rest) {
    const auto port = input(
        service("ns/web", "172.30.0.1"),
        {slice(
            "ns/web",
            {"p80", Protocol::Tcp, 80, ""},
            {ready("10.0.1.1"), ready("10.0.1.2"), ready("10.0.1.3")})});
    const auto rules = iptables_fragment(*port, node(), config()).chain_rules;
    has(rules, "10.0.1.1:80\" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-");
    has(rules, "10.0.1.2:80\" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-");
    has(rules, "10.0.1.3:80\" -j KUBE-SEP-");
    lacks(iptables_fragment(*port, node(), config(), {.large_cluster = true}).chain_rules, "->");
}

BOOST_AUTO_TEST_CASE(affinity_is_looked_up_first_and_written_last) {
    const auto rules = iptables_fragment(*overall()[4], node(), config()).chain_rules;
    has(rules,
        "-A KUBE-SVC-NUKIZ6OKUXPJNT4C -m comment --comment \"ns5/svc5:p80 -> 10.180.0.3:80\" "
        "-m recent --name KUBE-SEP-I77PXRDZVX7PMWMN --rcheck --seconds 10800 --reap -j "
        "KUBE-SEP-I77PXRDZVX7PMWMN\n");
    has(rules,
        "-A KUBE-SEP-I77PXRDZVX7PMWMN -m comment --comment ns5/svc5:p80 -m recent --name "
        "KUBE-SEP-I77PXRDZVX7PMWMN --set -m tcp -p tcp -j DNAT --to-destination "
        "10.180.0.3:80\n");
}

BOOST_AUTO_TEST_CASE(local_policies_have_chains_of_their_own) {
    auto local = service("ns/web", "172.30.0.1", 30080);
    local.internal_policy = local.external_policy = TrafficPolicy::Local;
    const SlicePort port{"p80", Protocol::Tcp, 80, ""};
    const auto here = iptables_fragment(
        *input(local, {slice("ns/web", port, {ready("10.0.1.1", "n1"), ready("10.0.1.2", "n2")})}),
        node(),
        config());
    const auto hash = here.chains.at(0).substr(9);
    has(here.nat_services, "-d 172.30.0.1 --dport 80 -j KUBE-SVL-" + hash);
    has(here.chain_rules, "-A KUBE-EXT-" + hash + " -j KUBE-SVL-" + hash);
    BOOST_TEST(here.filter_external_services.empty());
    BOOST_TEST(here.chains.size() == 5U); // EXT, two SEP, SVC, SVL

    const auto elsewhere = iptables_fragment(
        *input(local, {slice("ns/web", port, {ready("10.0.1.2", "n2")})}), node(), config());
    has(elsewhere.filter_services,
        "has no local endpoints\" -m tcp -p tcp -d 172.30.0.1 --dport 80 "
        "-j DROP");
    has(elsewhere.filter_external_services,
        "-m addrtype --dst-type LOCAL -m tcp -p tcp --dport "
        "30080 -j DROP");
    lacks(elsewhere.chain_rules, "-j KUBE-SVL-");
}

BOOST_AUTO_TEST_CASE(ipv6_writes_addresses_in_brackets_and_spares_loopback) {
    auto v6 = service("ns/web", "fd00:20::1", 30080);
    v6.ports[0].protocol = Protocol::Udp;
    const auto all = fragments({input(
        v6, {slice("ns/web", {"p80", Protocol::Udp, 53, ""}, {ready("fd00:10::5")})}, Family::V6)});
    const auto text = full_sync(all, Family::V6);
    has(text, "-m udp -p udp -j DNAT --to-destination [fd00:10::5]:53\n");
    has(text, "! -s fd00:10::/64 -j KUBE-MARK-MASQ\n");
    has(text, "-m addrtype --dst-type LOCAL ! -d ::1/128 -j KUBE-NODEPORTS\n");
    lacks(text, "127.0.0.0/8");
}

BOOST_AUTO_TEST_CASE(a_partial_sync_writes_the_chains_of_what_changed) {
    const auto all = fragments(overall());
    std::vector<const IptablesFragment*> pointers;
    pointers.reserve(all.size());
    for (const auto& fragment : all) {
        pointers.push_back(&fragment);
    }
    const std::vector<std::string> stale{"KUBE-SEP-AAAAAAAAAAAAAAAA"};
    const auto text =
        iptables_sync({pointers, std::span{pointers}.subspan(0, 1), stale}, Family::V4);
    has(text, ":KUBE-SVC-XPGD46QRK7WJZT7O - [0:0]\n");
    lacks(text, ":KUBE-SVC-4SW47YFZTEDKD3PK");
    has(text, "-j KUBE-SVC-4SW47YFZTEDKD3PK\n"); // the dispatch is whole
    has(text, ":KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n");
    has(text, "-X KUBE-SEP-AAAAAAAAAAAAAAAA\nCOMMIT\n");
}

BOOST_AUTO_TEST_SUITE_END()
