#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "netemu/kernel/kernel.h"
#include "netemu/model/plan.h"
#include "tests/support/cluster.h"
#include "tests/support/netns_main.h"
#include "tests/support/state_text.h"

using labctl::compile::compile_network;
using labctl::test::Cluster;
using namespace netemu;
using namespace netemu::test;

namespace {

/// A cluster of two nodes and three pods, and the kernel that carries it.
struct Live : Cluster {
    explicit Live(
        const std::vector<std::string>& ranges,
        const char* profile = "bridge",
        const char* overlay = "vxlan")
        : Cluster(2, ranges) {
        config.cni_profile = profile;
        config.overlay = overlay;
        add_pod(1, "default", "web-0", 2);
        add_pod(1, "default", "web-1", 3);
        add_pod(2, "prod", "db-0", 2);
        bring();
    }

    /// Carries out what the objects call for, beginning with what should be there by now.
    void bring() {
        const auto desired = compile_network(store, config);
        kernel->apply(make_plan(desired, expected));
        expected = expected_observation(desired);
        const auto found = kernel->observe();
        const auto rest = make_plan(desired, found);
        BOOST_REQUIRE_MESSAGE(rest.empty(), "second plan:\n" << netemu::test::to_text(rest));
        const auto difference =
            first_difference(netemu::test::to_text(expected), netemu::test::to_text(found));
        BOOST_TEST(difference.empty(), difference);
    }

    bool ping(const std::string& from, const std::string& to, const std::string& size = "56") {
        const auto output = run_in(
            kernel->namespace_fd(from),
            {"ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", size, to});
        return output.status == 0;
    }

    /// Whether what comes back comes from the address that was called.
    bool answered_by(const std::string& from, const std::string& to) {
        const auto output =
            run_in(kernel->namespace_fd(from), {"ping", "-n", "-c", "1", "-W", "2", to});
        return output.out.find("bytes from " + to + ":") != std::string::npos;
    }

    /// The first packet each way: nothing may be lost to ARP or to a link that is not ready.
    void
    check_pings(const std::vector<std::string>& sources, const std::vector<std::string>& targets) {
        for (const auto& from : sources) {
            for (const auto& to : targets) {
                BOOST_TEST(ping(from, to), from << " to " << to);
            }
        }
    }

    std::size_t masqueraded(const std::string& family) {
        const auto listing = json_in(
            kernel->namespace_fd("node/node-1"),
            {"nft", "-j", "list", "table", family, "cni-masquerade"});
        for (const auto& each : listing.at("nftables")) {
            if (each.contains("rule")) {
                return each["rule"]["expr"].at(2)["counter"]["packets"].get<std::size_t>();
            }
        }
        return 0;
    }

    nlohmann::json json(const std::string& ns, const std::vector<std::string>& command) {
        return json_in(kernel->namespace_fd(ns), command);
    }

    std::unique_ptr<Kernel> kernel = make_linux_kernel();
    ObservedState expected;
};

const std::vector<std::string> kEveryone{
    "pod/default/web-0",
    "pod/default/web-1",
    "pod/prod/db-0",
    "node/node-1",
    "node/node-2",
    "external"};
const std::vector<std::string> kTargetsV4{
    "10.244.1.2", "10.244.1.3", "10.244.2.2", "172.18.0.1", "172.18.0.2", "172.18.0.3"};
const std::vector<std::string> kTargetsV6{
    "fd00:10:244:1::2",
    "fd00:10:244:1::3",
    "fd00:10:244:2::2",
    "fd00:172:18::1",
    "fd00:172:18::2",
    "fd00:172:18::3"};

void move_pods(Live& live) {
    live.remove_pod("default", "web-0"); // another takes its address
    live.add_pod(1, "default", "web-9", 2);
    live.bring();
    live.check_pings({"pod/default/web-9"}, kTargetsV4);
    live.check_pings({"pod/default/web-1", "pod/prod/db-0", "node/node-2"}, {"10.244.1.2"});
    live.remove_pod("default", "web-9"); // and comes back on the other node
    live.add_pod(2, "default", "web-9", 4);
    live.bring();
    live.check_pings({"pod/default/web-1", "pod/prod/db-0", "node/node-1"}, {"10.244.2.4"});
}

} // namespace

