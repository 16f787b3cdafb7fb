#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/proxies.h"
#include "labctl/supervisor/drop_fronts.h"
#include "labctl/supervisor/drop_log.h"
#include "labctl/supervisor/drop_story.h"

using namespace labctl;
using namespace labctl::supervisor;

namespace {

DroppedPacket packet_of(std::uint8_t protocol, const char* from, const char* to) {
    DroppedPacket dropped;
    dropped.id = 7;
    dropped.node = "node-2";
    dropped.packet.protocol = protocol;
    dropped.packet.prefix = "by hand";
    dropped.packet.source = netemu::Endpoint::parse(from).value();
    dropped.packet.destination = netemu::Endpoint::parse(to).value();
    return dropped;
}

} // namespace

BOOST_AUTO_TEST_SUITE(supervisor_drops)

BOOST_AUTO_TEST_CASE(only_a_first_packet_can_end_a_probe) {
    auto tcp = packet_of(IPPROTO_TCP, "10.1.0.2:40000", "10.1.0.3:80");
    for (const auto& [flags, wanted] : std::vector<std::pair<int, bool>>{
             {0x02, true},
             {0xc2, true},
             {0x12, false},
             {0x10, false},
             {0x14, false},
             {0x04, false}}) {
        tcp.packet.tcp_flags = static_cast<std::uint8_t>(flags);
        BOOST_TEST(notice_of(tcp).has_value() == wanted, flags);
    }
    const auto udp = notice_of(packet_of(IPPROTO_UDP, "[fd00::2]:40000", "[fd00::3]:53"));
    BOOST_REQUIRE(udp.has_value());
    BOOST_TEST(udp->id == 7U);
    BOOST_TEST(udp->mark.source.to_string() == "[fd00::2]:40000");
    auto icmp = packet_of(IPPROTO_ICMP, "10.1.0.2:0", "10.1.0.3:0");
    icmp.packet.echo_id = 5;
    icmp.packet.echo_sequence = 6;
    BOOST_TEST(!notice_of(icmp).has_value()); // an echo reply
    icmp.packet.icmp_type = 8;
    const auto echo = notice_of(icmp);
    BOOST_REQUIRE(echo.has_value());
    BOOST_TEST(echo->mark.source.port == 5);
    BOOST_TEST(echo->mark.sequence == 6);
    BOOST_TEST(!notice_of(packet_of(IPPROTO_SCTP, "10.1.0.2:1", "10.1.0.3:2")).has_value());
}

BOOST_AUTO_TEST_CASE(a_story_names_both_ends_and_the_rule) {
    store::Store store;
    const auto config =
        compile::ClusterConfig::from_lab(compile::ClusterConfig::default_lab("test", 1));
    store.put(api::Object{
        {{"kind", "Node"},
         {"apiVersion", "v1"},
         {"metadata", {{"name", "node-1"}}},
         {"spec", {{"podCIDRs", {"10.244.1.0/24"}}}},
         {"status", {{"addresses", {{{"type", "InternalIP"}, {"address", "172.18.0.2"}}}}}}},
        {}});
    store.put(api::Object{
        {{"kind", "Pod"},
         {"apiVersion", "v1"},
         {"metadata", {{"name", "web"}, {"namespace", "prod"}}},
         {"status", {{"podIPs", {{{"ip", "10.1.0.3"}}}}}}},
        {}});
    DropStory story(store, config);
    const auto dropped = packet_of(IPPROTO_TCP, "172.18.0.1:40000", "10.1.0.3:80");
    auto told = story.to_json(dropped);
    BOOST_TEST(told.at("from") == "external");
    BOOST_TEST(told.at("to") == "prod/web");
    BOOST_TEST(told.at("service") == "TCP 80");
    BOOST_TEST(told.at("drop").at("text") == "dropped on node-2 by the rule that logs 'by hand'");
    BOOST_TEST(told.at("drop").at("by").is_null());
    BOOST_TEST(told.at("drop").at("destination") == "10.1.0.3:80");
    story.set_naming([](const DroppedPacket&, probe::Drop& drop) {
        drop.by = "networkpolicy/prod/web";
        drop.text = "NetworkPolicy prod/web: no rule allows it";
    });
    BOOST_TEST(
        story.drop_of(dropped).text ==
        "dropped on node-2 by NetworkPolicy prod/web: no rule allows it");
    // The node's own devices among the pods are the node: what it masquerades comes from there.
    for (const auto* address : {"172.18.0.2", "10.244.1.0", "10.244.1.1"}) {
        BOOST_TEST(story.who(*netemu::IpAddress::parse(address)) == "node/node-1", address);
    }
    store.remove({"Pod", "prod", "web"}); // the address is nobody's any more
    BOOST_TEST(story.who(*netemu::IpAddress::parse("10.1.0.3")) == "10.1.0.3");
}

BOOST_AUTO_TEST_CASE(
    what_leads_to_an_endpoint_is_every_address_of_its_services_and_its_host_ports) {
    const auto config =
        compile::ClusterConfig::from_lab(compile::ClusterConfig::default_lab("test", 1));
    store::Store store;
    compile::Proxies proxies(store, config);
    DropFronts fronts(store);
    const auto put = [&store](const char* text) {
        store.put(api::Object{api::Json::parse(text), {}});
    };
    const auto led = [&](std::uint8_t protocol, const char* to) {
        std::string text;
        for (const auto& front :
             fronts.of(protocol, netemu::Endpoint::parse(to).value(), proxies)) {
            text += front.to_string() + " ";
        }
        return text;
    };
    BOOST_TEST(led(IPPROTO_TCP, "10.244.1.5:8080") == "");
    put(R"({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "x"},
        "spec": {"type": "NodePort", "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"],
                 "externalIPs": ["192.0.2.9"], "ipFamilies": ["IPv4"],
                 "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]}})");
    put(R"({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "IPv4",
        "metadata": {"name": "web-1", "namespace": "x",
                     "labels": {"kubernetes.io/service-name": "web"}},
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.244.1.5"], "conditions": {"ready": true}}]})");
    (void)proxies.update();
    fronts.forget();
    BOOST_TEST(led(IPPROTO_TCP, "10.244.1.5:8080") == "10.96.0.7:80 192.0.2.9:80 0.0.0.0:30080 ");
    BOOST_TEST(led(IPPROTO_UDP, "10.244.1.5:8080") == "");
    BOOST_TEST(led(IPPROTO_TCP, "10.244.1.5:80") == "");
    put(R"({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "namespace": "x"},
        "spec": {"containers": [{"ports": [{"containerPort": 53, "hostPort": 5353,
                                            "protocol": "UDP"}]}]},
        "status": {"podIPs": [{"ip": "10.244.1.6"}]}})");
    BOOST_TEST(led(IPPROTO_UDP, "10.244.1.6:53") == "0.0.0.0:5353 ");
    store.remove({"Service", "x", "web"});
    (void)proxies.update();
    fronts.forget();
    BOOST_TEST(led(IPPROTO_TCP, "10.244.1.5:8080") == "");
}

BOOST_AUTO_TEST_SUITE_END()
