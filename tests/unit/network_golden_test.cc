#include <fstream>
#include <iterator>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "netemu/model/plan.h"
#include "tests/support/cluster.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/state_text.h"

using labctl::compile::compile_network;
using labctl::test::Cluster;
using namespace netemu;
using netemu::test::FakeKernel;
using netemu::test::first_difference;
using netemu::test::to_text;

namespace {

/// Compares with tests/unit/golden/NAME; what was got is left in the build directory.
void check_golden(const std::string& name, const std::string& text) {
    std::ifstream file(std::string(LABCTL_SOURCE_DIR) + "/tests/unit/golden/" + name);
    const std::string golden{std::istreambuf_iterator<char>(file), {}};
    const auto got = std::string(LABCTL_BINARY_DIR) + "/got-" + name;
    std::ofstream(got) << text;
    const auto difference = first_difference(golden, text);
    BOOST_TEST(difference.empty(), name << " " << difference << "\n(all of it: " << got << ")");
}

/// Two nodes, three pods.
struct Small : Cluster {
    explicit Small(const std::vector<std::string>& ranges = {"10.244.0.0/16"})
        : Cluster(2, ranges) {
        add_pod(1, "default", "web-0", 2);
        add_pod(1, "default", "web-1", 3);
        add_pod(2, "prod", "db-0", 2);
        kernel.apply(make_plan(compile_network(store, config), {}));
    }

    /// The plan from what the kernel holds to what the objects call for, after it was applied.
    std::string change() {
        const auto desired = compile_network(store, config);
        const auto plan = make_plan(desired, kernel.observe());
        kernel.apply(plan);
        BOOST_TEST(make_plan(desired, kernel.observe()).empty());
        BOOST_TEST(make_plan(desired, expected_observation(desired)).empty());
        BOOST_TEST(
            first_difference(to_text(kernel.observe()), to_text(expected_observation(desired))) ==
            "");
        return to_text(plan);
    }

    FakeKernel kernel;
};

struct Routed : Small {
    explicit Routed(const std::vector<std::string>& ranges = {"10.244.0.0/16"}) : Small(ranges) {
        config.cni_profile = "calico";
        (void)change(); // from another profile: everything is made anew
    }
};

std::string create_text(const Cluster& cluster) {
    return to_text(make_plan(compile_network(cluster.store, cluster.config), {}));
}

} // namespace

BOOST_AUTO_TEST_SUITE(golden)