BOOST_AUTO_TEST_SUITE(network_live)

BOOST_AUTO_TEST_CASE(ipv4) {
    Live live({"10.244.0.0/16"});
    live.check_pings(kEveryone, kTargetsV4);
    // web-0 and web-1 each to the outside and to the other node.
    BOOST_TEST(live.masqueraded("ip") == 4U);
    BOOST_TEST(live.ping("pod/default/web-0", "10.244.2.2", "1422")); // 1450 - 20 - 8
    BOOST_TEST(!live.ping("pod/default/web-0", "10.244.2.2", "1423"));
}

BOOST_AUTO_TEST_CASE(ipv6) {
    Live live({"fd00:10:244::/56"});
    live.check_pings(kEveryone, kTargetsV6);
    BOOST_TEST(live.masqueraded("ip6") == 4U);
    BOOST_TEST(live.ping("pod/default/web-0", "fd00:10:244:2::2", "1382")); // 1430 - 40 - 8
    BOOST_TEST(!live.ping("pod/default/web-0", "fd00:10:244:2::2", "1383"));
}

BOOST_AUTO_TEST_CASE(dual_stack) {
    Live live({"10.244.0.0/16", "fd00:10:244::/56"});
    live.check_pings(kEveryone, kTargetsV4);
    live.check_pings(kEveryone, kTargetsV6);
}

BOOST_AUTO_TEST_CASE(a_node_is_known_by_its_tunnel_address_elsewhere) {
    Live live({"10.244.0.0/16"});
    const auto route = json_in(
        live.kernel->namespace_fd("node/node-1"), {"ip", "-j", "route", "get", "10.244.2.2"});
    BOOST_TEST(route.at(0)["dev"] == "vxlan1");
    BOOST_TEST(route.at(0)["prefsrc"] == "10.244.1.0");
}

BOOST_AUTO_TEST_CASE(pods_and_nodes_come_and_go) {
    Live live({"10.244.0.0/16"});
    live.add_pod(2, "prod", "db-1", 3);
    live.bring();
    live.check_pings({"pod/prod/db-1"}, kTargetsV4);
    live.check_pings(kEveryone, {"10.244.2.3"});
    move_pods(live);
    live.add_node(3);
    live.add_pod(3, "default", "far", 2);
    live.bring();
    live.check_pings(
        {"pod/default/far", "node/node-3"}, {"10.244.1.3", "10.244.2.2", "172.18.0.1"});
    live.check_pings({"pod/prod/db-0", "node/node-1"}, {"10.244.3.2", "172.18.0.4"});
    live.remove_node(2);
    live.bring();
    live.check_pings({"pod/default/far"}, {"10.244.1.3", "172.18.0.2"});
    BOOST_TEST(!live.ping("pod/default/far", "10.244.2.2"));
}

/// A translated connection between two pods of one node: its reply must pass the node too.
BOOST_AUTO_TEST_CASE(translated_packets_between_pods_of_one_node_come_back) {
    Live live({"10.244.0.0/16"});
    const int node = live.kernel->namespace_fd("node/node-1");
    const auto run = [&](const std::string& command) {
        const auto done = run_in(node, {"sh", "-c", command});
        BOOST_REQUIRE_MESSAGE(done.status == 0, command);
    };
    const std::string translate =
        "nft add table ip t && nft add chain ip t c '{ type nat hook prerouting priority -100; }' "
        "&& nft add rule ip t c ip daddr 10.96.0.9 dnat to 10.244.1.3";
    run(translate);
    if (::access("/proc/sys/net/bridge", F_OK) == 0) {
        BOOST_TEST(live.answered_by("pod/default/web-0", "10.96.0.9"));
        run("echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables");
    }
    // As on a kernel without br_netfilter.
    BOOST_TEST(!live.answered_by("pod/default/web-0", "10.96.0.9"));
    run("nft delete table ip t");
    live.config.bridge_netfilter = false;
    live.bring();
    run(translate);
    BOOST_TEST(live.answered_by("pod/default/web-0", "10.96.0.9"));
    live.check_pings(kEveryone, kTargetsV4);
}

