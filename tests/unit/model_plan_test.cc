#include <algorithm>
#include <functional>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/model/plan.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/state_text.h"

using namespace netemu;
using namespace netemu::test;

namespace {

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}
IpPrefix prefix(const char* text) {
    return *IpPrefix::parse(text);
}

LinkSpec loopback() {
    LinkSpec link;
    link.name = "lo";
    link.index = 1;
    return link;
}

LinkSpec bridge() {
    LinkSpec link;
    link.name = "cni0";
    link.index = 3;
    link.kind = BridgeSpec{};
    link.mac = MacAddress::for_ip(ip("10.244.1.1"));
    link.mtu = 1450;
    link.addresses = {prefix("10.244.1.1/24")};
    return link;
}

LinkSpec tunnel() {
    LinkSpec link;
    link.name = "vxlan1";
    link.index = 4;
    link.kind = VxlanSpec{1, ip("172.18.0.2"), 4789, "eth0"};
    link.mac = MacAddress::for_ip(ip("10.244.1.0"));
    link.mtu = 1450;
    return link;
}

NftTable table() {
    const NftRule rule{{NftCounter{}, NftMasquerade{}}, "why"};
    NftBase base;
    base.type = "nat";
    base.hook = NftHook::Postrouting;
    return {NftFamily::Ip, "nat", {{"post", base, {rule}}}};
}

/// A node on an underlay with one pod: small enough to read, with one of everything.
struct Fixture {
    DesiredState state;
    NamespaceSpec& underlay = state.namespaces["underlay"];
    NamespaceSpec& node = state.namespaces["node/n"];
    NamespaceSpec& pod = state.namespaces["pod/x/a"];

    Fixture() {
        const auto pod_mac = MacAddress::for_ip(ip("10.244.1.2"));
        const auto node_mac = MacAddress::for_ip(ip("172.18.0.2"));
        underlay.role = NamespaceRole::Underlay;
        node.role = NamespaceRole::Node;
        underlay.links = {veth("to-n", "node/n", node_mac)};
        node.links = {
            loopback(),
            peer(node_mac, "172.18.0.2/16"),
            bridge(),
            tunnel(),
            veth("veth1", "pod/x/a", pod_mac)};
        node.links[4].master = "cni0";
        node.routes = {
            {prefix("0.0.0.0/0"), ip("172.18.0.1"), "eth0", false},
            {prefix("10.244.2.0/24"), ip("10.244.2.0"), "vxlan1", true}};
        node.neighbours = {{ip("10.244.2.0"), node_mac, "vxlan1"}};
        node.fdb = {{node_mac, ip("172.18.0.3"), "vxlan1"}};
        node.tables = {table()};
        pod.links = {loopback(), peer(pod_mac, "10.244.1.2/24")};
        pod.routes = {{prefix("0.0.0.0/0"), ip("10.244.1.1"), "eth0", false}};
        pod.neighbours = {{ip("10.244.1.1"), bridge().mac, "eth0"}};
        kernel.apply(make_plan(state, {}));
        before = expected_observation(state);
    }

    static LinkSpec veth(const char* name, const char* ns, MacAddress mac) {
        LinkSpec link;
        link.name = name;
        link.index = 101;
        link.kind = VethSpec{ns, "eth0", 2, mac};
        link.mac = mac;
        link.mac.bytes[0] = 0x0e;
        return link;
    }

    static LinkSpec peer(MacAddress mac, const char* address) {
        LinkSpec link;
        link.name = "eth0";
        link.index = 2;
        link.kind = VethPeerSpec{};
        link.mac = mac;
        link.addresses = {prefix(address)};
        return link;
    }

    /// The plan to `state` as it is now, after it has led there.
    std::string plan_text() {
        const auto plan = make_plan(state, before);
        kernel.apply(plan);
        BOOST_TEST(
            first_difference(to_text(kernel.observe()), to_text(expected_observation(state))) ==
            "");
        return to_text(plan);
    }

