#include <algorithm>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "mesh/x25519.h"
#include "netemu/base/error.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/require.h"
#include "netemu/model/plan.h"
#include "tests/support/cluster.h"
#include "tests/support/netns_main.h"
#include "tests/support/state_text.h"

using labctl::compile::compile_network;
using labctl::test::Cluster;
using namespace netemu;
using namespace netemu::test;

namespace {

bool has_wireguard() {
    try {
        require_feature("wireguard", "this test");
        return true;
    } catch (const UnsupportedError& error) {
        BOOST_TEST_MESSAGE("skipped: " << error.what());
        return false;
    }
}

/// Nodes that encrypt for each other, with a pod each, and the kernel that carries them.
struct Encrypted : Cluster {
    explicit Encrypted(std::size_t nodes) : Cluster(nodes, {"10.244.0.0/16", "fd00:10:244::/56"}) {
        config.cni_profile = "calico";
        config.overlay = "none";
        config.wireguard = true;
        for (std::size_t node = 1; node <= nodes; ++node) {
            furnish(node);
        }
        bring();
    }

    void furnish(std::size_t node) {
        const auto number = std::to_string(node);
        const auto pair = mesh::make_x25519_pair();
        config.wireguard_keys["node-" + number] = {pair.public_key};
        kernel->keep_wireguard_key({pair.public_key}, pair.private_key);
        add_pod(node, "default", "pod-" + number, 2);
    }

    void bring() {
        const auto desired = compile_network(store, config);
        kernel->apply(make_plan(desired, expected));
        expected = expected_observation(desired);
        const auto rest = make_plan(desired, kernel->observe());
        BOOST_REQUIRE_MESSAGE(rest.empty(), "second plan:\n" << netemu::test::to_text(rest));
    }

    /// "FIELDS" of `wg show DEVICE WHAT` on a node, without the first, which is the peer's key.
    std::set<std::string> wg(const std::string& node, const std::string& what) {
        const auto shown = run_in(
            kernel->namespace_fd("node/" + node), {"wg", "show", "wireguard.cali", what.c_str()});
        BOOST_REQUIRE_MESSAGE(shown.status == 0, shown.err);
        std::set<std::string> lines;
        std::size_t begin = 0;
        for (auto end = shown.out.find('\n'); end != std::string::npos;
             end = shown.out.find('\n', begin)) {
            const auto line = shown.out.substr(begin, end - begin);
            lines.insert(line.substr(line.find('\t') + 1));
            begin = end + 1;
        }
        return lines;
    }

    /// Both ends may begin a handshake at the same moment; the next attempt comes after 5 s.
    bool reaches(const std::string& from, const std::string& to, const char* patience = "20") {
        return run_in(
                   kernel->namespace_fd("pod/default/" + from),
                   {"ping", "-n", "-q", "-i", "0.5", "-c", "1", "-w", patience, to})
                   .status == 0;
    }

    std::unique_ptr<Kernel> kernel = make_linux_kernel();
    ObservedState expected;
};

using Lines = std::set<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(network_wireguard)

BOOST_AUTO_TEST_CASE(a_node_that_joins_is_a_peer_of_all_and_one_that_leaves_of_none) {
    if (!has_wireguard()) {
        return;
    }
    Encrypted lab(2);
    BOOST_TEST(lab.reaches("pod-1", "10.244.2.2"));
    BOOST_TEST((lab.wg("node-1", "endpoints") == Lines{"172.18.0.3:51820"}));
    const auto before = lab.wg("node-1", "latest-handshakes");

    lab.add_node(3);
    lab.furnish(3);
    lab.bring();
    BOOST_TEST((lab.wg("node-1", "endpoints") == Lines{"172.18.0.3:51820", "172.18.0.4:51820"}));
    BOOST_TEST(
        (lab.wg("node-3", "allowed-ips") ==
         Lines{"10.244.1.0/24 fd00:10:244:1::/64", "10.244.2.0/24 fd00:10:244:2::/64"}));
    BOOST_TEST(lab.reaches("pod-1", "10.244.3.2"));
    BOOST_TEST(lab.reaches("pod-3", "fd00:10:244:2::2"));
    BOOST_TEST(lab.reaches("pod-2", "10.244.1.2"));
    // The session that was there has not been touched.
    const auto after = lab.wg("node-1", "latest-handshakes");
    BOOST_TEST(std::includes(after.begin(), after.end(), before.begin(), before.end()));

    lab.remove_node(2);
    lab.remove_pod("default", "pod-2");
    lab.bring();
    BOOST_TEST((lab.wg("node-1", "endpoints") == Lines{"172.18.0.4:51820"}));
    BOOST_TEST((lab.wg("node-3", "allowed-ips") == Lines{"10.244.1.0/24 fd00:10:244:1::/64"}));
    BOOST_TEST(lab.reaches("pod-1", "10.244.3.2"));
    BOOST_TEST(lab.reaches("pod-3", "fd00:10:244:1::2"));
    BOOST_TEST(!lab.reaches("pod-1", "10.244.2.2", "2"));

    // It comes back with another key: the old one is nobody's.
    lab.add_node(2);
    lab.furnish(2);
    lab.bring();
    BOOST_TEST(lab.wg("node-3", "endpoints").size() == 2U);
    BOOST_TEST(lab.reaches("pod-2", "10.244.3.2"));
    BOOST_TEST(lab.reaches("pod-1", "10.244.2.2"));
}

BOOST_AUTO_TEST_SUITE_END()