const std::vector<std::string> kDual{"10.244.0.0/16", "fd00:10:244::/56"};

/// The route of that destination, as `ip -j route` lists it.
nlohmann::json
route_of(Live& live, const std::string& ns, const std::string& to, const char* family = "-4") {
    for (const auto& route : live.json(ns, {"ip", "-j", "-d", family, "route"})) {
        if (route.at("dst") == to) {
            return route;
        }
    }
    return nullptr;
}

BOOST_AUTO_TEST_CASE(calico_routes_each_pod_by_its_own_veth) {
    Live live(kDual, "calico");
    live.check_pings(kEveryone, kTargetsV4);
    live.check_pings(kEveryone, kTargetsV6);
    BOOST_TEST(live.masqueraded("ip") == 4U);
    BOOST_TEST(live.masqueraded("ip6") == 4U);
    // The first eleven digits of `printf default.web-0 | sha1sum`.
    const std::string port = "cali0d7763386da";
    const auto link = live.json("node/node-1", {"ip", "-j", "-d", "link", "show", port}).at(0);
    BOOST_TEST(link.at("address") == "ee:ee:ee:ee:ee:ee");
    BOOST_TEST(link.at("linkinfo").at("info_kind") == "veth");
    BOOST_TEST(!link.contains("master"));
    const auto own = route_of(live, "node/node-1", "10.244.1.2");
    BOOST_TEST(own.at("dev") == port);
    BOOST_TEST(own.at("scope") == "link");
    BOOST_TEST(route_of(live, "node/node-1", "fd00:10:244:1::2", "-6").at("dev") == port);
    for (const auto* family : {"-4", "-6"}) {
        const auto block = route_of(
            live, "node/node-1", family[1] == '4' ? "10.244.1.0/24" : "fd00:10:244:1::/64", family);
        BOOST_TEST(block.at("type") == "blackhole");
        BOOST_TEST(block.at("protocol") == "80");
    }
    const auto out = route_of(live, "pod/default/web-0", "default");
    BOOST_TEST(out.at("gateway") == "169.254.1.1");
    BOOST_TEST(route_of(live, "pod/default/web-0", "169.254.1.1").at("scope") == "link");
    BOOST_TEST(
        route_of(live, "pod/default/web-0", "default", "-6").at("gateway") ==
        "fe80::ecee:eeff:feee:eeee");
    BOOST_TEST(live.ping("pod/default/web-0", "fe80::ecee:eeff:feee:eeee%eth0"));
}

BOOST_AUTO_TEST_CASE(calico_by_vxlan) {
    Live live({"10.244.0.0/16"}, "calico");
    const auto tunnel =
        live.json("node/node-1", {"ip", "-j", "-d", "link", "show", "vxlan.calico"}).at(0);
    BOOST_TEST(tunnel.at("linkinfo").at("info_data").at("id") == 4096);
    BOOST_TEST(tunnel.at("linkinfo").at("info_data").at("port") == 4789);
    const auto far = route_of(live, "node/node-1", "10.244.2.0/24");
    BOOST_TEST(far.at("gateway") == "10.244.2.0");
    BOOST_TEST(far.at("dev") == "vxlan.calico");
    BOOST_TEST(live.ping("pod/default/web-0", "10.244.2.2", "1422"));
    BOOST_TEST(!live.ping("pod/default/web-0", "10.244.2.2", "1423"));
}

BOOST_AUTO_TEST_CASE(calico_by_routes) {
    Live live(kDual, "calico", "none");
    live.check_pings(kEveryone, kTargetsV4);
    live.check_pings(kEveryone, kTargetsV6);
    const auto far = route_of(live, "node/node-1", "10.244.2.0/24");
    BOOST_TEST(far.at("gateway") == "172.18.0.3");
    BOOST_TEST(far.at("dev") == "eth0");
    BOOST_TEST(
        route_of(live, "node/node-1", "fd00:10:244:2::/64", "-6").at("gateway") ==
        "fd00:172:18::3");
    BOOST_TEST(live.ping("pod/default/web-0", "10.244.2.2", "1472")); // 1500 - 20 - 8
    BOOST_TEST(!live.ping("pod/default/web-0", "10.244.2.2", "1473"));
}

