#include <algorithm>

#include "labctl/compile/cilium_names.h"
#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/cni_pod.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/cni_sources.h"
#include "labctl/compile/network.h"

/// Cilium: pods are routed, each by a veth of its own; the node has an address among its pods on
/// cilium_host, which is their gateway (docs.cilium.io, "Routing" and "Life of a Packet";
/// cilium/pkg/datapath). What its eBPF programs do is done here by the node's routes and rules.
namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::MacAddress;

constexpr const char* kCiliumHost = "cilium_host";
constexpr const char* kCiliumNet = "cilium_net";
constexpr std::uint32_t kCiliumHostIndex = 23;
constexpr std::uint32_t kCiliumNetIndex = 24;

/// The node's address in the range of pods that `address` is from.
IpAddress router_for(const NodeView& node, const IpAddress& address) {
    const auto range =
        std::find_if(node.pod_cidrs.begin(), node.pod_cidrs.end(), [&](const IpPrefix& each) {
            return each.contains(address);
        });
    return bridge_address(*range);
}

void add_routed_pod(const NodeView& node, const PodView& pod, netemu::NamespaceSpec& spec) {
    auto& eth0 = spec.links[1];
    const auto port_mac = outer_mac(eth0.mac);
    for (const auto& address : pod.addresses) {
        const auto router = router_for(node, address);
        eth0.addresses.push_back(IpPrefix::host(address));
        spec.routes.push_back({IpPrefix::host(router), {}, kEth0, false});
        const IpPrefix everywhere = IpPrefix{address, 0}.network();
        spec.routes.push_back({everywhere, router, kEth0, false});
        spec.neighbours.push_back({router, port_mac, kEth0});
    }
}

void add_lxc_port(const PodView& pod, netemu::LinkSpec port, netemu::NamespaceSpec& spec) {
    const auto& inner = std::get<netemu::VethSpec>(port.kind).peer_mac;
    for (const auto& address : pod.addresses) {
        spec.routes.push_back({IpPrefix::host(address), {}, port.name, false});
        spec.neighbours.push_back({address, inner, port.name});
    }
    spec.links.push_back(std::move(port));
}

/// cilium_host and its other end: a pair within the node.
void add_host_pair(const ClusterView& cluster, const NodeView& node, netemu::NamespaceSpec& spec) {
    netemu::LinkSpec host;
    host.name = kCiliumHost;
    host.index = kCiliumHostIndex;
    host.mac = MacAddress::for_ip(bridge_address(node.pod_cidrs.front()));
    host.mtu = cluster.underlay_mtu;
    auto net = host;
    net.name = kCiliumNet;
    net.index = kCiliumNetIndex;
    net.mac = outer_mac(host.mac);
    net.kind = netemu::VethPeerSpec{};
    host.kind = netemu::VethSpec{node_namespace(node.name), kCiliumNet, kCiliumNetIndex, net.mac};
    for (const auto& range : node.pod_cidrs) {
        host.addresses.push_back(IpPrefix::host(bridge_address(range)));
    }
    spec.links.push_back(std::move(host));
    spec.links.push_back(std::move(net));
}

void add_cilium_wiring(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state) {
    const auto& node = cluster.nodes.at(position);
    auto& spec = state.namespaces.at(node_namespace(node.name));
    add_host_pair(cluster, node, spec);
    add_overlay(cluster, node, spec);
    for (const auto& range : node.pod_cidrs) { // for whom no pod has there is no way out
        spec.routes.push_back({range, {}, {}, false});
    }
    for (const auto& range : cluster.pod_cidrs) {
        spec.tables.push_back(make_masquerade(range, cluster.profile->name));
    }
    SourceCheck sources(cluster, cluster.profile->ports);
    for (const auto& pod : node.pods) {
        auto pod_spec = make_pod_namespace(pod, cluster.pod_mtu);
        add_routed_pod(node, pod, pod_spec);
        state.namespaces.emplace(pod_namespace(pod.ns, pod.name), std::move(pod_spec));
        auto port = make_pod_port(pod, cilium_port(pod.ns, pod.name), cluster.pod_mtu);
        sources.add(pod, port.name);
        add_lxc_port(pod, std::move(port), spec);
    }
    if (cluster.check_sources) {
        spec.tables.push_back(std::move(sources).finish());
    }
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
}

} // namespace

const CniProfile kCiliumProfile{
    .name = "cilium",
    .bridge = nullptr,
    .ports = "lxc*",
    .tunnel = "cilium_vxlan",
    .vni = 2,
    .port = 8472,
    .enforces_policies = true,
    .always_checks_sources = true,
    .add = add_cilium_wiring,
    .geneve = "cilium_geneve",
    .overlay = kOverlayGeneve,
    .router = kCiliumHost,
    .identities = true,
    .wireguard = "cilium_wg0",
    .wireguard_port = 51871,
    .wireguard_annotation = "network.cilium.io/wg-pub-key",
};

} // namespace labctl::compile
