#include <boost/test/unit_test.hpp>

#include "labctl/compile/bgp_speakers.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/network.h"
#include "netemu/base/error.h"
#include "netemu/model/route_protocol.h"
#include "tests/support/cluster.h"

using namespace labctl::compile;
using labctl::api::Json;
using labctl::test::Cluster;
using netemu::RouteSpec;

namespace {

struct Speakers : Cluster {
    explicit Speakers(std::size_t nodes = 3)
        : Cluster(nodes, {"10.244.0.0/16", "fd00:10:244::/56"}) {
        config.cni_profile = "calico";
        config.overlay = "none";
        config.bgp = BgpConfig{};
    }

    void reflect(const std::vector<std::string>& nodes) {
        config.bgp->topology = BgpConfig::Topology::Reflector;
        config.bgp->reflectors = nodes;
    }
    std::vector<BgpSpeaker> all(const BgpShutDowns& down = {}) {
        return bgp_speakers(store, config, down);
    }
    /// "10.244.2.0/24 via 172.18.0.3", in IPv4.
    std::vector<std::string> routes(const std::string& ns, const BgpShutDowns& down = {}) {
        std::vector<std::string> lines;
        auto expected = expected_bgp_routes(all(down));
        for (const auto& route : expected[ns]) {
            if (route.destination.address.is_v4()) {
                lines.push_back(
                    route.destination.to_string() + " via " + route.gateway->to_string());
            }
        }
        return lines;
    }
};

std::string refused_bgp(const std::string& cni) {
    auto lab = ClusterConfig::default_lab("test", 3);
    lab.body["spec"]["cni"] = Json::parse(cni);
    try {
        (void)ClusterConfig::from_lab(lab);
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
    return {};
}

using Lines = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(bgp)

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused_at_its_field) {
    const std::vector<std::pair<const char*, const char*>> cases{
        {R"({"routing":"ospf","overlay":"none"})", "spec.cni.routing: 'ospf'"},
        {R"({"routing":"bgp"})", "spec.cni.routing: bgp is for pods' packets without a tunnel"},
        {R"({"routing":"bgp","overlay":"ipip","profile":"calico","bgp":{"topology":"tor"}})",
         "'tor' has nodes send to their routers, and ipip sends past them"},
        {R"({"crossSubnet":true,"overlay":"none"})", "spec.cni.crossSubnet"},
        {R"({"routing":"bgp","overlay":"none","profile":"flannel"})", "flannel knows no BGP"},
        {R"({"overlay":"none","bgp":{}})", "spec.cni.bgp: the routes are static"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"topology":"ring"}})", "'ring'"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"asNumber":0}})", "asNumber: 0"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"asNumber":4294967295}})", "4294967295"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"reflectors":["node-1"]}})",
         "only topology: reflector has some"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"topology":"reflector","reflectors":["x"]}})",
         "there is no node 'x'"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"external":{"asNumber":64512}}})",
         "is the nodes' own"},
        {R"({"routing":"bgp","overlay":"none","bgp":{"serviceCIDR":true}})",
         "nobody outside of the cluster"},
    };
    for (const auto& [cni, words] : cases) {
        const auto said = refused_bgp(cni);
        BOOST_TEST(said.find(words) != std::string::npos, cni << " says: " << said);
    }
    BOOST_TEST(refused_bgp(R"({"routing":"bgp","overlay":"none","profile":"calico"})") == "");
    BOOST_TEST(refused_bgp(R"({"routing":"bgp","overlay":"ipip","profile":"calico"})") == "");
    BOOST_TEST(refused_bgp(R"({"routing":"bgp","encryption":"wireguard"})") == "");
    const auto spec = Json::parse(
        R"({"cni":{"routing":"bgp","overlay":"none"},"underlay":{"routers":[{"name":"r1"}]}})");
    BOOST_CHECK_THROW((void)read_bgp(spec, {{"node-1", {}, {}, {}}}, "calico"), netemu::UsageError);
    BOOST_TEST(
        refused_bgp(R"({"routing":"bgp","overlay":"none","bgp":{"topology":"tor"}})")
            .find("'tor' is for nodes behind routers, and the underlay has none") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_network_leaves_the_routes_to_bird) {
    Speakers cluster;
    const auto state = compile_network(cluster.store, cluster.config);
    for (const auto& route : state.namespaces.at("node/node-1").routes) {
        const bool by_default = route.destination.length == 0;
        const bool leads = route.destination.contains(*netemu::IpAddress::parse("10.244.2.2"));
        BOOST_TEST((by_default || !leads));
        BOOST_TEST(!route.is_blackhole());
    }
}

