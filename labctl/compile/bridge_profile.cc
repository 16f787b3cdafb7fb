#include "labctl/compile/bridge_profile.h"

#include <algorithm>

#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "netemu/base/limits.h"
#include "netemu/model/interface_name.h"
#include "services/policy_names.h"
#include "services/policy_rules.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::MacAddress;
using netemu::NamespaceSpec;

constexpr const char* kBridge = "cni0";
constexpr const char* kTunnel = "vxlan1";
constexpr std::uint32_t kBridgeIndex = 21;
constexpr std::uint32_t kTunnelIndex = 22;
constexpr std::uint32_t kVni = 1;
constexpr int kSourceNat = 100;    // NF_IP_PRI_NAT_SRC
constexpr int kBridgeFirst = -300; // NF_BR_PRI_NAT_DST_BRIDGED
constexpr int kBridgeSourceCheck = kBridgeFirst - 10;

IpAddress gateway_of(const IpPrefix& range) {
    return range.address.plus(1);
}

/// flannel gives a node's VXLAN device the first address of the node's range.
IpAddress tunnel_address(const IpPrefix& range) {
    return range.address;
}

/// An IPv6 range ends in zeros, so there the node's own address tells the devices apart.
MacAddress tunnel_mac(const NodeView& node) {
    const auto& range = node.pod_cidrs.front();
    if (range.address.is_v4()) {
        return MacAddress::for_ip(tunnel_address(range));
    }
    auto mac = MacAddress::for_ip(node.underlay.front().address);
    mac.bytes[0] = 0x06; // locally administered, unicast, and not that of eth0
    return mac;
}

const IpPrefix* range_for(const NodeView& node, const IpAddress& address) {
    const auto found =
        std::find_if(node.pod_cidrs.begin(), node.pod_cidrs.end(), [&](const IpPrefix& range) {
            return range.address.family() == address.family();
        });
    return found == node.pod_cidrs.end() ? nullptr : &*found;
}

LinkSpec make_bridge(const NodeView& node, std::uint32_t mtu) {
    LinkSpec bridge;
    bridge.name = kBridge;
    bridge.index = kBridgeIndex;
    bridge.kind = netemu::BridgeSpec{};
    bridge.mac = MacAddress::for_ip(gateway_of(node.pod_cidrs.front()));
    bridge.mtu = mtu;
    for (const auto& range : node.pod_cidrs) {
        bridge.addresses.push_back({gateway_of(range), range.length});
    }
    return bridge;
}

LinkSpec make_tunnel(const NodeView& node, std::uint32_t mtu) {
    LinkSpec tunnel;
    tunnel.name = kTunnel;
    tunnel.index = kTunnelIndex;
    netemu::VxlanSpec vxlan;
    vxlan.vni = kVni;
    vxlan.local = node.underlay.front().address;
    vxlan.underlay = kEth0;
    tunnel.kind = std::move(vxlan);
    tunnel.mac = tunnel_mac(node);
    tunnel.mtu = mtu;
    for (const auto& range : node.pod_cidrs) {
        tunnel.addresses.push_back(IpPrefix::host(tunnel_address(range)));
    }
    return tunnel;
}

void add_peer(const NodeView& peer, NamespaceSpec& spec) {
    const auto mac = tunnel_mac(peer);
    for (const auto& range : peer.pod_cidrs) {
        const auto via = tunnel_address(range);
        spec.routes.push_back({range, via, kTunnel, true});
        spec.neighbours.push_back({via, mac, kTunnel});
    }
    spec.fdb.push_back({mac, peer.underlay.front().address, kTunnel});
}

netemu::NftTable make_masquerade(const IpPrefix& range) {
    const bool v4 = range.address.is_v4();
    using Match = netemu::NftMatchAddress;
    netemu::NftRule rule;
    rule.statements = {
        Match{Match::Field::Source, range, false},
        Match{Match::Field::Destination, range, true},
        netemu::NftCounter{},
        netemu::NftMasquerade{}};
    rule.comment = "cni bridge: outside of the pod network a pod has the address of its node";
    netemu::NftBase base;
    base.type = "nat";
    base.hook = netemu::NftHook::Postrouting;
    base.priority = kSourceNat;
    return {
        v4 ? netemu::NftFamily::Ip : netemu::NftFamily::Ip6,
        "cni-masquerade",
        {{"postrouting", base, {std::move(rule)}}}};
}

/// Where the kernel has no br_netfilter, what a pod sends to its neighbour is handed to the node
/// all the same, as if it had been sent to the bridge: the node's rules see it and route it back
/// out.
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

/// A pod sends from its own addresses only: what comes in by a port is looked up together with the
/// port, stateless, before anything else. Every port of the bridge is a pod's.
class SourceCheck {
public:
    explicit SourceCheck(const std::vector<IpPrefix>& ranges) : ranges_(ranges) {
        for (const auto& range : ranges) {
            const bool v4 = range.address.is_v4();
            table_.sets.push_back(
                {set_name(range.address.family()),
                 {netemu::NftType::Interface, v4 ? netemu::NftType::Ipv4 : netemu::NftType::Ipv6}});
        }
    }

