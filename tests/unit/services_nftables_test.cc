#include <set>

#include <boost/test/unit_test.hpp>

#include "netemu/model/nft_change.h"
#include "netemu/model/nft_text.h"
#include "services/decision.h"
#include "services/nftables_mode.h"
#include "services/nftables_names.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;

namespace {

/// The table in lines, one chain, set or element a line, as `nft -f` reads it.
std::string lines(const netemu::NftTable& table) {
    netemu::NftTable empty;
    empty.family = table.family;
    empty.name = table.name;
    return to_text(*netemu::nft_diff(empty, table));
}

} // namespace

BOOST_AUTO_TEST_SUITE(nftables)

// The Services of kube-proxy's TestOverallNFTablesRules, with the chains that it expects.
BOOST_AUTO_TEST_CASE(the_six_services_of_kube_proxys_own_test) {
    check_golden("services-nftables.txt", lines(nft_table(overall())));
}

BOOST_AUTO_TEST_CASE(names_are_those_of_kube_proxy) {
    BOOST_TEST(
        nft_port_chain("service-", {"ns1", "svc1", "p80", Protocol::Tcp}) ==
        "service-ULMVA6XW-ns1/svc1/tcp/p80");
    ProxyEndpoint endpoint;
    endpoint.endpoint.address = ip("10.180.0.4");
    endpoint.port = 80;
    BOOST_TEST(
        nft_endpoint_chain("endpoint-", {"ns4", "svc4", "p80", Protocol::Tcp}, endpoint) ==
        "endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80");
    endpoint.endpoint.address = ip("fd00:10::4");
    const auto six = nft_endpoint_chain("endpoint-", {"ns4", "svc4", "", Protocol::Udp}, endpoint);
    BOOST_TEST(six.substr(17) == "-ns4/svc4/udp/__fd00.10..4/80");
}

BOOST_AUTO_TEST_CASE(long_names_are_cut_and_stay_apart) {
    const ServicePortName one{std::string(63, 'n'), std::string(63, 's'), std::string(63, 'p')};
    auto two = one;
    two.port.back() = 'q';
    const auto name = nft_port_chain("firewall-", one);
    BOOST_TEST(name.size() == 127U);
    BOOST_TEST(name.substr(name.size() - 3) == "...");
    BOOST_TEST(name != nft_port_chain("firewall-", two));
    BOOST_TEST(nft_comment(one, "hairpin").size() == 120U);
}

BOOST_AUTO_TEST_CASE(every_rule_of_a_service_says_whose_it_is) {
    for (const auto& port : overall()) {
        for (const auto& chain : nft_port_contents(*port, node(), config()).chains) {
            for (const auto& rule : chain.rules) {
                BOOST_TEST(rule.comment.starts_with(port->name.to_string()), chain.name);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(what_depends_on_no_node_is_the_same_on_all) {
    for (const auto& port : overall()) {
        const auto other = ProxyNode{"n2", "z2", {ip("203.0.113.5")}};
        const bool same =
            nft_port_contents(*port, node(), config()) == nft_port_contents(*port, other, config());
        BOOST_TEST((same || rules_depend_on_node(*port)), port->name.to_string());
    }
    BOOST_TEST(rules_depend_on_node(*overall()[1]));
    BOOST_TEST(!rules_depend_on_node(*overall()[3]));
    BOOST_TEST(rules_depend_on_node(*overall()[4]));
}

BOOST_AUTO_TEST_SUITE_END()