BOOST_AUTO_TEST_CASE(in_a_mesh_everybody_learns_from_everybody) {
    Speakers cluster;
    const auto speakers = cluster.all();
    BOOST_TEST_REQUIRE(speakers.size() == 3U);
    BOOST_TEST(speakers[0].sessions.size() == 4U); // two peers, two families
    BOOST_TEST(speakers[0].sessions[0].protocol == "Mesh_172_18_0_3");
    BOOST_TEST(speakers[0].sessions[1].protocol == "Mesh_fd00_172_18__3");
    // One end of each connects, so that two connections never collide (RFC 4271, 6.8).
    BOOST_TEST(!speakers[0].sessions[0].passive);
    BOOST_TEST(speakers[1].sessions[0].passive);
    BOOST_TEST(!speakers[1].sessions[2].passive);
    BOOST_TEST(
        cluster.routes("node/node-2") ==
            (Lines{"10.244.1.0/24 via 172.18.0.2", "10.244.3.0/24 via 172.18.0.4"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(clients_learn_through_a_reflector_and_send_past_it) {
    Speakers cluster;
    cluster.reflect({"node-2"});
    const auto speakers = cluster.all();
    BOOST_TEST(speakers[0].sessions.size() == 2U);
    BOOST_TEST(speakers[1].sessions.size() == 4U);
    BOOST_TEST(speakers[1].sessions[0].client);
    BOOST_TEST(speakers[1].sessions[0].passive);
    BOOST_TEST(!speakers[0].sessions[0].passive);
    BOOST_TEST(
        cluster.routes("node/node-1") ==
            (Lines{"10.244.2.0/24 via 172.18.0.3", "10.244.3.0/24 via 172.18.0.4"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(two_reflectors_are_peers_and_each_is_enough) {
    Speakers cluster(4);
    cluster.reflect({"node-1", "node-2"});
    BOOST_TEST(!cluster.all()[0].sessions[0].client);
    BOOST_TEST(cluster.routes("node/node-3").size() == 3U);
    BOOST_TEST(cluster.routes("node/node-3", {{"node-3", "node-1"}}).size() == 3U);
    BOOST_TEST(cluster.routes("node/node-3", {{"node-3", "node-1"}, {"node-2", "node-3"}}).empty());
}

BOOST_AUTO_TEST_CASE(a_session_that_one_end_shuts_down_brings_nothing_to_either) {
    Speakers cluster;
    const BgpShutDowns down{{"node-1", "node-2"}};
    BOOST_TEST(
        cluster.routes("node/node-1", down) == (Lines{"10.244.3.0/24 via 172.18.0.4"}),
        boost::test_tools::per_element());
    BOOST_TEST(
        cluster.routes("node/node-2", down) == (Lines{"10.244.3.0/24 via 172.18.0.4"}),
        boost::test_tools::per_element());
    BOOST_TEST(cluster.routes("node/node-3", down).size() == 2U);
    const auto text = bird_configuration(cluster.all(down)[0]);
    BOOST_TEST(text.find("  disabled;\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_outside_learns_pods_and_services_and_tells_nothing) {
    Speakers cluster;
    cluster.config.bgp->outside_as = 64513;
    cluster.config.bgp->service_cidr = true;
    const auto outside = cluster.routes("external");
    BOOST_TEST(outside.size() == 6U); // three ranges of pods, three ways to the Services
    BOOST_TEST(outside[2] == "10.96.0.0/12 via 172.18.0.4");
    BOOST_TEST(outside[3] == "10.244.1.0/24 via 172.18.0.2");
    BOOST_TEST(cluster.routes("node/node-1").size() == 2U);
    const auto text = bird_configuration(cluster.all()[0]);
    BOOST_TEST(text.find("protocol bgp Global_172_18_0_1 from session") != std::string::npos);
    BOOST_TEST(text.find("route 10.96.0.0/12 blackhole;") != std::string::npos);
    BOOST_TEST(
        bird_configuration(cluster.all()[3]).find("export where proto") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_local_service_is_announced_where_it_has_an_endpoint) {
    Speakers cluster;
    cluster.config.bgp->outside_as = 64513;
    cluster.config.bgp->load_balancer = true;
    const auto put = [&](const std::string& text) { cluster.store.put({Json::parse(text), {}}); };
    put(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"w","namespace":"x"},
      "spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","clusterIPs":["10.96.0.9"]},
      "status":{"loadBalancer":{"ingress":[{"ip":"172.18.255.200"}]}}})");
    put(R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"w-1",
      "namespace":"x","labels":{"kubernetes.io/service-name":"w"}},"endpoints":[
      {"nodeName":"node-2","conditions":{"ready":true}},
      {"nodeName":"node-3","conditions":{"ready":false}}]})");
    const auto speakers = cluster.all();
    BOOST_TEST(speakers[0].services.empty());
    BOOST_TEST_REQUIRE(speakers[1].services.size() == 1U);
    BOOST_TEST(speakers[1].services[0].to_string() == "172.18.255.200/32");
    BOOST_TEST(speakers[2].services.empty());
}

BOOST_AUTO_TEST_CASE(in_a_tunnel_next_hops_are_looked_up_in_a_table_of_their_own) {
    Speakers cluster;
    cluster.config.overlay = "ipip";
    cluster.config.bgp->outside_as = 64513;
    auto speaker = cluster.all()[0];
    BOOST_TEST(speaker.tunnel == "tunl0");
    const auto text = bird_configuration(speaker);
    for (const auto* words :
         {"ipv4 table nodes4;\nprotocol static ways4 {\n  ipv4 {\n    table nodes4;\n  };\n"
          "  route 172.18.0.3/32 via 172.18.0.3%'tunl0' onlink;\n",
          "  route fd00:172:18::3/128 via fd00:172:18::3%'eth0';\n",
          "    gateway recursive;\n    igp table nodes4;\n    import all;\n"}) {
        BOOST_TEST(text.find(words) != std::string::npos, words << " in " << text);
    }
    // What the outside says is resolved as ever.
    const auto global = text.substr(text.find("protocol bgp Global_172_18_0_1"));
    BOOST_TEST(global.substr(0, global.find("\n}\n")).find("recursive") == std::string::npos);
    auto expected = expected_bgp_routes(cluster.all());
    for (const auto& route : expected["node/node-1"]) {
        const bool v4 = route.destination.address.is_v4();
        BOOST_TEST(route.link == (v4 ? "tunl0" : "eth0"));
        BOOST_TEST(route.onlink == v4);
        BOOST_TEST(route.gateway.has_value());
    }
    BOOST_TEST(expected["node/node-1"].size() == 4U);
    for (const auto& route : expected["external"]) {
        BOOST_TEST(route.link == "eth0");
    }
    const auto state = compile_network(cluster.store, cluster.config);
    for (const auto& route : state.namespaces.at("node/node-1").routes) {
        BOOST_TEST(route.link != "tunl0");
    }
    cluster.config.cross_subnet = true; // all are on one segment
    expected = expected_bgp_routes(cluster.all());
    BOOST_TEST(expected["node/node-1"].front().link == "eth0");
}

BOOST_AUTO_TEST_CASE(with_encryption_routes_lead_to_the_device_without_a_gateway) {
    Speakers cluster;
    cluster.config.wireguard = true;
    const auto text = bird_configuration(cluster.all()[0]);
    BOOST_TEST(text.find("  route 172.18.0.3/32 via \"wireguard.cali\";\n") != std::string::npos);
    auto expected = expected_bgp_routes(cluster.all());
    BOOST_TEST(expected["node/node-2"].size() == 4U);
    for (const auto& route : expected["node/node-2"]) {
        BOOST_TEST(route.link == "wireguard.cali");
        BOOST_TEST(!route.gateway.has_value());
    }
}

BOOST_AUTO_TEST_CASE(bridged_ranges_are_announced_but_stay_out_of_the_kernel) {
    Speakers cluster;
    const auto routed = bird_configuration(cluster.all()[0]);
    BOOST_TEST(
        routed.find("export where source = RTS_BGP || proto = \"pods4\"") != std::string::npos);
    cluster.config.cni_profile = "bridge";
    const auto bridged = bird_configuration(cluster.all()[0]);
    BOOST_TEST(bridged.find("export where source = RTS_BGP;") != std::string::npos);
    BOOST_TEST(bridged.find("route 10.244.1.0/24 blackhole;") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
