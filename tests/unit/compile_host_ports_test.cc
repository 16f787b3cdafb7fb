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
        {6, 8081, 81},
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

BOOST_AUTO_TEST_CASE(pods_on_the_hosts_network_have_them_already) {
    HostPortLab lab;
    lab.apply(pod_with(R"([{"containerPort": 80, "hostPort": 80}])", R"("hostNetwork": true, )"));
    BOOST_TEST(lab.table("node-2").empty());
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
