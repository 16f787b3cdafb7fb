#include "labctl/compile/cni_bridge.h"

#include <algorithm>

#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/cni_pod.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/cni_sources.h"
#include "labctl/compile/network.h"
#include "netemu/base/limits.h"
#include "netemu/model/interface_name.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::MacAddress;
using netemu::NamespaceSpec;

constexpr std::uint32_t kBridgeIndex = 21;
constexpr int kBridgeFirst = -300; // NF_BR_PRI_NAT_DST_BRIDGED

const IpPrefix* range_for(const NodeView& node, const IpAddress& address) {
    const auto found =
        std::find_if(node.pod_cidrs.begin(), node.pod_cidrs.end(), [&](const IpPrefix& range) {
            return range.address.family() == address.family();
        });
    return found == node.pod_cidrs.end() ? nullptr : &*found;
}

LinkSpec make_bridge(const ClusterView& cluster, const NodeView& node) {
    LinkSpec bridge;
    bridge.name = cluster.profile->bridge;
    bridge.index = kBridgeIndex;
    bridge.kind = netemu::BridgeSpec{};
    bridge.mac = MacAddress::for_ip(bridge_address(node.pod_cidrs.front()));
    bridge.mtu = cluster.pod_mtu;
    for (const auto& range : node.pod_cidrs) {
        bridge.addresses.push_back({bridge_address(range), range.length});
    }
    return bridge;
}

NamespaceSpec make_bridged_pod(const NodeView& node, const PodView& pod, std::uint32_t mtu) {
    auto spec = make_pod_namespace(pod, mtu);
    auto& eth0 = spec.links[1];
    const auto gateway_mac = MacAddress::for_ip(bridge_address(node.pod_cidrs.front()));
    for (const auto& address : pod.addresses) {
        const auto* range = range_for(node, address);
        const auto gateway = bridge_address(*range);
        eth0.addresses.push_back({address, range->length});
        const IpPrefix everywhere = IpPrefix{address, 0}.network();
        spec.routes.push_back({everywhere, gateway, kEth0, false});
        spec.neighbours.push_back({gateway, gateway_mac, kEth0});
    }
    return spec;
}

/// All pods of the node, as each of them sees the others; none where they are too many for a
/// square.
std::shared_ptr<const std::vector<netemu::NeighbourSpec>> make_segment(const NodeView& node) {
    if (node.pods.size() < 2 || node.pods.size() > netemu::limits::kPermanentNeighboursPerNodeMax) {
        return nullptr;
    }
    auto segment = std::make_shared<std::vector<netemu::NeighbourSpec>>();
    for (const auto& pod : node.pods) {
        const auto mac = MacAddress::for_ip(pod.addresses.front());
        for (const auto& address : pod.addresses) {
            segment->push_back({address, mac, kEth0});
        }
    }
    std::sort(segment->begin(), segment->end());
    return segment;
}

void add_pods(const ClusterView& cluster, const NodeView& node, netemu::DesiredState& state) {
    const std::string bridge = cluster.profile->bridge;
    auto& spec = state.namespaces.at(node_namespace(node.name));
    netemu::InterfaceNames names;
    for (const auto& link : spec.links) {
        names.reserve(link.name);
    }
    std::string prefix = cluster.profile->ports;
    prefix.pop_back(); // the asterisk
    const auto segment = make_segment(node);
    SourceCheck sources(cluster, {});
    for (const auto& pod : node.pods) {
        auto pod_spec = make_bridged_pod(node, pod, cluster.pod_mtu);
        pod_spec.segment_neighbours = segment;
        for (const auto& address : pod.addresses) {
            spec.neighbours.push_back({address, pod_spec.links[1].mac, bridge});
        }
        state.namespaces.emplace(pod_namespace(pod.ns, pod.name), std::move(pod_spec));
        auto port =
            make_pod_port(pod, names.hashed(prefix, pod.ns + "/" + pod.name), cluster.pod_mtu);
        port.master = bridge;
        port.hairpin = true; // a Service may lead a pod back to itself
        sources.add(pod, port.name);
        spec.links.push_back(std::move(port));
    }
    if (cluster.check_sources) {
        spec.tables.push_back(std::move(sources).finish());
    }
}

} // namespace

IpAddress bridge_address(const IpPrefix& range) {
    return range.address.plus(1);
}

netemu::NftTable make_bridge_to_node(const MacAddress& bridge) {
    netemu::NftBase base;
    base.hook = netemu::NftHook::Prerouting;
    base.priority = kBridgeFirst;
    netemu::NftChain chain{"prerouting", base, {}};
    for (const auto* multicast : {"224.0.0.0/4", "ff00::/8"}) { // neighbour discovery stays
        netemu::NftRule rule;
        rule.statements = {
            netemu::NftMatchAddress{
                netemu::NftMatchAddress::Field::Destination, *IpPrefix::parse(multicast), true},
            netemu::NftCounter{},
            netemu::NftSetPacketTypeHost{},
            netemu::NftSetEtherDestination{bridge}};
        rule.comment = "cni bridge: the node's rules apply between its own pods (no br_netfilter)";
        chain.rules.push_back(std::move(rule));
    }
    return {netemu::NftFamily::Bridge, "cni-to-node", {std::move(chain)}};
}

void add_bridge_wiring(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state) {
    const auto& node = cluster.nodes.at(position);
    auto& spec = state.namespaces.at(node_namespace(node.name));
    spec.links.push_back(make_bridge(cluster, node));
    const auto bridge_mac = spec.links.back().mac;
    add_overlay(cluster, node, spec);
    for (const auto& range : cluster.pod_cidrs) {
        spec.tables.push_back(make_masquerade(range, cluster.profile->name));
    }
    if (!cluster.bridge_netfilter) {
        spec.tables.push_back(make_bridge_to_node(bridge_mac));
    }
    add_pods(cluster, node, state);
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
}

} // namespace labctl::compile
