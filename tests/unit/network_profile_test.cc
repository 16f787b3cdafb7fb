#include <tuple>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/calico_names.h"
#include "labctl/compile/cilium_names.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_mtu.h"
#include "labctl/compile/sleeve_network.h"
#include "netemu/base/error.h"
#include "netemu/model/nft_text.h"
#include "tests/support/cluster.h"

using namespace labctl::compile;
using labctl::test::Cluster;
using namespace netemu;

namespace {

struct Profiles : Cluster {
    Profiles() : Cluster(2, {"10.244.0.0/16", "fd00:10:244::/56"}) {
        add_pod(1, "x", "a", 2);
        add_pod(1, "x", "b", 3);
        add_pod(2, "x", "c", 2);
    }

    DesiredState compile(const char* profile, const char* overlay) {
        config.cni_profile = profile;
        config.overlay = overlay;
        return compile_network(store, config);
    }

    static const LinkSpec* link(const DesiredState& state, const char* ns, std::string_view name) {
        for (const auto& each : state.namespaces.at(ns).links) {
            if (each.name == name) {
                return &each;
            }
        }
        return nullptr;
    }

    /// "via GATEWAY dev LINK encap VNI REMOTE", without what it has not.
    static std::string route(const DesiredState& state, const char* ns, const char* to) {
        for (const auto& each : state.namespaces.at(ns).routes) {
            if (each.destination.to_string() == to) {
                return (each.gateway ? "via " + each.gateway->to_string() + " " : "") + "dev " +
                       each.link +
                       (each.encap ? " encap " + std::to_string(each.encap->id) + " " +
                                         each.encap->remote.to_string()
                                   : "");
            }
        }
        return {};
    }

