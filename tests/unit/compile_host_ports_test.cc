#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/host_ports.h"
#include "labctl/compile/network.h"
#include "netemu/model/nft_text.h"
#include "tests/unit/compile_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;

namespace {

struct HostPortLab {
    HostPortLab() : cluster(store, config_of(2)) {
        cluster.bootstrap();
        cluster.reconcile();
    }

    void apply(const std::string& json) {
        cluster.apply_object(object_of(json));
        cluster.reconcile();
    }
    /// The table as nft shows it; "": there is none.
    std::string table(const std::string& node) {
        const auto network = compile_network(store, cluster.config());
        for (const auto& each : network.namespaces.at(node_namespace(node)).tables) {
            if (each.name == "cni_hostport") {
                return netemu::to_text(each);
            }
        }
        return {};
    }

    store::Store store;
    Cluster cluster;
};

std::string pod_with(const std::string& ports, const std::string& more = "") {
    return R"({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"},
              "spec": {"nodeName": "node-2", )" +
           more + R"("containers": [{"name": "c", "image": "i", "ports": )" + ports + "}]}}";
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(host_ports)

BOOST_AUTO_TEST_CASE(of_all_containers_that_run) {
    const auto pod = object_of(pod_with(
        R"([{"containerPort": 80, "hostPort": 8080},
            {"containerPort": 53, "hostPort": 5353, "protocol": "UDP", "hostIP": "172.18.0.3"},
            {"containerPort": 81, "hostPort": 8081, "hostIP": "0.0.0.0"},
            {"containerPort": 82}])",
        R"("initContainers": [
            {"name": "agent", "restartPolicy": "Always", "ports": [{"containerPort": 9100, "hostPort": 9100}]},
            {"name": "setup", "ports": [{"containerPort": 1, "hostPort": 1}]}], )"));
    const auto mappings = host_port_mappings(pod.body);
    const std::vector<HostPortMapping> wanted{
        {6, 8080, 80},
        {17, 5353, 53, netemu::IpAddress::parse("172.18.0.3")},
        {6, 8081, 81, netemu::IpAddress::parse("0.0.0.0")},
        {6, 9100, 9100}};
    BOOST_TEST((mappings == wanted));
}

BOOST_AUTO_TEST_CASE(rules_are_on_the_pods_own_node) {
    HostPortLab lab;
    BOOST_TEST(lab.table("node-2").empty());
    lab.apply(pod_with(
        R"([{"containerPort": 80, "hostPort": 8080},
            {"containerPort": 53, "hostPort": 5353, "protocol": "UDP", "hostIP": "172.18.0.3"}])"));
    BOOST_TEST(lab.table("node-1").empty());
    const auto text = lab.table("node-2");
    BOOST_TEST(has(text, "chain prerouting { type nat hook prerouting priority -100;"), text);
    BOOST_TEST(has(text, "fib daddr type local ip daddr != 127.0.0.0/8 jump hostports_all"), text);
    BOOST_TEST(has(text, "dnat to 10.244.2."), text);
    BOOST_TEST(has(text, "ip daddr 172.18.0.3"), text);
    BOOST_TEST(has(text, "masquerade"), text);
    BOOST_TEST(has(text, "comment \"default/web\""), text);
    lab.cluster.delete_object({"Pod", "default", "web"}, Propagation::Background, 0);
    lab.cluster.reconcile();
    BOOST_TEST(lab.table("node-2").empty());
}

BOOST_AUTO_TEST_CASE(unspecified_addresses_are_any_of_their_family) {
    store::Store store;
    Cluster cluster(store, config_of(2, "10.244.0.0/16,fd00:10:244::/56"));
    cluster.bootstrap();
    cluster.reconcile();
    cluster.apply_object(object_of(pod_with(
        R"([{"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8081, "hostIP": "0.0.0.0"},
            {"containerPort": 80, "hostPort": 8082, "hostIP": "::"}])")));
    cluster.reconcile();
    const auto network = compile_network(store, cluster.config());
    std::map<netemu::NftFamily, std::string> text;
    for (const auto& each : network.namespaces.at(node_namespace("node-2")).tables) {
        if (each.name == kHostPortTable) {
            text[each.family] = netemu::to_text(each);
        }
    }
    const auto& v4 = text[netemu::NftFamily::Ip];
    const auto& v6 = text[netemu::NftFamily::Ip6];
    BOOST_TEST((has(v4, "8080") && has(v4, "8081") && !has(v4, "8082")), v4);
    BOOST_TEST((has(v6, "8080") && !has(v6, "8081") && has(v6, "8082")), v6);
    BOOST_TEST(!has(v4, "0.0.0.0"), v4);

    const auto four = *netemu::IpAddress::parse("172.18.0.3");
    const auto six = *netemu::IpAddress::parse("fd00::3");
    const auto leads = [&](const char* host_ip) {
        const HostPortMapping mapping{6, 1, 1, netemu::IpAddress::parse(host_ip)};
        return std::pair(mapping.leads_from(four), mapping.leads_from(six));
    };
    BOOST_TEST((leads("") == std::pair(true, true)));
    BOOST_TEST((leads("0.0.0.0") == std::pair(true, false)));
    BOOST_TEST((leads("::") == std::pair(false, true)));
    BOOST_TEST((leads("172.18.0.3") == std::pair(true, false)));
    BOOST_TEST((leads("172.18.0.4") == std::pair(false, false)));
}

BOOST_AUTO_TEST_CASE(udp_clients_of_a_pod_that_is_gone_are_forgotten) {
    HostPortLab lab;
    lab.apply(pod_with(
        R"([{"containerPort": 53, "hostPort": 5353, "protocol": "UDP"}, {"containerPort": 80, "hostPort": 8080}])"));
    const auto network = compile_network(lab.store, lab.cluster.config());
    const auto& tables = network.namespaces.at(node_namespace("node-2")).tables;
    const auto table = std::find_if(
        tables.begin(), tables.end(), [](const auto& each) { return each.name == kHostPortTable; });
    BOOST_TEST_REQUIRE((table != tables.end()));
    const auto pod = api::string_at(lab.store.get({"Pod", "default", "web"})->body, "status.podIP");
    const auto end = [](const std::string& ip, std::uint16_t port) {
        return netemu::Endpoint{*netemu::IpAddress::parse(ip), port};
    };
    const auto client = end("172.18.0.1", 5555);
    const auto node = end("172.18.0.3", 5353);
    const netemu::Connection right{17, client, node, end(pod, 53), client};
    const netemu::Connection gone{17, client, node, end("10.244.2.250", 53), client};
    const netemu::Connection unanswered{17, client, node, node, client}; // while there was no pod
    const netemu::Connection service{
        17, client, end("10.96.0.9", 5353), end("10.244.1.9", 9), client};
    const netemu::Connection other{
        17, client, end("172.18.0.3", 53), end("10.244.1.9", 53), client};
    const netemu::Connection tcp{
        6, client, end("172.18.0.3", 8080), end("10.244.2.250", 80), client};
    const std::vector<netemu::IpAddress> own{node.address};
    const auto stale = stale_host_port_connections(
        *table, own, std::vector{right, gone, unanswered, service, other, tcp});
    BOOST_TEST((stale == std::vector{gone, unanswered}));
}

BOOST_AUTO_TEST_CASE(pods_on_the_hosts_network_have_them_already) {
    HostPortLab lab;
    lab.apply(pod_with(R"([{"containerPort": 80, "hostPort": 80}])", R"("hostNetwork": true, )"));
    BOOST_TEST(lab.table("node-2").empty());
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
