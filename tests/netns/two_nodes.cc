#include "tests/netns/two_nodes.h"

#include <array>

#include "tests/netns/kernel_fixture.h"

namespace netemu::test {

namespace {

constexpr std::uint32_t kOverlayMtu = 1450;

std::string number(int node) {
    return std::to_string(node);
}

IpAddress underlay_ip(int node) {
    return IpAddress::v4(0xAC120001 + static_cast<std::uint32_t>(node));
}

/// The tunnel's end on a node: the network address of its pods.
IpAddress vtep(int node) {
    return ip(("10.244." + number(node) + ".0").c_str());
}

IpAddress vtep6(int node) {
    return ip(("fd00:244:" + number(node) + "::").c_str());
}

IpAddress pod_ip(int node, int pod) {
    return vtep(node).plus(static_cast<std::uint64_t>(pod) + 1);
}

IpAddress pod_ip6(int node, int pod) {
    return vtep6(node).plus(static_cast<std::uint64_t>(pod) + 1);
}

MacAddress outer(MacAddress peer) {
    peer.bytes[0] = 0x0E;
    return peer;
}

LinkSpec
pair(const std::string& name, std::uint32_t index, const std::string& peer, const MacAddress& mac) {
    auto link = veth(name, index, peer);
    std::get<VethSpec>(link.kind).peer_mac = mac;
    link.mac = outer(mac);
    return link;
}

NftTable masquerade(int node) {
    const auto mine = IpPrefix{vtep(node), 24};
    NftChain chain{
        "postrouting",
        NftBase{"nat", NftHook::Postrouting, 100, NftVerdict::Accept},
        {{{NftMatchAddress{NftMatchAddress::Field::Source, mine, false},
           NftMatchAddress{NftMatchAddress::Field::Destination, prefix("10.244.0.0/16"), true},
           NftCounter{},
           NftMasquerade{}},
          "pods to the outside"}}};
    return {NftFamily::Ip, "cni-masquerade", {chain}};
}

void add_tunnel(NamespaceSpec& spec, int node, int peer) {
    const auto mac = MacAddress::for_ip(vtep(peer));
    spec.fdb.push_back({mac, underlay_ip(peer), "vxlan1"});
    spec.neighbours.push_back({vtep(peer), mac, "vxlan1"});
    spec.neighbours.push_back({vtep6(peer), mac, "vxlan1"});
    spec.routes.push_back({IpPrefix{vtep(peer), 24}, vtep(peer), "vxlan1", true});
    spec.routes.push_back({IpPrefix{vtep6(peer), 64}, vtep6(peer), "vxlan1", true});
    auto device = vxlan("vxlan1", 4, {1, underlay_ip(node), 4789, "eth0"});
    device.mac = MacAddress::for_ip(vtep(node));
    device.addresses = {IpPrefix::host(vtep(node)), IpPrefix::host(vtep6(node))};
    spec.links.push_back(std::move(device));
}

void add_node(DesiredState& state, int node) {
    const int peer = 3 - node;
    const std::string name = "node/node-" + number(node);
    const auto mac = MacAddress::for_ip(underlay_ip(node));
    auto port = pair("to-node-" + number(node), 10 + static_cast<std::uint32_t>(node), name, mac);
    port.master = "br0";
    NamespaceSpec spec;
    spec.role = NamespaceRole::Node;
    spec.sysctls = {{"net/ipv4/ip_forward", "1"}, {"net/ipv6/conf/all/forwarding", "1"}};
    spec.links = {loopback(), veth_peer(port)};
    spec.links.back().addresses = {IpPrefix{underlay_ip(node), 16}};
    auto cni0 = bridge("cni0", 3);
    cni0.mac = MacAddress::for_ip(vtep(node).plus(1));
    cni0.mtu = kOverlayMtu;
    cni0.addresses = {IpPrefix{vtep(node).plus(1), 24}, IpPrefix{vtep6(node).plus(1), 64}};
    spec.links.push_back(std::move(cni0));
    add_tunnel(spec, node, peer);
    spec.neighbours.push_back({underlay_ip(peer), MacAddress::for_ip(underlay_ip(peer)), "eth0"});
    spec.tables.push_back(masquerade(node));
    state.namespaces.at("underlay").links.push_back(std::move(port));
    state.namespaces.emplace(name, std::move(spec));
}

void add_pod(DesiredState& state, const std::string& letter, int node, int number_there) {
    const std::string name = "pod/x/" + letter;
    const auto mac = MacAddress::for_ip(pod_ip(node, number_there));
    auto& host = state.namespaces.at("node/node-" + number(node));
    auto port = pair("veth" + letter, 10 + static_cast<std::uint32_t>(number_there), name, mac);
    port.master = "cni0";
    port.mtu = kOverlayMtu;
    NamespaceSpec spec;
    spec.links = {loopback(), veth_peer(port)};
    spec.links.back().addresses = {
        IpPrefix{pod_ip(node, number_there), 24}, IpPrefix{pod_ip6(node, number_there), 64}};
    const auto gateway = vtep(node).plus(1);
    const auto gateway6 = vtep6(node).plus(1);
    const auto gateway_mac = MacAddress::for_ip(gateway);
    spec.routes = {
        {prefix("0.0.0.0/0"), gateway, "eth0", false}, {prefix("::/0"), gateway6, "eth0", false}};
    spec.neighbours = {{gateway, gateway_mac, "eth0"}, {gateway6, gateway_mac, "eth0"}};
    host.neighbours.push_back({pod_ip(node, number_there), mac, "cni0"});
    host.neighbours.push_back({pod_ip6(node, number_there), mac, "cni0"});
    host.links.push_back(std::move(port));
    state.namespaces.emplace(name, std::move(spec));
}

} // namespace

DesiredState two_nodes() {
    DesiredState state;
    NamespaceSpec segment;
    segment.role = NamespaceRole::Underlay;
    segment.links.push_back(bridge("br0", 2));
    state.namespaces.emplace("underlay", std::move(segment));
    add_node(state, 1);
    add_node(state, 2);
    add_pod(state, "a", 1, 1);
    add_pod(state, "c", 1, 2);
    add_pod(state, "b", 2, 1);
    return state;
}

} // namespace netemu::test