    static std::string table(const DesiredState& state, const char* name) {
        for (const auto& each : state.namespaces.at("node/node-1").tables) {
            if (each.name == name) {
                return to_text(each);
            }
        }
        return {};
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(profiles)

// As `printf default/web-0 | sha256sum` says.
BOOST_AUTO_TEST_CASE(ports_are_named_as_cilium_names_them) {
    BOOST_TEST(cilium_port("default", "web-0") == "lxc53842afe623a");
}

BOOST_AUTO_TEST_CASE(geneve_is_behind_a_device_of_packets_with_room_for_the_option) {
    Profiles cluster;
    const auto state = cluster.compile("cilium", "geneve");
    const auto* device = Profiles::link(state, "node/node-1", "cilium_geneve");
    BOOST_REQUIRE(device != nullptr);
    BOOST_TEST(std::get<TunSpec>(device->kind).vnet_header);
    BOOST_TEST(!std::get<TunSpec>(device->kind).ethernet);
    BOOST_TEST(device->mtu == 1442U);
    BOOST_TEST(Profiles::link(state, "pod/x/a", "eth0")->mtu == 1442U);
    BOOST_TEST(state.namespaces.at("node/node-1").fdb.empty());
    const auto* host = Profiles::link(state, "node/node-1", "cilium_host");
    BOOST_REQUIRE(host != nullptr);
    BOOST_TEST(host->addresses.at(0).to_string() == "10.244.1.1/32");
}

BOOST_AUTO_TEST_CASE(geneve_of_the_kernel_is_directed_by_routes) {
    Profiles cluster;
    for (const auto& [profile, name, emulation, vni] :
         {std::tuple{"bridge", "geneve1", "auto", 1U},
          std::tuple{"cilium", "cilium_geneve", "none", 2U}}) {
        BOOST_TEST_CONTEXT(profile) {
            cluster.config.emulation = emulation;
            const auto state = cluster.compile(profile, "geneve");
            const auto* device = Profiles::link(state, "node/node-1", name);
            BOOST_REQUIRE(device != nullptr);
            BOOST_TEST(
                (std::get<ExternalTunnelSpec>(device->kind) ==
                 ExternalTunnelSpec{ExternalTunnelSpec::Protocol::Geneve, 6081}));
            BOOST_TEST(device->mtu == 1450U); // no option
            BOOST_TEST(
                Profiles::route(state, "node/node-1", "10.244.2.0/24") ==
                "via 10.244.2.0 dev " + std::string(name) + " encap " + std::to_string(vni) +
                    " 172.18.0.3");
        }
    }
}

BOOST_AUTO_TEST_CASE(ip_in_ip_carries_ipv4_and_leaves_ipv6_as_it_is) {
    Profiles cluster;
    const auto state = cluster.compile("calico", "ipip");
    const auto* device = Profiles::link(state, "node/node-1", "tunl0");
    BOOST_REQUIRE(device != nullptr);
    BOOST_TEST(std::get<IpipSpec>(device->kind).local.to_string() == "172.18.0.2");
    BOOST_TEST(device->mtu == 1480U);
    BOOST_REQUIRE(device->addresses.size() == 1U);
    BOOST_TEST(device->addresses[0].to_string() == "10.244.1.0/32");
    BOOST_TEST(Profiles::link(state, "pod/x/a", "eth0")->mtu == 1480U);
    BOOST_TEST(
        Profiles::route(state, "node/node-1", "10.244.2.0/24") == "via 172.18.0.3 dev tunl0");
    BOOST_TEST(
        Profiles::route(state, "node/node-1", "fd00:10:244:2::/64") ==
        "via fd00:172:18::3 dev eth0");
}

BOOST_AUTO_TEST_CASE(weave_has_a_network_for_each_way_between_two_nodes) {
    Profiles cluster;
    const auto state = cluster.compile("weave", "vxlan");
    const auto* device = Profiles::link(state, "node/node-1", "vxlan-6784");
    BOOST_REQUIRE(device != nullptr);
    BOOST_TEST(
        (std::get<ExternalTunnelSpec>(device->kind) ==
         ExternalTunnelSpec{ExternalTunnelSpec::Protocol::Vxlan, 6784}));
    BOOST_TEST(state.namespaces.at("node/node-1").fdb.empty());
    // 2 and 3 are the ends of the nodes' addresses: sender in the low bits, receiver in the high.
    BOOST_TEST(
        Profiles::route(state, "node/node-1", "10.244.2.0/24") ==
        "via 10.244.2.0 dev vxlan-6784 encap 12290 172.18.0.3");
    BOOST_TEST(
        Profiles::route(state, "node/node-2", "fd00:10:244:1::/64") ==
        "via fd00:10:244:1:: dev vxlan-6784 encap 8195 172.18.0.2");
    for (const auto& link : state.namespaces.at("node/node-1").links) {
        if (std::holds_alternative<VethSpec>(link.kind) && !link.master.empty()) {
            BOOST_TEST(link.name.starts_with("vethwepl"));
            BOOST_TEST(link.name.size() == 15U);
            BOOST_TEST(link.master == "weave");
        }
    }
}

BOOST_AUTO_TEST_CASE(weave_gives_pods_1376_bytes_where_the_underlay_leaves_them) {
    Profiles cluster;
    const auto mtu = [&](const char* overlay) {
        return Profiles::link(cluster.compile("weave", overlay), "pod/x/a", "eth0")->mtu;
    };
    BOOST_TEST(mtu("vxlan") == 1376U);
    BOOST_TEST(mtu("sleeve") == 1376U);
    BOOST_TEST(mtu("none") == 1376U);
    cluster.config.underlay_mtu = 9000;
    BOOST_TEST(mtu("vxlan") == 1376U);
    cluster.config.underlay_mtu = 1400;
    BOOST_TEST(mtu("vxlan") == 1350U);
    BOOST_TEST(mtu("sleeve") == 1338U);
    BOOST_TEST(mtu("none") == 1376U);
    cluster.config.underlay_mtu = 1500;
    cluster.config.cni_mtu = 1400; // WEAVE_MTU
    BOOST_TEST(mtu("vxlan") == 1400U);
}

BOOST_AUTO_TEST_CASE(sleeve_is_behind_a_device_of_packets_and_peers_are_named_as_their_bridges) {
    Profiles cluster;
    const auto state = cluster.compile("weave", "sleeve");
    const auto* device = Profiles::link(state, "node/node-1", "vethwe-pcap");
    BOOST_REQUIRE(device != nullptr);
    BOOST_TEST((std::get<TunSpec>(device->kind) == TunSpec{false, true}));
    BOOST_TEST(Profiles::route(state, "node/node-1", "10.244.2.0/24") == "dev vethwe-pcap");
    const auto network = sleeve_network(cluster.store, cluster.config);
    BOOST_TEST((network.format == services::TunnelFormat::Sleeve));
    BOOST_REQUIRE(network.nodes.size() == 2U);
    const auto& second = network.nodes[1];
    BOOST_TEST(second.name == "node-2");
    BOOST_TEST(second.link == "vethwe-pcap");
    BOOST_TEST(second.local.to_string() == "172.18.0.3");
    BOOST_TEST(second.peer_name.to_string() == "0a:58:0a:f4:02:01");
    BOOST_TEST((second.peer_name == Profiles::link(state, "node/node-2", "weave")->mac));
}

BOOST_AUTO_TEST_CASE(each_profile_encrypts_by_its_device) {
    Profiles cluster;
    cluster.config.wireguard = true;
    cluster.config.wireguard_keys["node-2"].bytes.fill(7);
    for (const auto& [profile, name, port] :
         {std::tuple{"bridge", "wg0", 51820},
          std::tuple{"flannel", "flannel-wg", 51820},
          std::tuple{"calico", "wireguard.cali", 51820},
          std::tuple{"cilium", "cilium_wg0", 51871}}) {
        BOOST_TEST_CONTEXT(profile) {
            const auto state = cluster.compile(profile, "none");
            const auto* link = Profiles::link(state, "node/node-1", name);
            BOOST_REQUIRE(link != nullptr);
            BOOST_TEST(link->mtu == 1440U);
            BOOST_TEST(link->addresses.at(0).to_string() == "10.244.1.0/32");
            BOOST_TEST(Profiles::link(state, "pod/x/a", "eth0")->mtu == 1440U);
            const auto& device = std::get<WireguardSpec>(link->kind);
            BOOST_TEST(int{device.port} == port);
            BOOST_TEST(!device.roams);
            BOOST_REQUIRE(device.peers.size() == 1U);
            BOOST_TEST(device.peers[0].key.bytes.at(0) == 7);
            BOOST_TEST(
                device.peers[0].endpoint.to_string() == "172.18.0.3:" + std::to_string(port));
            BOOST_TEST(device.peers[0].allowed.at(0).to_string() == "10.244.2.0/24");
            BOOST_TEST(device.peers[0].allowed.at(1).to_string() == "fd00:10:244:2::/64");
            for (const char* range : {"10.244.2.0/24", "fd00:10:244:2::/64"}) {
                BOOST_TEST(
                    Profiles::route(state, "node/node-1", range) == "dev " + std::string(name));
            }
            BOOST_TEST(
                Profiles::route(state, "external", "10.244.2.0/24") == "via 172.18.0.3 dev eth0");
        }
    }
    cluster.config.underlay_cidrs = {*IpPrefix::parse("fd00:172:18::/64")};
    BOOST_TEST(overlay_overhead(cluster.config) == 80U);
}

// As `printf default.web-0 | sha1sum` says.
BOOST_AUTO_TEST_CASE(ports_are_named_as_calico_names_them) {
    BOOST_TEST(calico_port("default", "web-0") == "cali0d7763386da");
    BOOST_TEST(calico_port("default", "web-0").size() == 15U);
}

BOOST_AUTO_TEST_CASE(each_profile_has_its_devices) {
    Profiles cluster;
    struct Expected {
        const char* profile;
        const char* bridge;
        const char* tunnel;
        std::uint32_t vni;
        std::uint16_t port;
    };
    for (const auto& [profile, bridge, tunnel, vni, port] :
         {Expected{"bridge", "cni0", "vxlan1", 1, 4789},
          Expected{"flannel", "cni0", "flannel.1", 1, 8472},
          Expected{"calico", nullptr, "vxlan.calico", 4096, 4789},
          Expected{"cilium", nullptr, "cilium_vxlan", 2, 8472}}) {
        BOOST_TEST_CONTEXT(profile) {
            const auto state = cluster.compile(profile, "vxlan");
            const auto* device = Profiles::link(state, "node/node-1", tunnel);
            BOOST_REQUIRE(device != nullptr);
            const auto& vxlan = std::get<VxlanSpec>(device->kind);
            BOOST_TEST(vxlan.vni == vni);
            BOOST_TEST(vxlan.port == port);
            BOOST_TEST(device->addresses.at(0).to_string() == "10.244.1.0/32");
            BOOST_TEST(
                (Profiles::link(state, "node/node-1", "cni0") != nullptr) == (bridge != nullptr));
            const auto plain = cluster.compile(profile, "none");
            BOOST_TEST(Profiles::link(plain, "node/node-1", tunnel) == nullptr);
            BOOST_TEST(plain.namespaces.at("node/node-1").fdb.empty());
            BOOST_TEST(Profiles::link(plain, "pod/x/a", "eth0")->mtu == 1500U);
        }
    }
}

BOOST_AUTO_TEST_CASE(only_routed_pods_are_checked_without_a_policy) {
    Profiles cluster;
    BOOST_TEST(Profiles::table(cluster.compile("bridge", "vxlan"), "cni-sources") == "");
    BOOST_TEST(Profiles::table(cluster.compile("flannel", "vxlan"), "cni-sources") == "");
    const auto text = Profiles::table(cluster.compile("calico", "vxlan"), "cni-sources");
    BOOST_TEST(text.find("table inet cni-sources") != std::string::npos, text);
    BOOST_TEST(
        text.find("iifname \"cali*\" iifname . ip saddr != @own-addresses-4") != std::string::npos,
        text);
}

BOOST_AUTO_TEST_CASE(a_node_without_bridges_needs_no_bridge_netfilter) {
    Profiles cluster;
    cluster.config.bridge_netfilter = true;
    const auto routed = cluster.compile("calico", "vxlan");
    for (const auto& each : routed.namespaces.at("node/node-1").sysctls) {
        BOOST_TEST(!each.key.starts_with("net/bridge"));
    }
    cluster.config.bridge_netfilter = false;
    BOOST_TEST(Profiles::table(cluster.compile("calico", "vxlan"), "cni-to-node") == "");
    BOOST_TEST(Profiles::table(cluster.compile("flannel", "vxlan"), "cni-to-node") != "");
}

BOOST_AUTO_TEST_CASE(a_node_has_the_addresses_of_its_devices) {
    Profiles cluster;
    const auto nodes = view_nodes(cluster.store, cluster.config);
    const auto texts = [&](const CniProfile& profile) {
        std::string text;
        for (const auto& address : node_addresses(nodes.at(0), profile)) {
            text += address.to_string() + " ";
        }
        return text;
    };
    BOOST_TEST(texts(kCalicoProfile) == "172.18.0.2 fd00:172:18::2 10.244.1.0 fd00:10:244:1:: ");
    BOOST_TEST(
        texts(kBridgeProfile) ==
        "172.18.0.2 fd00:172:18::2 10.244.1.0 10.244.1.1 fd00:10:244:1:: fd00:10:244:1::1 ");
    BOOST_TEST(texts(kCiliumProfile) == texts(kBridgeProfile));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_named) {
    BOOST_CHECK_EXCEPTION(
        (void)find_cni_profile("antrea", "spec.cni.profile"),
        UsageError,
        [](const UsageError& error) {
            return std::string(error.what()) ==
                       "spec.cni.profile: 'antrea' is not available in this version" &&
                   error.hint() == "available: bridge, flannel, calico, cilium, weave";
        });
    BOOST_CHECK_THROW(check_overlay("geneve", kCalicoProfile, "spec.cni.overlay"), UsageError);
    BOOST_CHECK_NO_THROW(check_overlay("ipip", kCalicoProfile, "spec.cni.overlay"));
    BOOST_CHECK_THROW(check_overlay("ipip", kBridgeProfile, "spec.cni.overlay"), UsageError);
    BOOST_CHECK_NO_THROW(check_overlay("none", kCalicoProfile, "spec.cni.overlay"));
    BOOST_CHECK_NO_THROW(check_overlay("geneve", kCiliumProfile, "spec.cni.overlay"));
    BOOST_CHECK_NO_THROW(check_overlay("geneve", kBridgeProfile, "spec.cni.overlay"));
    BOOST_CHECK_NO_THROW(check_overlay("sleeve", kWeaveProfile, "spec.cni.overlay"));
    BOOST_CHECK_THROW(check_overlay("sleeve", kBridgeProfile, "spec.cni.overlay"), UsageError);
    BOOST_CHECK_NO_THROW(check_emulation("none", kCiliumProfile, "spec.cni.emulation"));
    BOOST_CHECK_NO_THROW(check_emulation("userspace", kCiliumProfile, "spec.cni.emulation"));
    BOOST_CHECK_THROW(
        check_emulation("userspace", kBridgeProfile, "spec.cni.emulation"), UsageError);
    BOOST_CHECK_THROW(check_emulation("both", kCiliumProfile, "spec.cni.emulation"), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