    void add(const PodView& pod, const std::string& port) {
        for (const auto& address : pod.addresses) {
            for (auto& set : table_.sets) {
                if (set.name == set_name(address.family())) {
                    set.elements.push_back(netemu::nft_member(
                        netemu::NftBytes().interface(port).address(address),
                        cut_comment(pod.ns + "/" + pod.name)));
                }
            }
        }
    }

    netemu::NftTable finish() && {
        netemu::NftBase base;
        base.hook = netemu::NftHook::Prerouting;
        base.priority = kBridgeSourceCheck;
        netemu::NftChain chain{"prerouting", base, {}};
        for (const auto& range : ranges_) {
            const auto family = range.address.family();
            if (family == netemu::Family::V4) {
                chain.rules.push_back(drop_unless(netemu::NftField::Source, family, {}));
                chain.rules.push_back(drop_unless(netemu::NftField::ArpSource, family, {}));
            } else { // an address that is being tried out has no source yet (RFC 4862, 5.4.2)
                const IpPrefix none = IpPrefix::host(*IpAddress::parse("::"));
                chain.rules.push_back(drop_unless(
                    netemu::NftField::Source6,
                    family,
                    {netemu::NftMatchAddress{netemu::NftMatchAddress::Field::Source, none, true}}));
            }
        }
        table_.chains.push_back(std::move(chain));
        return std::move(table_);
    }

private:
    static std::string set_name(netemu::Family family) {
        return family == netemu::Family::V4 ? "own-addresses-4" : "own-addresses-6";
    }

    static std::string cut_comment(std::string text) {
        text.resize(std::min(text.size(), kCommentBytesMax));
        return text;
    }

    static netemu::NftRule drop_unless(
        netemu::NftField field, netemu::Family family, std::vector<netemu::NftStatement> also) {
        netemu::NftRule rule;
        rule.statements = std::move(also);
        rule.statements.emplace_back(
            netemu::NftMatchSet{{netemu::NftField::InputInterface, field}, set_name(family), true});
        for (auto& statement : services::policy_drop(services::to_text(services::PolicyLogPrefix{
                 services::PolicyLogPrefix::Kind::Spoofed, {}, {}, {}, 0}))) {
            rule.statements.push_back(std::move(statement));
        }
        rule.comment = "cni bridge: a pod sends from its own addresses only";
        return rule;
    }

    static constexpr std::size_t kCommentBytesMax = 120;
    const std::vector<IpPrefix>& ranges_;
    netemu::NftTable table_{netemu::NftFamily::Bridge, "cni-sources", {}};
};

LinkSpec make_port(const PodView& pod, std::string name, std::string pod_ns, std::uint32_t mtu) {
    LinkSpec port;
    port.name = std::move(name);
    port.index = pod.index;
    const auto inner = MacAddress::for_ip(pod.addresses.front());
    port.kind = netemu::VethSpec{std::move(pod_ns), kEth0, kEth0Index, inner};
    port.mac = outer_mac(inner);
    port.mtu = mtu;
    port.master = kBridge;
    port.hairpin = true; // a Service may lead a pod back to itself
    return port;
}

NamespaceSpec make_pod(const NodeView& node, const PodView& pod, std::uint32_t mtu) {
    NamespaceSpec spec;
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
    const auto gateway_mac = MacAddress::for_ip(gateway_of(node.pod_cidrs.front()));
    for (const auto& address : pod.addresses) {
        const auto* range = range_for(node, address);
        const auto gateway = gateway_of(*range);
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
    auto& spec = state.namespaces.at(node_namespace(node.name));
    netemu::InterfaceNames names;
    for (const auto& link : spec.links) {
        names.reserve(link.name);
    }
    const auto segment = make_segment(node);
    SourceCheck sources(cluster.pod_cidrs);
    for (const auto& pod : node.pods) {
        auto pod_ns = pod_namespace(pod.ns, pod.name);
        auto pod_spec = make_pod(node, pod, cluster.pod_mtu);
        pod_spec.segment_neighbours = segment;
        for (const auto& address : pod.addresses) {
            spec.neighbours.push_back({address, pod_spec.links[1].mac, kBridge});
        }
        state.namespaces.emplace(pod_ns, std::move(pod_spec));
        auto name = names.hashed("veth", pod.ns + "/" + pod.name);
        sources.add(pod, name);
        spec.links.push_back(make_port(pod, std::move(name), std::move(pod_ns), cluster.pod_mtu));
    }
    if (cluster.check_sources) {
        spec.tables.push_back(std::move(sources).finish());
    }
}

} // namespace

void add_bridge_profile(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state) {
    const auto& node = cluster.nodes.at(position);
    auto& spec = state.namespaces.at(node_namespace(node.name));
    spec.links.push_back(make_bridge(node, cluster.pod_mtu));
    const auto bridge_mac = spec.links.back().mac;
    spec.links.push_back(make_tunnel(node, cluster.overlay_mtu));
    for (const auto& peer : cluster.nodes) {
        if (&peer != &node) {
            add_peer(peer, spec);
        }
    }
    for (const auto& range : cluster.pod_cidrs) {
        spec.tables.push_back(make_masquerade(range));
    }
    if (!cluster.bridge_netfilter) {
        spec.tables.push_back(make_bridge_to_node(bridge_mac));
    }
    add_pods(cluster, node, state);
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
    std::sort(spec.fdb.begin(), spec.fdb.end());
}

} // namespace labctl::compile