BOOST_AUTO_TEST_CASE(ipv4) {
    Small cluster;
    check_golden("network-ipv4.txt", create_text(cluster));
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(dual_stack) {
    Small cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    check_golden("network-dual-stack.txt", create_text(cluster));
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(ipv6) {
    Small cluster({"fd00:10:244::/56"});
    check_golden("network-ipv6.txt", create_text(cluster));
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(one_pod_more_and_one_less) {
    Small cluster;
    cluster.add_pod(1, "default", "web-2", 4);
    check_golden("network-add-pod.txt", cluster.change());
    cluster.remove_pod("default", "web-0");
    check_golden("network-remove-pod.txt", cluster.change());
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(a_pod_is_replaced_by_another_with_its_address) {
    Small cluster;
    cluster.remove_pod("default", "web-0");
    cluster.add_pod(1, "default", "web-9", 2);
    check_golden("network-replace-pod.txt", cluster.change());
}

BOOST_AUTO_TEST_CASE(a_pod_comes_back_on_another_node) {
    Small cluster;
    cluster.remove_pod("default", "web-0");
    cluster.add_pod(2, "default", "web-0", 3);
    check_golden("network-move-pod.txt", cluster.change());
}

BOOST_AUTO_TEST_CASE(one_node_more_and_one_less) {
    Small cluster;
    cluster.add_node(3);
    check_golden("network-add-node.txt", cluster.change());
    cluster.remove_node(2);
    check_golden("network-remove-node.txt", cluster.change());
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(calico_by_vxlan) {
    Routed cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    check_golden("network-calico-vxlan.txt", create_text(cluster));
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(calico_by_routes) {
    Routed cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    cluster.config.overlay = "none";
    check_golden("network-calico-none.txt", create_text(cluster));
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(cilium_by_geneve) {
    Small cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    cluster.config.cni_profile = "cilium";
    cluster.config.overlay = "geneve";
    (void)cluster.change(); // from another profile
    check_golden("network-cilium-geneve.txt", create_text(cluster));
    BOOST_TEST(cluster.change() == "");
    cluster.remove_node(2);
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(a_routed_pod_comes_and_goes) {
    Routed cluster;
    cluster.add_pod(1, "default", "web-2", 4);
    check_golden("network-calico-add-pod.txt", cluster.change());
    cluster.remove_pod("default", "web-0");
    check_golden("network-calico-remove-pod.txt", cluster.change());
    cluster.remove_node(2);
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(flannel) {
    Small cluster;
    cluster.config.cni_profile = "flannel";
    check_golden("network-flannel.txt", create_text(cluster));
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(calico_by_ipip) {
    Small cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    cluster.config.cni_profile = "calico";
    cluster.config.overlay = "ipip";
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
    cluster.remove_node(2);
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(weave) {
    Small cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    cluster.config.cni_profile = "weave";
    for (const char* overlay : {"vxlan", "sleeve"}) {
        cluster.config.overlay = overlay;
        check_golden("network-weave-" + std::string(overlay) + ".txt", create_text(cluster));
        (void)cluster.change();
        BOOST_TEST(cluster.change() == "");
    }
    cluster.config.overlay = "vxlan";
    (void)cluster.change();
    cluster.add_node(3);
    (void)cluster.change();
    cluster.remove_node(2);
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(calico_by_ipip_between_nodes_of_one_segment) {
    Small cluster;
    cluster.config.cni_profile = "calico";
    cluster.config.overlay = "ipip";
    cluster.config.cross_subnet = true;
    check_golden("network-calico-cross-subnet.txt", create_text(cluster));
}

BOOST_AUTO_TEST_CASE(calico_by_ipip_and_bgp) {
    Small cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    cluster.config.cni_profile = "calico";
    cluster.config.overlay = "ipip";
    cluster.config.bgp = labctl::compile::BgpConfig{};
    check_golden("network-calico-ipip-bgp.txt", create_text(cluster));
    (void)cluster.change();
    cluster.config.bgp.reset();
    check_golden("network-calico-ipip-bgp-to-static.txt", cluster.change());
}

BOOST_AUTO_TEST_CASE(calico_by_wireguard) {
    Small cluster({"10.244.0.0/16", "fd00:10:244::/56"});
    cluster.config.cni_profile = "calico";
    cluster.config.overlay = "none";
    (void)cluster.change();
    cluster.config.wireguard = true;
    check_golden("network-calico-wireguard.txt", create_text(cluster));
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
    cluster.add_node(3);
    check_golden("network-wireguard-add-node.txt", cluster.change());
    cluster.remove_node(2);
    check_golden("network-wireguard-remove-node.txt", cluster.change());
    BOOST_TEST(cluster.change() == "");
    // Another key of a node: the others change their peer, and nothing else happens.
    cluster.config.wireguard_keys["node-3"] =
        *parse_wireguard_key("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
    check_golden("network-wireguard-another-key.txt", cluster.change());
    cluster.config.wireguard = false;
    (void)cluster.change();
    BOOST_TEST(cluster.change() == "");
}

BOOST_AUTO_TEST_CASE(everything_goes) {
    Small cluster;
    cluster.kernel.apply(make_plan({}, cluster.kernel.observe()));
    BOOST_TEST(cluster.kernel.observe().namespaces.empty());
}

BOOST_AUTO_TEST_SUITE_END()