    FakeKernel kernel;
    ObservedState before;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(plan, Fixture)

BOOST_AUTO_TEST_CASE(nothing_to_do) {
    BOOST_TEST(plan_text() == "");
    BOOST_TEST(make_plan({}, {}).empty());
}

BOOST_AUTO_TEST_CASE(order_of_creation) {
    const auto plan = make_plan(state, {});
    const auto text = to_text(plan);
    const std::vector<std::string> order{
        "underlay: ip netns add",
        "node/n: ip netns add",
        "pod/x/a: ip netns add",
        "underlay: ip link add to-n",
        "node/n: ip link add cni0",
        "node/n: ip link add veth1",
        "node/n: ip link set lo up",
        "node/n: ip link set eth0",
        "node/n: ip link add vxlan1",
        "node/n: ip address add",
        "node/n: ip route add",
        "node/n: ip neighbour replace",
        "node/n: bridge fdb append",
        "node/n: nft table",
        "pod/x/a: ip link set lo up",
        "pod/x/a: ip link set eth0",
        "pod/x/a: ip address add",
        "pod/x/a: ip route add default"};
    std::size_t last = 0;
    for (const auto& line : order) {
        const auto at = text.find(line);
        BOOST_TEST_REQUIRE(at != std::string::npos, line);
        BOOST_TEST(at >= last, line);
        last = at;
    }
    const auto counts = summarize(plan);
    BOOST_TEST(counts.at("create namespace") == 3U);
    BOOST_TEST(counts.at("create link") == 4U);
    BOOST_TEST(counts.at("configure link") == 4U);
    BOOST_TEST(counts.at("add neighbour") == 2U);
    BOOST_TEST(!counts.contains("delete link"));
}

BOOST_AUTO_TEST_CASE(mtu_flags_master_change_in_place) {
    node.links[4].mtu = 1400;
    node.links[4].master.clear();
    pod.links[1].mtu = 1400;
    BOOST_TEST(
        plan_text() == "node/n: ip link set veth1 mtu 1400 nomaster up\n"
                       "pod/x/a: ip link set eth0 mtu 1400 nomaster up\n");
}

BOOST_AUTO_TEST_CASE(a_new_bridge_gets_its_ports_back) {
    node.links[2].mac = MacAddress::for_ip(ip("10.244.1.9"));
    const auto text = plan_text();
    BOOST_TEST(text.starts_with("node/n: ip link delete cni0\nnode/n: ip link add cni0"));
    BOOST_TEST(contains(text, "node/n: ip link set veth1 mtu 1500 master cni0 up"));
    BOOST_TEST(contains(text, "node/n: ip address add 10.244.1.1/24 dev cni0"));
    BOOST_TEST(!contains(text, "pod/x/a"));
}

BOOST_AUTO_TEST_CASE(another_mac_in_the_pod_recreates_the_pair) {
    const auto mac = MacAddress::for_ip(ip("10.244.1.7"));
    pod.links[1].mac = mac;
    std::get<VethSpec>(node.links[4].kind).peer_mac = mac;
    const auto text = plan_text();
    BOOST_TEST(contains(text, "node/n: ip link delete veth1\n"));
    BOOST_TEST(contains(text, "node/n: ip link add veth1"));
    BOOST_TEST(contains(text, "pod/x/a: ip address add 10.244.1.2/24 dev eth0"));
    BOOST_TEST(contains(text, "pod/x/a: ip route add default via 10.244.1.1 dev eth0"));
    BOOST_TEST(contains(text, "pod/x/a: ip neighbour replace 10.244.1.1"));
    BOOST_TEST(!contains(text, "cni0 index"));
}

BOOST_AUTO_TEST_CASE(a_recreated_pod_namespace_takes_the_pair_along) {
    pod.role = NamespaceRole::External;
    const auto text = plan_text();
    BOOST_TEST(text.starts_with(
        "node/n: ip link delete veth1\npod/x/a: ip netns delete pod/x/a\npod/x/a: ip netns add"));
}

BOOST_AUTO_TEST_CASE(a_pod_moves_to_another_node) {
    auto& other = state.namespaces["node/o"];
    other.role = NamespaceRole::Node;
    other.links = {bridge(), node.links[4]};
    node.links.pop_back();
    const auto text = plan_text();
    BOOST_TEST(text.starts_with("node/n: ip link delete veth1\n"));
    BOOST_TEST(contains(text, "node/o: ip link add veth1"));
    BOOST_TEST(contains(text, "pod/x/a: ip route add default"));
}

BOOST_AUTO_TEST_CASE(a_tunnel_goes_and_comes_with_its_carrier) {
    const auto mac = MacAddress::for_ip(ip("172.18.0.9"));
    node.links[1].mac = mac;
    std::get<VethSpec>(underlay.links[0].kind).peer_mac = mac;
    const auto text = plan_text();
    BOOST_TEST(contains(text, "node/n: ip link delete vxlan1\nnode/n: ip link delete eth0\n"));
    BOOST_TEST(contains(text, "node/n: ip link add vxlan1"));
    BOOST_TEST(contains(text, "node/n: bridge fdb append"));
    BOOST_TEST(
        contains(text, "node/n: ip route add 10.244.2.0/24 via 10.244.2.0 dev vxlan1 onlink"));
    BOOST_TEST(!contains(text, "route delete"));
}

BOOST_AUTO_TEST_CASE(another_vni_recreates_the_tunnel) {
    std::get<VxlanSpec>(node.links[3].kind).vni = 2;
    const auto text = plan_text();
    BOOST_TEST(text.starts_with("node/n: ip link delete vxlan1\nnode/n: ip link add vxlan1"));
    BOOST_TEST(contains(text, "id 2 "));
}

BOOST_AUTO_TEST_CASE(an_index_in_use_by_what_goes_is_free_in_time) {
    node.links[4].name = "veth2"; // the same index under another name
    BOOST_TEST(plan_text().starts_with("node/n: ip link delete veth1\n"));
}

BOOST_AUTO_TEST_CASE(addresses_routes_change_in_place) {
    node.links[2].addresses.push_back(prefix("fd00::1/64"));
    node.routes[0].gateway = ip("172.18.0.9");
    node.fdb[0].remote = ip("172.18.0.4");
    BOOST_TEST(
        plan_text() ==
        "node/n: bridge fdb delete 0a:58:ac:12:00:02 dev vxlan1 dst 172.18.0.3 self permanent\n"
        "node/n: ip route delete default via 172.18.0.1 dev eth0\n"
        "node/n: ip -6 address add fd00::1/64 dev cni0 nodad\n"
        "node/n: ip route add default via 172.18.0.9 dev eth0\n"
        "node/n: bridge fdb append 0a:58:ac:12:00:02 dev vxlan1 dst 172.18.0.4 self permanent\n");
}

BOOST_AUTO_TEST_CASE(losing_an_ipv4_address_renews_what_the_kernel_drops_with_it) {
    pod.links[1].addresses = {prefix("10.244.1.3/24")};
    BOOST_TEST(
        plan_text() == "pod/x/a: ip route delete default via 10.244.1.1 dev eth0\n"
                       "pod/x/a: ip address delete 10.244.1.2/24 dev eth0\n"
                       "pod/x/a: ip address add 10.244.1.3/24 dev eth0\n"
                       "pod/x/a: ip route add default via 10.244.1.1 dev eth0\n"
                       "pod/x/a: ip neighbour replace 10.244.1.1 lladdr 0a:58:0a:f4:01:01 dev eth0 "
                       "nud permanent\n");
}

BOOST_AUTO_TEST_CASE(tables_are_changed_if_known_and_replaced_otherwise) {
    node.tables[0].chains[0].rules[0].comment = "another reason";
    BOOST_TEST(plan_text().starts_with("node/n: nft flush chain ip nat "));
    before = expected_observation(state);
    before.namespaces.at("node/n").tables[0].counts.rules = 0; // removed by hand
    BOOST_TEST(plan_text().starts_with("node/n: nft table ip nat {"));
    node.tables.clear();
    BOOST_TEST(plan_text() == "node/n: nft delete table ip nat\n");
}

BOOST_AUTO_TEST_CASE(what_was_taken_down_by_hand_comes_back) {
    LinkSpec down = pod.links[1];
    down.up = false;
    kernel.apply(Plan{{ChangeLink{"pod/x/a", down}}});
    before = kernel.observe();
    const auto text = plan_text();
    BOOST_TEST(contains(text, "pod/x/a: ip link set eth0 mtu 1500 nomaster up\n"));
    BOOST_TEST(contains(text, "pod/x/a: ip route add default"));
}

BOOST_AUTO_TEST_CASE(a_loopback_that_is_not_listed_rests) {
    pod.links.erase(pod.links.begin());
    BOOST_TEST(plan_text() == "pod/x/a: ip link set lo down\n");
}

BOOST_AUTO_TEST_CASE(a_veth_without_a_peer_is_refused) {
    pod.links.pop_back();
    BOOST_CHECK_EXCEPTION(make_plan(state, {}), Error, [](const Error& error) {
        return contains(error.what(), "veth veth1 of node/n: its peer eth0 of pod/x/a");
    });
    state.namespaces.erase("pod/x/a");
    BOOST_CHECK_THROW(make_plan(state, {}), Error);
    node.links.erase(node.links.begin() + 1);
    BOOST_CHECK_THROW(make_plan(state, {}), Error);
}

BOOST_AUTO_TEST_CASE(a_fake_kernel_refuses_what_linux_refuses) {
    const auto refusal = [&](Operation operation) {
        try {
            kernel.apply(Plan{{std::move(operation)}});
        } catch (const SysError& error) {
            return error.error_number();
        }
        return 0;
    };
    BOOST_TEST(refusal(CreateNamespace{"node/n", {}, {}}) == EEXIST);
    BOOST_TEST(refusal(DeleteNamespace{"node/x"}) == ENOENT);
    BOOST_TEST(refusal(CreateLink{"node/n", bridge()}) == EEXIST);
    auto other = bridge();
    other.name = "br1";
    BOOST_TEST(refusal(CreateLink{"node/n", other}) == EBUSY);
    other.index = 9;
    other.mac.bytes[0] |= 1U;
    BOOST_TEST(refusal(CreateLink{"node/n", other}) == EADDRNOTAVAIL);
    auto port = node.links[4];
    port.master = "nowhere";
    BOOST_TEST(refusal(ChangeLink{"node/n", port}) == ENODEV);
    BOOST_TEST(refusal(AddAddress{"pod/x/a", "eth0", prefix("10.244.1.2/24")}) == EEXIST);
    BOOST_TEST(refusal(AddRoute{"pod/x/a", pod.routes[0]}) == EEXIST);
    BOOST_TEST(
        refusal(AddRoute{"pod/x/a", {prefix("10.9.0.0/16"), ip("10.8.0.1"), "eth0", false}}) ==
        ENETUNREACH);
    BOOST_TEST(refusal(DeleteRoute{"pod/x/a", node.routes[0]}) == ESRCH);
    BOOST_TEST(refusal(DeleteLink{"pod/x/a", "eth7"}) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

using NeighbourVector = std::vector<NeighbourSpec>;

struct SegmentFixture {
    DesiredState state;
    FakeKernel kernel;

    SegmentFixture() {
        for (const auto* name : {"pod/x/a", "pod/x/b"}) {
            state.namespaces[name].links = {loopback()};
            state.namespaces[name].neighbours = {entry("10.0.0.1", "10.0.0.1")};
        }
        share({entry("10.0.0.2", "10.0.0.2"), entry("10.0.0.3", "10.0.0.3")});
    }

    static NeighbourSpec entry(const char* address, const char* mac) {
        return {ip(address), MacAddress::for_ip(ip(mac)), "lo"};
    }

    void share(NeighbourVector list) {
        const auto shared = std::make_shared<const NeighbourVector>(std::move(list));
        for (auto& [name, spec] : state.namespaces) {
            spec.segment_neighbours = shared;
        }
    }

    std::string change(bool observed, const std::function<void()>& edit) {
        FakeKernel fresh;
        fresh.apply(make_plan(state, {}));
        const auto before = observed ? fresh.observe() : expected_observation(state);
        edit();
        const auto plan = make_plan(state, before);
        fresh.apply(plan);
        BOOST_TEST(
            first_difference(to_text(fresh.observe()), to_text(expected_observation(state))) == "");
        return to_text(plan);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(segment, SegmentFixture)

BOOST_AUTO_TEST_CASE(a_new_member_gets_the_shared_list_itself) {
    const auto plan = make_plan(state, {});
    const auto shared = state.namespaces.begin()->second.segment_neighbours;
    const auto uses = std::count_if(
        plan.operations.begin(), plan.operations.end(), [&](const Operation& operation) {
            const auto* add = std::get_if<AddNeighbours>(&operation);
            return add != nullptr && add->entries == shared;
        });
    BOOST_TEST(uses == 2);
}

BOOST_AUTO_TEST_CASE(an_equal_list_changes_nothing) {
    for (const bool observed : {false, true}) {
        BOOST_TEST(change(observed, [&] {
                       share(NeighbourVector(*state.namespaces.begin()->second.segment_neighbours));
                   }) == "");
    }
}

BOOST_AUTO_TEST_CASE(only_differences_are_planned) {
    for (const bool observed : {false, true}) {
        share({entry("10.0.0.2", "10.0.0.2"), entry("10.0.0.3", "10.0.0.3")});
        BOOST_TEST(
            change(
                observed,
                [&] {
                    share({entry("10.0.0.3", "10.0.0.9"), entry("10.0.0.4", "10.0.0.4")});
                }) ==
            "pod/x/a: ip neighbour delete 10.0.0.2 dev lo\n"
            "pod/x/b: ip neighbour delete 10.0.0.2 dev lo\n"
            "pod/x/a: ip neighbour replace 10.0.0.3 lladdr 0a:58:0a:00:00:09 dev lo nud permanent "
            "(and 1 more)\n"
            "pod/x/b: ip neighbour replace 10.0.0.3 lladdr 0a:58:0a:00:00:09 dev lo nud permanent "
            "(and 1 more)\n");
    }
}

BOOST_AUTO_TEST_CASE(the_list_may_end) {
    for (const bool observed : {false, true}) {
        share({entry("10.0.0.2", "10.0.0.2")});
        const auto text = change(observed, [&] {
            for (auto& [name, spec] : state.namespaces) {
                spec.segment_neighbours = nullptr;
            }
        });
        BOOST_TEST(
            text == "pod/x/a: ip neighbour delete 10.0.0.2 dev lo\n"
                    "pod/x/b: ip neighbour delete 10.0.0.2 dev lo\n");
    }
}

BOOST_AUTO_TEST_CASE(an_entry_may_move_between_own_and_shared) {
    for (const bool observed : {false, true}) {
        share({entry("10.0.0.2", "10.0.0.2")});
        const auto text = change(observed, [&] {
            share({entry("10.0.0.1", "10.0.0.1"), entry("10.0.0.2", "10.0.0.2")});
            for (auto& [name, spec] : state.namespaces) {
                spec.neighbours.clear();
            }
        });
        BOOST_TEST(text == "");
        for (auto& [name, spec] : state.namespaces) {
            spec.neighbours = {entry("10.0.0.1", "10.0.0.1")};
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
