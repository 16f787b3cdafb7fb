#include <boost/test/unit_test.hpp>

#include "services/nftables_mode.h"
#include "tests/unit/services_fixture.h"

/// What becomes of the first packet of a connection: the rows of reference sections 2 and 3, traced
/// through the nftables tables of node n1.
using namespace services;
using namespace services::test;

namespace {

constexpr const char* kPod = "10.0.9.9";        // a pod that is no endpoint
constexpr const char* kNode = "192.168.0.2";    // n1 itself
constexpr const char* kOutside = "203.0.113.9"; // no pod, no node
constexpr const char* kHere = "10.0.1.1";       // an endpoint on n1
constexpr const char* kThere = "10.0.2.1";      // an endpoint on n2

constexpr const char* kClusterIp = "172.30.0.41";
constexpr const char* kExternalIp = "192.0.2.11";
constexpr const char* kVip = "198.51.100.4";
constexpr std::uint16_t kNodePort = 30001;

constexpr const char* kAll = "10.0.1.1:8080, 10.0.2.1:8080";
constexpr const char* kLocal = "10.0.1.1:8080";

const SlicePort kTarget{"p80", Protocol::Tcp, 8080, ""};
const auto kOnlyLocal = TrafficPolicy::Local;

/// A Service with every kind of address.
Service everywhere() {
    auto made = service("ns/web", kClusterIp, kNodePort);
    made.external_ips = {ip(kExternalIp)};
    made.load_balancer = {{ip(kVip), IpMode::Vip}};
    return made;
}

netemu::NftTable table_of(const Service& made, std::vector<Endpoint> endpoints) {
    return nft_table({input(made, {slice("ns/web", kTarget, std::move(endpoints))})});
}

std::vector<Endpoint> both() {
    return {ready(kHere, "n1"), ready(kThere, "n2")};
}

/// The same expectation for the node port, the external IP and the VIP.
void to_externals(
    const netemu::NftTable& table,
    const char* name,
    const char* from,
    const char* output,
    bool masqueraded) {
    check_flows(
        table,
        {{name, from, kNode, kNodePort, output, masqueraded},
         {name, from, kExternalIp, 80, output, masqueraded},
         {name, from, kVip, 80, output, masqueraded}});
}

} // namespace

BOOST_AUTO_TEST_SUITE(flow)

// --- 3.1: who is masqueraded, who reaches what. One test for each column of the table.

BOOST_AUTO_TEST_CASE(cluster_ip) {
    check_flows(
        table_of(everywhere(), both()),
        {{"pod", kPod, kClusterIp, 80, kAll, false},
         {"node", kNode, kClusterIp, 80, kAll, true},
         {"outside", kOutside, kClusterIp, 80, kAll, true}});
}

BOOST_AUTO_TEST_CASE(external_addresses_with_policy_cluster) {
    const auto table = table_of(everywhere(), both());
    to_externals(table, "pod", kPod, kAll, true);
    to_externals(table, "node", kNode, kAll, true);
    to_externals(table, "outside", kOutside, kAll, true);
}

BOOST_AUTO_TEST_CASE(external_addresses_with_policy_local) {
    auto made = everywhere();
    made.external_policy = kOnlyLocal;
    const auto table = table_of(made, both());
    to_externals(table, "pod: short-circuit", kPod, kAll, false);
    to_externals(table, "node: short-circuit", kNode, kAll, true);
    to_externals(table, "outside", kOutside, kLocal, false);
}

BOOST_AUTO_TEST_CASE(cluster_ip_with_internal_policy_local) {
    auto made = everywhere();
    made.internal_policy = kOnlyLocal;
    const auto table = table_of(made, both());
    check_flows(
        table,
        {{"pod", kPod, kClusterIp, 80, kLocal, false},
         {"node", kNode, kClusterIp, 80, kLocal, true},
         {"outside", kOutside, kClusterIp, 80, kLocal, true}});
    // 2.10: it does not touch node ports, VIPs or external IPs.
    to_externals(table, "outside", kOutside, kAll, true);
}

