#include "labctl/compile/cni_pod.h"

#include "labctl/compile/network.h"

namespace labctl::compile {

namespace {

using netemu::LinkSpec;
using netemu::MacAddress;

constexpr int kSourceNat = 100; // NF_IP_PRI_NAT_SRC

} // namespace

netemu::NamespaceSpec make_pod_namespace(const PodView& pod, std::uint32_t mtu) {
    netemu::NamespaceSpec spec;
    spec.role = netemu::NamespaceRole::Pod;
    spec.links.resize(2);
    auto& loopback = spec.links[0];
    loopback.name = "lo";
    loopback.index = kLoopbackIndex;
    auto& eth0 = spec.links[1];
    eth0.name = kEth0;
    eth0.index = kEth0Index;
    eth0.kind = netemu::VethPeerSpec{};
    eth0.mac = MacAddress::for_ip(pod.addresses.front());
    eth0.mtu = mtu;
    return spec;
}

LinkSpec make_pod_port(const PodView& pod, std::string name, std::uint32_t mtu) {
    LinkSpec port;
    port.name = std::move(name);
    port.index = pod.index;
    const auto inner = MacAddress::for_ip(pod.addresses.front());
    port.kind = netemu::VethSpec{pod_namespace(pod.ns, pod.name), kEth0, kEth0Index, inner};
    port.mac = outer_mac(inner);
    port.mtu = mtu;
    return port;
}

netemu::NftTable make_masquerade(const netemu::IpPrefix& range, const std::string& profile) {
    const bool v4 = range.address.is_v4();
    using Match = netemu::NftMatchAddress;
    netemu::NftRule rule;
    rule.statements = {
        Match{Match::Field::Source, range, false},
        Match{Match::Field::Destination, range, true},
        netemu::NftCounter{},
        netemu::NftMasquerade{}};
    rule.comment =
        "cni " + profile + ": outside of the pod network a pod has the address of its node";
    netemu::NftBase base;
    base.type = "nat";
    base.hook = netemu::NftHook::Postrouting;
    base.priority = kSourceNat;
    return {
        v4 ? netemu::NftFamily::Ip : netemu::NftFamily::Ip6,
        "cni-masquerade",
        {{"postrouting", base, {std::move(rule)}}}};
}

} // namespace labctl::compile
