#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "labctl/explain/packet_path.h"
#include "tests/support/cluster.h"

using namespace labctl::compile;
using namespace labctl::explain;
using labctl::test::Cluster;
using namespace netemu;

namespace {

struct PathFixture : Cluster {
    PathFixture() : Cluster(2, {"10.244.0.0/16", "fd00:10:244::/56"}) {
        add_pod(1, "x", "a", 2);
        add_pod(1, "x", "b", 3);
        add_pod(2, "x", "c", 2);
    }

    /// "place in>out" of each hop, and the last one's how.
    std::string
    way(const char* from, const char* to, const char* node = "", const char* translated = "") {
        PathQuestion question{from, *IpAddress::parse(to), node, {}};
        question.translated = IpAddress::parse(translated).value_or(question.to);
        std::string text;
        const auto hops = packet_path(compile_network(store, config), question);
        for (const auto& hop : hops) {
            text += hop.ns + " " + hop.in + ">" + hop.out + " | ";
        }
        return text + (hops.empty() ? "" : hops.back().how);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(network_path, PathFixture)

BOOST_AUTO_TEST_CASE(on_a_bridge) {
    config.cni_profile = "flannel";
    const auto near = way("pod/x/a", "10.244.1.3");
    BOOST_TEST(near.starts_with("pod/x/a >eth0 | node/node-1 veth"), near);
    BOOST_TEST(near.ends_with("| pod/x/b eth0> | arrives"), near);
    const auto far = way("pod/x/a", "fd00:10:244:2::2");
    BOOST_TEST(far.find(">flannel.1 | node/node-2 flannel.1>cni0 veth") != far.npos, far);
    BOOST_TEST(far.ends_with("| pod/x/c eth0> | arrives"), far);
}

BOOST_AUTO_TEST_CASE(routed_through_a_tunnel) {
    config.cni_profile = "calico";
    const auto near = way("pod/x/a", "10.244.1.3");
    BOOST_TEST(near.starts_with("pod/x/a >eth0 | node/node-1 cali"), near);
    BOOST_TEST(near.ends_with("| pod/x/b eth0> | arrives"), near);
    const auto far = way("pod/x/a", "10.244.2.2");
    BOOST_TEST(far.find(">vxlan.calico | node/node-2 vxlan.calico>cali") != far.npos, far);
    BOOST_TEST(way("node/node-1", "10.244.1.99") == "node/node-1 > | blackhole 10.244.1.0/24");
}

BOOST_AUTO_TEST_CASE(routed_over_the_underlay) {
    config.cni_profile = "calico";
    config.overlay = "none";
    const auto far = way("pod/x/a", "10.244.2.2");
    BOOST_TEST(
        far.find(">eth0 | underlay to-node-1>to-node-2 | node/node-2 eth0>cali") != far.npos, far);
    BOOST_TEST(far.ends_with("| pod/x/c eth0> | arrives"), far);
}

BOOST_AUTO_TEST_CASE(encrypted_between_nodes) {
    config.cni_profile = "calico";
    config.overlay = "none";
    config.wireguard = true;
    for (const char* to : {"10.244.2.2", "fd00:10:244:2::2"}) {
        const auto far = way("pod/x/a", to);
        BOOST_TEST(far.find(">wireguard.cali | node/node-2 wireguard.cali>cali") != far.npos, far);
        BOOST_TEST(far.ends_with("| pod/x/c eth0> | arrives"), far);
    }
    const auto hops = packet_path(
        compile_network(store, config),
        {"pod/x/a", *IpAddress::parse("10.244.2.2"), "", *IpAddress::parse("10.244.2.2")});
    BOOST_TEST(
        hops.at(1).how ==
        "10.244.2.0/24 dev wireguard.cali; encrypted by WireGuard for node/node-2, "
        "172.18.0.2 > 172.18.0.3 UDP 51820 by eth0, MTU 1440");
    // The outside goes to the node that has the pod.
    const auto outside = way("external", "10.244.2.2");
    BOOST_TEST(
        outside.starts_with("external >eth0 | underlay to-external>to-node-2 | node/node-2"),
        outside);
}

/// Each node chooses a source by the device that a packet leaves by, and gives its own to what
/// leaves the pods' network.
BOOST_AUTO_TEST_CASE(whose_address_a_packet_bears) {
    struct Row {
        const char *profile, *from, *to, *seen;
        bool masqueraded;
    };
    for (const auto& row : {
             Row{"bridge", "pod/x/a", "10.244.2.2", "10.244.1.2", false},
             Row{"bridge", "pod/x/a", "172.18.0.3", "172.18.0.2", true},
             Row{"bridge", "pod/x/a", "172.18.0.1", "172.18.0.2", true},
             Row{"bridge", "pod/x/a", "172.18.0.2", "10.244.1.2", false},
             Row{"bridge", "node/node-1", "10.244.1.2", "10.244.1.1", false},
             Row{"bridge", "node/node-1", "10.244.2.2", "10.244.1.0", false},
             Row{"bridge", "node/node-1", "172.18.0.2", "172.18.0.2", false},
             Row{"bridge", "external", "10.244.2.2", "172.18.0.1", false},
             Row{"calico", "node/node-1", "10.244.1.2", "172.18.0.2", false},
             Row{"calico", "node/node-1", "10.244.2.2", "10.244.1.0", false},
             Row{"calico", "pod/x/a", "172.18.0.1", "172.18.0.2", true},
         }) {
        config.cni_profile = row.profile;
        PathQuestion question{row.from, *IpAddress::parse(row.to), "", *IpAddress::parse(row.to)};
        if (std::string(row.from) == "pod/x/a") {
            question.source = IpAddress::parse("10.244.1.2");
        }
        const auto hops = packet_path(compile_network(store, config), question);
        const auto text = std::string(row.profile) + " " + row.from + " " + row.to;
        BOOST_TEST(hops.back().how.ends_with("arrives"), text << ": " << hops.back().how);
        BOOST_TEST(
            hops.back().source.to_string() == row.seen,
            text << ": " << hops.back().source.to_string());
        const bool masqueraded =
            std::any_of(hops.begin(), hops.end(), [](const auto& hop) { return hop.masqueraded; });
        BOOST_TEST(masqueraded == row.masqueraded, text);
    }
}

/// What is called by the address of a Service, and by whom rules on forwarding see it called.
BOOST_AUTO_TEST_CASE(what_the_rules_on_forwarding_see) {
    config.cni_profile = "bridge";
    PathQuestion question{
        "pod/x/a", *IpAddress::parse("172.18.0.3"), "node/node-2", *IpAddress::parse("10.244.1.3")};
    question.source = IpAddress::parse("10.244.1.2");
    question.masquerades = true;
    std::string seen;
    const auto network = compile_network(store, config);
    const auto text_of = [&] {
        seen.clear();
        for (const auto& hop : packet_path(network, question)) {
            if (hop.forwarded && hop.ns.starts_with("node/")) {
                seen += hop.ns + " " + hop.source.to_string() + " > " +
                        hop.destination.to_string() + "; ";
            }
        }
        return seen;
    };
    BOOST_TEST(
        text_of() == "node/node-1 10.244.1.2 > 172.18.0.3; node/node-2 172.18.0.2 > 10.244.1.3; "
                     "node/node-1 10.244.2.0 > 10.244.1.3; ");
    question.to = *IpAddress::parse("10.96.0.9"); // a proxy on its node makes a connection itself
    question.translated_in = "node/node-1";
    question.translated = *IpAddress::parse("10.244.2.2");
    question.relays = true;
    BOOST_TEST(text_of() == "node/node-2 10.244.1.0 > 10.244.2.2; ");
}

/// The outside sends to a pod by way of its own node, where its answers come from.
BOOST_AUTO_TEST_CASE(the_outside_goes_to_the_node_of_a_pod) {
    for (const char* profile : {"bridge", "flannel", "calico", "cilium", "weave"}) {
        config.cni_profile = profile;
        for (const char* to : {"10.244.2.2", "fd00:10:244:2::2"}) {
            const auto outside = way("external", to);
            BOOST_TEST(
                outside.starts_with(
                    "external >eth0 | underlay to-external>to-node-2 | node/node-2"),
                outside);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_rules_translate) {
    const auto service = way("pod/x/a", "10.96.0.9", "node/node-1", "10.244.1.3");
    BOOST_TEST(service.ends_with("| pod/x/b eth0> | arrives"), service);
    const auto outside = way("external", "172.18.200.1", "node/node-2", "10.244.2.2");
    BOOST_TEST(
        outside.starts_with("external >eth0 | underlay to-external>to-node-2 | node/node-2"),
        outside);
    BOOST_TEST(outside.ends_with("| pod/x/c eth0> | arrives"), outside);
    BOOST_TEST(way("pod/x/a", "172.18.0.3").ends_with("| node/node-2 eth0> | arrives"));
}

BOOST_AUTO_TEST_SUITE_END()