BOOST_AUTO_TEST_CASE(flannel_has_its_devices) {
    Live live(kDual, "flannel");
    live.check_pings(kEveryone, kTargetsV4);
    live.check_pings(kEveryone, kTargetsV6);
    const auto tunnel =
        live.json("node/node-1", {"ip", "-j", "-d", "link", "show", "flannel.1"}).at(0);
    BOOST_TEST(tunnel.at("linkinfo").at("info_data").at("id") == 1);
    BOOST_TEST(tunnel.at("linkinfo").at("info_data").at("port") == 8472);
    const auto far = route_of(live, "node/node-1", "10.244.2.0/24");
    BOOST_TEST(far.at("gateway") == "10.244.2.0");
    BOOST_TEST(far.at("dev") == "flannel.1");
}

BOOST_AUTO_TEST_CASE(routed_pods_come_and_go) {
    Live live(kDual, "calico");
    move_pods(live);
    BOOST_TEST(!live.ping("pod/default/web-1", "10.244.1.2")); // the blackhole's
    live.config.overlay = "none";
    live.bring();
    live.check_pings({"pod/default/web-1", "node/node-1"}, {"10.244.2.4", "10.244.2.2"});
    live.config.cni_profile = "bridge"; // another profile: every pod is wired anew
    live.bring();
    live.check_pings({"pod/default/web-1", "node/node-1"}, {"10.244.2.4", "10.244.1.3"});
}

BOOST_AUTO_TEST_CASE(a_routed_pod_sends_from_its_own_addresses_only) {
    Live live(kDual, "calico");
    const auto forge = [&](const char* address, const char* target) {
        const auto done = run_in(
            live.kernel->namespace_fd("pod/default/web-0"),
            {"sh",
             "-c",
             std::string("ip address add ") + address + " dev eth0 nodad 2>/dev/null || " +
                 "ip address add " + address + " dev eth0; ping -n -q -c 1 -W 1 -I " + address +
                 " " + target});
        return done.status == 0;
    };
    BOOST_TEST(!forge("10.244.1.77", "10.244.1.3"));
    BOOST_TEST(!forge("10.244.1.77", "10.244.2.2"));
    BOOST_TEST(!forge("10.244.1.77", "172.18.0.2"));
    BOOST_TEST(!forge("fd00:10:244:1::77", "fd00:10:244:2::2"));
    const auto rules =
        live.json("node/node-1", {"nft", "-j", "list", "table", "inet", "cni-sources"});
    std::vector<std::size_t> dropped;
    for (const auto& each : rules.at("nftables")) {
        if (each.contains("rule")) {
            for (const auto& statement : each["rule"]["expr"]) {
                if (statement.contains("counter")) {
                    dropped.push_back(statement["counter"]["packets"].get<std::size_t>());
                }
            }
        }
    }
    BOOST_TEST((dropped == std::vector<std::size_t>{3, 1}));
    BOOST_TEST(live.ping("pod/default/web-1", "10.244.2.2"));
}

/// What a bridge needs br_netfilter for.
BOOST_AUTO_TEST_CASE(translated_packets_between_routed_pods_come_back) {
    Live live({"10.244.0.0/16"}, "calico");
    const auto done = run_in(
        live.kernel->namespace_fd("node/node-1"),
        {"sh",
         "-c",
         "nft add table ip t && nft add chain ip t c '{ type nat hook prerouting priority -100; }' "
         "&& nft add rule ip t c ip daddr 10.96.0.9 dnat to 10.244.1.3"});
    BOOST_REQUIRE(done.status == 0);
    BOOST_TEST(live.answered_by("pod/default/web-0", "10.96.0.9"));
}

BOOST_AUTO_TEST_CASE(a_smaller_mtu_reaches_every_link) {
    Live live({"10.244.0.0/16"});
    live.config.underlay_mtu = 1400;
    live.bring();
    BOOST_TEST(live.ping("pod/default/web-0", "10.244.2.2", "1322"));
    live.config.underlay_mtu = 9000;
    live.bring();
    BOOST_TEST(live.ping("pod/default/web-0", "10.244.2.2", "8922"));
}

BOOST_AUTO_TEST_SUITE_END()