BOOST_AUTO_TEST_CASE(a_pod_that_reaches_itself_is_masqueraded) {
    for (const auto policy : {TrafficPolicy::Cluster, kOnlyLocal}) {
        auto made = everywhere();
        made.internal_policy = made.external_policy = policy;
        const auto table = table_of(made, {ready(kHere, "n1")});
        check_flows(table, {{"hairpin", kHere, kClusterIp, 80, kLocal, true}});
        to_externals(table, "hairpin", kHere, kLocal, true);
    }
}

// 3.1: variations.
BOOST_AUTO_TEST_CASE(masquerade_all_masquerades_pods_too) {
    const auto made = everywhere();
    const auto port = input(made, {slice("ns/web", kTarget, both())});
    auto all = config();
    all.masquerade_all = true;
    auto table = nft_proxy_table(Family::V4, node(), all);
    table.parts.push_back(netemu::make_nft_part(nft_port_contents(*port, node(), all)));
    check_flows(table, {{"pod", kPod, kClusterIp, 80, kAll, true}});
}

BOOST_AUTO_TEST_CASE(without_a_local_detector_nobody_is_a_pod) {
    auto made = everywhere();
    made.external_policy = kOnlyLocal;
    const auto port = input(made, {slice("ns/web", kTarget, both())});
    auto blind = config();
    blind.cluster_cidrs.clear();
    auto table = nft_proxy_table(Family::V4, node(), blind);
    table.parts.push_back(netemu::make_nft_part(nft_port_contents(*port, node(), blind)));
    check_flows(
        table,
        {{"node", kNode, kClusterIp, 80, kAll, false},
         {"outside", kOutside, kClusterIp, 80, kAll, false},
         {"pod: no short-circuit", kPod, kVip, 80, kLocal, false}});
}

BOOST_AUTO_TEST_CASE(an_endpoint_in_the_network_of_the_node) {
    const auto table = table_of(service("ns/web", kClusterIp), {ready(kNode, "n1")});
    check_flows(
        table,
        {{"pod", kPod, kClusterIp, 80, "192.168.0.2:8080", false},
         {"the node to itself", kNode, kClusterIp, 80, "192.168.0.2:8080", true}});
}

// --- 3.3: reject or drop.

