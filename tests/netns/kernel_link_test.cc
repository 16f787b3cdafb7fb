#include <array>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/kernel/link_tun.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

BOOST_FIXTURE_TEST_SUITE(kernel_links, KernelFixture)

BOOST_AUTO_TEST_CASE(a_namespace_is_new_and_empty) {
    create({"node/a"});
    const auto links = ip_json("node/a", {"link"});
    BOOST_REQUIRE_EQUAL(links.size(), 1U);
    BOOST_TEST(links[0].at("ifname") == "lo");
    BOOST_TEST(kernel->namespace_fd("node/a") >= 0);
    BOOST_TEST(kernel->namespace_fd("node/b") == -1);
}

BOOST_AUTO_TEST_CASE(sysctls_are_written_in_the_namespace) {
    const auto before = run_in(-1, {"cat", "/proc/sys/net/ipv4/ip_forward"}).out;
    apply(
        {CreateNamespace{
             "node/a",
             NamespaceRole::Node,
             {{"net/ipv4/ip_forward", "1"}, {"net/ipv4/conf/all/rp_filter", "2"}}},
         CreateNamespace{"node/b", NamespaceRole::Node, {{"net/ipv4/ip_forward", "0"}}}});
    BOOST_TEST(read("node/a", "/proc/sys/net/ipv4/ip_forward") == "1\n");
    BOOST_TEST(read("node/a", "/proc/sys/net/ipv4/conf/all/rp_filter") == "2\n");
    BOOST_TEST(read("node/b", "/proc/sys/net/ipv4/ip_forward") == "0\n");
    BOOST_TEST(run_in(-1, {"cat", "/proc/sys/net/ipv4/ip_forward"}).out == before);
}

BOOST_AUTO_TEST_CASE(lo_comes_up) {
    create({"node/a"});
    apply({CreateLink{"node/a", loopback()}});
    const auto address = ip_json("node/a", {"addr", "show", "dev", "lo"})[0].at("addr_info");
    BOOST_TEST(find(address, "local", "127.0.0.1").is_object());
}

BOOST_AUTO_TEST_CASE(a_bridge_is_as_described) {
    create({"node/a"});
    auto spec = bridge("cni0", 3);
    spec.mac = mac("0a:58:0a:f4:01:01");
    spec.mtu = 1450;
    apply({CreateLink{"node/a", spec}});
    const auto shown = link("node/a", "cni0");
    BOOST_TEST(shown.at("ifindex") == kIndexBase + 3);
    BOOST_TEST(shown.at("address") == "0a:58:0a:f4:01:01");
    BOOST_TEST(shown.at("mtu") == 1450);
    BOOST_TEST(shown.at("flags").dump().find("\"UP\"") != std::string::npos);
    const auto& info = shown.at("linkinfo");
    BOOST_TEST(info.at("info_kind") == "bridge");
    BOOST_TEST(info.at("info_data").at("stp_state") == 0);
    BOOST_TEST(info.at("info_data").at("forward_delay") == 0);
    BOOST_TEST(info.at("info_data").at("mcast_snooping") == 0);
}

BOOST_AUTO_TEST_CASE(a_bridge_keeps_its_mtu_when_its_last_port_goes) {
    for (const std::uint32_t mtu : {1450U, 1500U}) {
        KernelFixture own;
        own.create({"node/a", "pod/x"});
        auto spec = bridge("cni0", 3);
        spec.mtu = mtu;
        auto port = veth("veth0", 4, "pod/x");
        port.mtu = 1400;
        port.master = "cni0";
        own.apply({CreateLink{"node/a", spec}, CreateLink{"node/a", port}});
        BOOST_TEST(own.link("node/a", "cni0").at("mtu") == mtu);
        own.apply({DeleteLink{"node/a", "veth0"}});
        BOOST_TEST(own.link("node/a", "cni0").at("mtu") == mtu);
    }
}

namespace {

LinkSpec tun_device(const std::string& name, const TunSpec& kind) {
    LinkSpec spec;
    spec.name = name;
    spec.index = kIndexBase + 3;
    spec.kind = kind;
    spec.mtu = 1442;
    if (kind.ethernet) {
        spec.mac = mac("0a:58:0a:f4:01:01");
    }
    return spec;
}

/// False, and said, where this user may not open the device.
bool may_make_tuns() {
    try {
        require_tun();
        return true;
    } catch (const UnsupportedError& error) {
        BOOST_TEST_MESSAGE("skipped: " << error.what());
        return false;
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(a_tun_device_hands_over_what_is_sent_by_it) {
    if (!may_make_tuns()) {
        return;
    }
    create({"node/a"});
    const auto spec = tun_device("tun0", {false, true});
    apply(
        {CreateLink{"node/a", spec},
         AddAddress{"node/a", "tun0", prefix("10.9.0.1/32")},
         AddRoute{"node/a", {prefix("10.9.1.0/24"), {}, "tun0", false}}});
    const auto shown = link("node/a", "tun0");
    BOOST_TEST(shown.at("ifindex") == kIndexBase + 3);
    BOOST_TEST(shown.at("mtu") == 1442);
    BOOST_TEST(shown.at("flags").dump().find("LOWER_UP") != std::string::npos);
    BOOST_TEST(shown.at("linkinfo").at("info_kind") == "tun");
    BOOST_TEST(shown.at("linkinfo").at("info_data").at("vnet_hdr") == true);
    const auto seen = kernel->observe().namespaces.at("node/a").links.at("tun0");
    BOOST_TEST((seen.tun == TunSpec{false, true}));
    const auto descriptor = kernel->tun_descriptor("node/a", "tun0");
    (void)run_in(kernel->namespace_fd("node/a"), {"ping", "-c1", "-W1", "10.9.1.7"});
    std::array<std::uint8_t, 2048> packet{};
    const auto size = ::read(descriptor.get(), packet.data(), packet.size());
    BOOST_REQUIRE_GE(size, 10 + 28);
    BOOST_TEST(packet.at(10) == 0x45);
    BOOST_TEST(packet.at(10 + 19) == 7); // the last byte of the destination
    apply({DeleteLink{"node/a", "tun0"}});
    BOOST_TEST(link("node/a", "tun0").is_null());
    BOOST_CHECK_THROW((void)kernel->tun_descriptor("node/a", "tun0"), Error);
}

BOOST_AUTO_TEST_CASE(a_tap_device_is_ethernet) {
    if (!may_make_tuns()) {
        return;
    }
    create({"node/a"});
    apply({CreateLink{"node/a", tun_device("tap0", {true, false})}});
    const auto shown = link("node/a", "tap0");
    BOOST_TEST(shown.at("address") == "0a:58:0a:f4:01:01");
    BOOST_TEST(shown.at("link_type") == "ether");
    BOOST_TEST(
        (kernel->observe().namespaces.at("node/a").links.at("tap0").tun == TunSpec{true, false}));
}

BOOST_AUTO_TEST_CASE(a_veth_pair_spans_two_namespaces) {
    create({"node/a", "pod/x"});
    auto outer = veth("veth0", 7, "pod/x");
    outer.mtu = 1450;
    outer.master = "cni0";
    outer.hairpin = true;
    apply(
        {CreateLink{"node/a", bridge("cni0", 3)},
         CreateLink{"node/a", outer},
         CreateLink{"pod/x", loopback()},
         CreateLink{"pod/x", veth_peer(outer)}});
    const auto port = link("node/a", "veth0");
    BOOST_TEST(port.at("ifindex") == kIndexBase + 7);
    BOOST_TEST(port.at("master") == "cni0");
    BOOST_TEST(port.at("mtu") == 1450);
    BOOST_TEST(port.at("num_tx_queues") == 1);
    BOOST_TEST(port.at("linkinfo").at("info_slave_data").at("hairpin") == true);
    BOOST_TEST(port.at("operstate") == "UP");
    const auto inner = link("pod/x", "eth0");
    BOOST_TEST(inner.at("ifindex") == kIndexBase + 2);
    BOOST_TEST(inner.at("link_index") == kIndexBase + 7);
    BOOST_TEST(inner.at("address") == "02:e1:00:00:00:07");
    BOOST_TEST(inner.at("mtu") == 1450);
    BOOST_TEST(inner.at("operstate") == "UP");
    BOOST_TEST(inner.at("inet6_addr_gen_mode") == "none");
    BOOST_TEST(link("node/a", "cni0").at("operstate") == "UP");
}

BOOST_AUTO_TEST_CASE(links_have_no_link_local_addresses) {
    create({"node/a", "pod/x"});
    const auto outer = veth("veth0", 7, "pod/x");
    apply(
        {CreateLink{"node/a", bridge("cni0", 3)},
         CreateLink{"node/a", outer},
         CreateLink{"pod/x", veth_peer(outer)}});
    for (const char* ns : {"node/a", "pod/x"}) {
        const auto addresses = ip_json(ns, {"-6", "addr"});
        BOOST_TEST(addresses.dump().find("fe80") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(vxlan_over_ipv4_and_ipv6) {
    create({"node/a", "node/b"});
    const auto carrier = veth("eth9", 2, "node/b");
    const VxlanSpec v4{7, ip("172.18.0.2"), 4789, "eth9"};
    const VxlanSpec v6{8, ip("fd00:172:18::2"), 8472, "eth9"};
    auto six = vxlan("vxlan6", 5, v6);
    six.mtu = 1430;
    apply(
        {CreateLink{"node/a", carrier},
         AddAddress{"node/a", "eth9", prefix("172.18.0.2/16")},
         AddAddress{"node/a", "eth9", prefix("fd00:172:18::2/64")},
         CreateLink{"node/a", vxlan("vxlan4", 4, v4)},
         CreateLink{"node/a", six}});
    const auto four = link("node/a", "vxlan4");
    BOOST_TEST(four.at("mtu") == 1450);
    const auto& data4 = four.at("linkinfo").at("info_data");
    BOOST_TEST(data4.at("id") == 7);
    BOOST_TEST(data4.at("local") == "172.18.0.2");
    BOOST_TEST(data4.at("port") == 4789);
    BOOST_TEST(data4.at("link") == "eth9");
    BOOST_TEST(data4.at("learning") == false);
    BOOST_TEST(!data4.contains("remote"));
    const auto data6 = link("node/a", "vxlan6").at("linkinfo").at("info_data");
    BOOST_TEST(data6.at("id") == 8);
    BOOST_TEST(data6.at("local6") == "fd00:172:18::2");
    BOOST_TEST(data6.at("port") == 8472);
}

/// Whether the kernel puts segments together again that come in by `link`, as ethtool(8) tells.
bool has_gro(const KernelFixture& fixture, const std::string& ns, const std::string& link) {
    const auto text = run_in(fixture.kernel->namespace_fd(ns), {"ethtool", "-k", link}).out;
    const bool on = text.find("generic-receive-offload: on") != std::string::npos;
    BOOST_TEST(on != (text.find("generic-receive-offload: off") != std::string::npos), text);
    return on;
}

BOOST_AUTO_TEST_CASE(tunnels_have_no_receive_offload) {
    create({"node/a", "node/b"});
    LinkSpec external;
    external.name = "vxlan-6784";
    external.index = kIndexBase + 6;
    external.mac = mac("0a:58:0a:f4:01:00");
    external.kind = ExternalTunnelSpec{ExternalTunnelSpec::Protocol::Vxlan, 6784};
    apply(
        {CreateLink{"node/a", bridge("cni0", 3)},
         CreateLink{"node/a", veth("eth9", 2, "node/b")},
         AddAddress{"node/a", "eth9", prefix("172.18.0.2/16")},
         CreateLink{"node/a", vxlan("vxlan4", 4, {7, ip("172.18.0.2"), 4789, "eth9"})},
         CreateLink{"node/a", external}});
    BOOST_TEST(has_gro(*this, "node/a", "cni0"));
    BOOST_TEST(!has_gro(*this, "node/a", "vxlan4"));
    BOOST_TEST(!has_gro(*this, "node/a", "vxlan-6784"));
    // One that is gone before the end of its plan is nobody's concern.
    apply(
        {CreateNamespace{"node/c", NamespaceRole::Node, {}},
         CreateLink{"node/c", external},
         DeleteNamespace{"node/c"}});
}

BOOST_AUTO_TEST_CASE(a_tunnel_in_external_mode_is_directed_by_routes) {
    create({"node/a"});
    using Protocol = ExternalTunnelSpec::Protocol;
    LinkSpec tunnel;
    tunnel.name = "vxlan-6784";
    tunnel.index = kIndexBase + 4;
    tunnel.mac = mac("0a:58:0a:f4:01:00");
    tunnel.mtu = 1376;
    tunnel.kind = ExternalTunnelSpec{Protocol::Vxlan, 6784};
    RouteSpec four{prefix("10.244.2.0/24"), ip("10.244.2.0"), "vxlan-6784", true};
    four.encap = Encap{12290, ip("172.18.0.3")};
    RouteSpec six{prefix("fd00:10:244:2::/64"), ip("fd00:10:244:2::"), "vxlan-6784", true};
    six.encap = Encap{12290, ip("fd00:172:18::3")};
    apply(
        {CreateLink{"node/a", tunnel},
         AddAddress{"node/a", "vxlan-6784", prefix("10.244.1.0/32")},
         AddAddress{"node/a", "vxlan-6784", prefix("fd00:10:244:1::/128")},
         AddRoute{"node/a", four},
         AddRoute{"node/a", six}});
    const auto shown = link("node/a", "vxlan-6784");
    BOOST_TEST(shown.at("mtu") == 1376);
    BOOST_TEST(shown.at("linkinfo").at("info_kind") == "vxlan");
    const auto& data = shown.at("linkinfo").at("info_data");
    BOOST_TEST(data.at("external") == true);
    BOOST_TEST(data.at("port") == 6784);
    BOOST_TEST(data.at("learning") == false);
    // Both the destination and the outer one are "dst", so the words are looked at.
    const auto text4 = run_in(kernel->namespace_fd("node/a"), {"ip", "-4", "route"}).out;
    BOOST_TEST(
        text4.find("10.244.2.0/24  encap ip id 12290 src 0.0.0.0 dst 172.18.0.3 ttl 64") !=
            std::string::npos,
        text4);
    const auto text6 = run_in(kernel->namespace_fd("node/a"), {"ip", "-6", "route"}).out;
    BOOST_TEST(
        text6.find(
            "fd00:10:244:2::/64  encap ip6 id 12290 src :: dst fd00:172:18::3 hoplimit 64") !=
            std::string::npos,
        text6);
    const auto seen = kernel->observe().namespaces.at("node/a");
    BOOST_TEST((seen.links.at("vxlan-6784").external == ExternalTunnelSpec{Protocol::Vxlan, 6784}));
    BOOST_TEST(!seen.links.at("vxlan-6784").vxlan.has_value());
    BOOST_TEST((seen.routes == std::vector<RouteSpec>{four, six}));
    apply({DeleteRoute{"node/a", four}, DeleteRoute{"node/a", six}});
    BOOST_TEST(kernel->observe().namespaces.at("node/a").routes.empty());
}

BOOST_AUTO_TEST_CASE(a_link_changes_its_mtu_flag_and_master) {
    create({"node/a", "pod/x"});
    auto port = veth("veth0", 7, "pod/x");
    apply(
        {CreateLink{"node/a", bridge("cni0", 3)},
         CreateLink{"node/a", bridge("cni1", 4)},
         CreateLink{"node/a", port}});
    port.master = "cni1";
    port.hairpin = true;
    port.mtu = 1300;
    port.up = false;
    apply({ChangeLink{"node/a", port}});
    auto shown = link("node/a", "veth0");
    BOOST_TEST(shown.at("linkinfo").at("info_slave_data").at("hairpin") == true);
    port.hairpin = false;
    apply({ChangeLink{"node/a", port}});
    shown = link("node/a", "veth0");
    BOOST_TEST(shown.at("linkinfo").at("info_slave_data").at("hairpin") == false);
    BOOST_TEST(shown.at("master") == "cni1");
    BOOST_TEST(shown.at("mtu") == 1300);
    BOOST_TEST(shown.at("flags").dump().find("\"UP\"") == std::string::npos);
    port.master = "";
    port.up = true;
    apply({ChangeLink{"node/a", port}});
    shown = link("node/a", "veth0");
    BOOST_TEST(!shown.contains("master"));
    BOOST_TEST(shown.at("flags").dump().find("\"UP\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(links_are_deleted_alone_and_together) {
    create({"node/a", "pod/x", "pod/y", "pod/z"});
    apply(
        {CreateLink{"node/a", bridge("cni0", 3)},
         CreateLink{"node/a", veth("veth1", 11, "pod/x")},
         CreateLink{"node/a", veth("veth2", 12, "pod/y")},
         CreateLink{"node/a", veth("veth3", 13, "pod/z")}});
    apply({DeleteLink{"node/a", "veth1"}});
    BOOST_TEST(link("node/a", "veth1").is_null());
    BOOST_TEST(link("pod/x", "eth0").is_null());
    BOOST_TEST(link("node/a", "veth2").is_object());
    apply(
        {DeleteLink{"node/a", "veth2"},
         DeleteLink{"node/a", "veth3"},
         DeleteLink{"node/a", "no-such-link"}});
    const auto rest = ip_json("node/a", {"link"});
    BOOST_TEST(rest.size() == 2U);
    BOOST_TEST(find(rest, "ifname", "cni0").is_object());
    BOOST_TEST(link("pod/z", "eth0").is_null());
}

BOOST_AUTO_TEST_CASE(links_that_somebody_renumbered_are_found_again) {
    create({"node/a"});
    apply({CreateLink{"node/a", bridge("cni0", 3)}});
    run_in(kernel->namespace_fd("node/a"), {"ip", "link", "del", "cni0"});
    run_in(kernel->namespace_fd("node/a"), {"ip", "link", "add", "cni0", "type", "bridge"});
    BOOST_CHECK_THROW(
        apply({AddAddress{"node/a", "cni0", prefix("10.0.0.1/24")}}), SysError); // stale index
    apply({AddAddress{"node/a", "cni0", prefix("10.0.0.1/24")}});
    BOOST_TEST(
        ip_json("node/a", {"addr", "show", "dev", "cni0"}).dump().find("10.0.0.1") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_is_left_of_a_deleted_namespace_and_kernel) {
    const auto before = held_namespaces();
    {
        KernelFixture other;
        other.create({"node/a", "node/b"});
        other.apply({CreateLink{"node/a", veth("veth0", 2, "node/b")}});
        BOOST_TEST(held_namespaces() > before);
        other.apply({DeleteNamespace{"node/b"}});
        BOOST_TEST(other.kernel->namespace_fd("node/b") == -1);
    }
    BOOST_TEST(held_namespaces() == before);
    BOOST_TEST(ip_json("", {"link"}).size() == 1U); // our own: lo only
}

BOOST_AUTO_TEST_SUITE_END()