BOOST_AUTO_TEST_CASE(no_endpoint_anywhere_is_a_reject) {
    for (const auto policy : {TrafficPolicy::Cluster, kOnlyLocal}) {
        auto made = everywhere();
        made.internal_policy = made.external_policy = policy;
        for (const auto& endpoints :
             {std::vector<Endpoint>{}, std::vector{unready(kHere, "n1"), unready(kThere, "n2")}}) {
            const auto table = table_of(made, endpoints);
            for (const auto* from : {kPod, kNode, kOutside}) {
                check_flows(table, {{"cluster IP", from, kClusterIp, 80, "REJECT"}});
                to_externals(table, "external", from, "REJECT", false);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(endpoints_elsewhere_but_a_local_policy_is_a_drop) {
    auto made = everywhere();
    made.external_policy = kOnlyLocal;
    const auto outer = table_of(made, {ready(kThere, "n2")});
    to_externals(outer, "outside", kOutside, "DROP", false);
    to_externals(outer, "pod: short-circuit", kPod, "10.0.2.1:8080", false);
    to_externals(outer, "node: short-circuit", kNode, "10.0.2.1:8080", true);

    made.external_policy = TrafficPolicy::Cluster;
    made.internal_policy = kOnlyLocal;
    check_flows(
        table_of(made, {ready(kThere, "n2")}),
        {{"pod", kPod, kClusterIp, 80, "DROP"},
         {"node", kNode, kClusterIp, 80, "DROP"},
         {"outside", kOutside, kClusterIp, 80, "DROP"}});
}

// --- 3.4: undefined ports and unallocated addresses.

BOOST_AUTO_TEST_CASE(undefined_ports_and_unallocated_addresses) {
    const auto table = table_of(everywhere(), both());
    check_flows(
        table,
        {{"other port", kPod, kClusterIp, 81, "REJECT"},
         {"other port, node", kNode, kClusterIp, 81, "REJECT"},
         {"other protocol", kPod, kClusterIp, 80, "REJECT", false, Protocol::Udp},
         {"unallocated", kPod, "172.30.7.7", 80, "DROP"},
         {"no Service at all", kPod, "10.0.3.3", 80, ""},
         {"other port of an external IP", kOutside, kExternalIp, 81, ""}});
    TracePacket echo;
    echo.source = ip(kPod);
    echo.destination = ip(kClusterIp);
    echo.protocol = 1;
    const std::vector tables{&table};
    const auto outcomes = NftTracer{tables, node().addresses}.trace(echo);
    BOOST_REQUIRE(outcomes.size() == 1U);
    BOOST_TEST(outcomes[0].to_string() == "REJECT");
}

// --- 3.5: a pod on a node without endpoints.

BOOST_AUTO_TEST_CASE(both_local_without_local_endpoints_the_vip_works_and_the_cluster_ip_does_not) {
    auto made = everywhere();
    made.internal_policy = made.external_policy = kOnlyLocal;
    check_flows(
        table_of(made, {ready(kThere, "n2")}),
        {{"cluster IP", kPod, kClusterIp, 80, "DROP"},
         {"VIP", kPod, kVip, 80, "10.0.2.1:8080", false},
         {"VIP from outside", kOutside, kVip, 80, "DROP"}});
}

// --- 2.2: ports and protocols.

BOOST_AUTO_TEST_CASE(a_port_is_a_number_and_a_protocol) {
    auto made = service("ns/dns", kClusterIp);
    made.ports = {
        {"dns", Protocol::Udp, 53, 30053, ""},
        {"dns-tcp", Protocol::Tcp, 53, 30053, ""},
        {"dns-sctp", Protocol::Sctp, 53, 0, ""}};
    EndpointSlice one = slice("ns/dns", {"dns", Protocol::Udp, 5300, ""}, {ready(kHere)});
    one.ports.push_back({"dns-tcp", Protocol::Tcp, 5353, ""});
    one.ports.push_back({"dns-sctp", Protocol::Sctp, 5399, ""});
    check_flows(
        nft_table(inputs(made, {one})),
        {{"UDP", kPod, kClusterIp, 53, "10.0.1.1:5300", false, Protocol::Udp},
         {"TCP", kPod, kClusterIp, 53, "10.0.1.1:5353", false, Protocol::Tcp},
         {"SCTP", kPod, kClusterIp, 53, "10.0.1.1:5399", false, Protocol::Sctp},
         {"UDP node port", kPod, kNode, 30053, "10.0.1.1:5300", true, Protocol::Udp},
         {"TCP node port", kPod, kNode, 30053, "10.0.1.1:5353", true, Protocol::Tcp},
         {"SCTP node port", kPod, kNode, 30053, "", false, Protocol::Sctp}});
}

// 2.3: pods may give one named port different numbers.
BOOST_AUTO_TEST_CASE(a_port_may_have_other_numbers_on_other_pods) {
    const auto port = input(
        service("ns/web", kClusterIp),
        {slice("ns/web", kTarget, {ready(kHere)}),
         slice("ns/web", {"p80", Protocol::Tcp, 9090, ""}, {ready(kThere)})});
    check_flows(
        nft_table({port}), {{"pod", kPod, kClusterIp, 80, "10.0.1.1:8080, 10.0.2.1:9090", false}});
}

// --- 2.4: node ports only on the node's primary address; never on loopback.

BOOST_AUTO_TEST_CASE(node_ports_listen_on_the_primary_address_only) {
    const auto made = everywhere();
    const auto port = input(made, {slice("ns/web", kTarget, both())});
    auto two = node();
    two.addresses.push_back(ip("192.168.1.2"));
    auto table = nft_proxy_table(Family::V4, two, config());
    table.parts.push_back(netemu::make_nft_part(nft_port_contents(*port, two, config())));
    check_flows(
        table,
        {{"primary", kOutside, kNode, kNodePort, kAll, true},
         {"other", kOutside, "192.168.1.2", kNodePort, "", false},
         {"loopback", kNode, "127.0.0.1", kNodePort, "", false}});
}

// --- 2.5: source ranges.

BOOST_AUTO_TEST_CASE(source_ranges_guard_the_vips_only) {
    auto made = everywhere();
    made.source_ranges = {range("203.0.113.0/25"), range("192.168.0.0/24")};
    const auto table = table_of(made, both());
    const char* other = "198.18.0.1";
    check_flows(
        table,
        {{"inside the range", kOutside, kVip, 80, kAll, true},
         {"outside the range", other, kVip, 80, "DROP"},
         {"pods are filtered like everyone", kPod, kVip, 80, "DROP"},
         {"so are nodes, and this one is inside", kNode, kVip, 80, kAll, true},
         {"the VIP as source", kVip, kVip, 80, kAll, true},
         {"node port", other, kNode, kNodePort, kAll, true},
         {"external IP", other, kExternalIp, 80, kAll, true},
         {"cluster IP", kPod, kClusterIp, 80, kAll, false}});

    made.source_ranges = {range("203.0.113.0/25")};
    const auto without_node = table_of(made, both());
    check_flows(
        without_node,
        {{"node outside the range", kNode, kVip, 80, "DROP"},
         {"then the VIP as source does not help", kVip, kVip, 80, "DROP"}});
    // No endpoints: the ranges still come first.
    check_flows(
        table_of(made, {}),
        {{"inside the range", kOutside, kVip, 80, "REJECT"},
         {"outside the range", other, kVip, 80, "DROP"}});
}

BOOST_AUTO_TEST_CASE(a_vip_of_mode_proxy_is_left_alone) {
    auto made = everywhere();
    made.load_balancer = {{ip(kVip), IpMode::Proxy}};
    check_flows(
        table_of(made, both()),
        {{"VIP", kPod, kVip, 80, "", false},
         {"node port", kOutside, kNode, kNodePort, kAll, true}});
}

// --- 2.9: affinity.

BOOST_AUTO_TEST_CASE(a_client_stays_with_its_endpoint) {
    auto made = everywhere();
    made.client_ip_affinity = true;
    const auto table = table_of(made, both());
    const std::vector tables{&table};
    const NftTracer tracer{tables, node().addresses};
    TracePacket packet;
    packet.source = ip(kPod);
    packet.destination = ip(kClusterIp);
    packet.destination_port = 80;
    const auto first = tracer.trace(packet);
    BOOST_REQUIRE(first.size() == 2U);
    for (const auto& outcome : first) {
        const auto again = tracer.trace(packet, outcome.remembered);
        BOOST_REQUIRE(again.size() == 1U);
        BOOST_TEST(again[0].to_string() == outcome.to_string());
        BOOST_TEST((again[0].remembered == outcome.remembered)); // the clock starts again
        // The state belongs to the endpoint: the VIP of the same service port shares it.
        packet.destination = ip(kVip);
        BOOST_TEST(tracer.trace(packet, outcome.remembered)[0].to_string() == outcome.to_string());
        packet.destination = ip(kClusterIp);
    }
    packet.source = ip("10.0.9.10");
    BOOST_TEST(tracer.trace(packet, first[0].remembered).size() == 2U);
}

BOOST_AUTO_TEST_CASE(affinity_is_not_shared_by_two_ports_of_one_service) {
    auto made = service("ns/web", kClusterIp);
    made.client_ip_affinity = true;
    made.ports.push_back({"other", Protocol::Tcp, 81, 0, ""});
    auto one = slice("ns/web", kTarget, both());
    one.ports.push_back({"other", Protocol::Tcp, 8081, ""});
    const auto table = nft_table(inputs(made, {one}));
    const std::vector tables{&table};
    const NftTracer tracer{tables, node().addresses};
    TracePacket packet;
    packet.source = ip(kPod);
    packet.destination = ip(kClusterIp);
    packet.destination_port = 80;
    const auto memory = tracer.trace(packet)[0].remembered;
    packet.destination_port = 81;
    BOOST_TEST(tracer.trace(packet, memory).size() == 2U);
}

// --- 2.11: hints act on the cluster set: on external traffic and the short-circuit too.

BOOST_AUTO_TEST_CASE(hints_narrow_what_outside_and_short_circuit_reach) {
    const std::vector hinted{
        with_hints(ready(kHere, "n3", "z1"), {{"z1"}, {}}),
        with_hints(ready(kThere, "n2", "z2"), {{"z2"}, {}})};
    auto made = everywhere();
    check_flows(
        table_of(made, hinted),
        {{"pod", kPod, kClusterIp, 80, kLocal, false},
         {"outside", kOutside, kNode, kNodePort, kLocal, true}});
    made.external_policy = kOnlyLocal;
    check_flows(
        table_of(made, hinted),
        {{"short-circuit", kPod, kVip, 80, kLocal, false},
         {"outside, none on this node", kOutside, kVip, 80, "DROP"}});
    made.internal_policy = kOnlyLocal;
    auto here = hinted;
    here[1].node = "n1"; // Local sets know no hints
    check_flows(table_of(made, here), {{"local", kPod, kClusterIp, 80, "10.0.2.1:8080", false}});
}

// --- 2.14: terminating endpoints.

BOOST_AUTO_TEST_CASE(terminating_endpoints_serve_when_nothing_else_does) {
    auto made = everywhere();
    made.external_policy = kOnlyLocal;
    const auto table = table_of(made, {terminating(kHere, "n1"), ready(kThere, "n2")});
    check_flows(
        table,
        {{"local set: terminating", kOutside, kVip, 80, kLocal, false},
         {"cluster set: ready", kPod, kClusterIp, 80, "10.0.2.1:8080", false}});
    check_flows(
        table_of(made, {terminating(kHere, "n1"), terminating(kThere, "n2")}),
        {{"all are terminating", kPod, kClusterIp, 80, kAll, false}});
    auto gone = terminating(kHere, "n1");
    gone.serving = false;
    check_flows(table_of(made, {gone}), {{"not serving", kPod, kClusterIp, 80, "REJECT"}});
}

// --- 2.15: dual stack: families are separate worlds.

BOOST_AUTO_TEST_CASE(families_are_separate_worlds) {
    auto made = everywhere();
    made.cluster_ips.push_back(ip("fd00:20::41"));
    made.external_ips.push_back(ip("2001:db8:5::1"));
    const std::vector slices{
        slice("ns/web", kTarget, both()), slice("ns/web", kTarget, {ready("fd00:10::1", "n1")})};
    const auto v6 = nft_table({input(made, slices, Family::V6)}, Family::V6);
    const char* target = "[fd00:10::1]:8080";
    check_flows(
        v6,
        {{"pod", "fd00:10::99", "fd00:20::41", 80, target, false},
         {"hairpin", "fd00:10::1", "fd00:20::41", 80, target, true},
         {"node", "2001:db8::1", "fd00:20::41", 80, target, true},
         {"outside", "2001:db8:9::9", "2001:db8::1", kNodePort, target, true},
         {"external IP", "2001:db8:9::9", "2001:db8:5::1", 80, target, true},
         {"loopback", "2001:db8::1", "::1", kNodePort, "", false},
         {"undefined port", "fd00:10::99", "fd00:20::41", 81, "REJECT"},
         {"IPv4 passes by", kPod, kClusterIp, 80, "", false}});
    check_flows(
        nft_table({input(made, slices)}),
        {{"IPv4 has its own", kPod, kClusterIp, 80, kAll, false}});
}

BOOST_AUTO_TEST_SUITE_END()
