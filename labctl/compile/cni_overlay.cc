#include "labctl/compile/cni_overlay.h"

#include <algorithm>

#include "labctl/compile/cni_profile.h"
#include "labctl/compile/topology_network.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::MacAddress;
using netemu::NamespaceSpec;

constexpr std::uint32_t kTunnelIndex = 22;

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

/// A device of IP packets: who is behind an address is known to whoever reads it.
LinkSpec make_geneve(const ClusterView& cluster, const NodeView& node) {
    LinkSpec tunnel;
    tunnel.name = cluster.profile->geneve;
    tunnel.index = kTunnelIndex;
    tunnel.kind = netemu::TunSpec{false, true};
    tunnel.mtu = cluster.overlay_mtu;
    for (const auto& range : node.pod_cidrs) {
        tunnel.addresses.push_back(IpPrefix::host(tunnel_address(range)));
    }
    return tunnel;
}

LinkSpec make_tunnel(const ClusterView& cluster, const NodeView& node) {
    const auto& profile = *cluster.profile;
    LinkSpec tunnel;
    tunnel.name = profile.tunnel;
    tunnel.index = kTunnelIndex;
    netemu::VxlanSpec vxlan;
    vxlan.vni = profile.vni;
    vxlan.local = node.underlay.front().address;
    vxlan.port = profile.port;
    vxlan.underlay = kEth0;
    tunnel.kind = std::move(vxlan);
    tunnel.mac = tunnel_mac(node);
    tunnel.mtu = cluster.overlay_mtu;
    for (const auto& range : node.pod_cidrs) {
        tunnel.addresses.push_back(IpPrefix::host(tunnel_address(range)));
    }
    return tunnel;
}

void add_peer(const NodeView& peer, const std::string& tunnel, NamespaceSpec& spec) {
    const auto mac = tunnel_mac(peer);
    for (const auto& range : peer.pod_cidrs) {
        const auto via = tunnel_address(range);
        spec.routes.push_back({range, via, tunnel, true});
        spec.neighbours.push_back({via, mac, tunnel});
    }
    spec.fdb.push_back({mac, peer.underlay.front().address, tunnel});
}

/// Behind routers the way to the peer's pods is that to the peer.
void add_next_hop(
    const ClusterView& cluster, const NodeView& node, const NodeView& peer, NamespaceSpec& spec) {
    for (const auto& range : peer.pod_cidrs) {
        const auto via =
            std::find_if(peer.underlay.begin(), peer.underlay.end(), [&](const IpPrefix& each) {
                return each.address.family() == range.address.family();
            });
        if (via != peer.underlay.end() && cluster.topology != nullptr) {
            const auto& device = *cluster.topology->find(DeviceKind::Node, node.name);
            if (auto route = route_behind(*cluster.topology, device, range, via->address)) {
                spec.routes.push_back(std::move(*route));
            }
        } else if (via != peer.underlay.end()) {
            spec.routes.push_back({range, via->address, kEth0, false});
        }
    }
}

} // namespace

IpAddress tunnel_address(const IpPrefix& range) {
    return range.address;
}

void add_overlay(const ClusterView& cluster, const NodeView& node, NamespaceSpec& spec) {
    if (cluster.tunnels) {
        spec.links.push_back(make_tunnel(cluster, node));
    }
    if (cluster.geneve) {
        spec.links.push_back(make_geneve(cluster, node));
    }
    for (const auto& peer : cluster.nodes) {
        if (&peer == &node) {
            continue;
        }
        if (cluster.tunnels) {
            add_peer(peer, cluster.profile->tunnel, spec);
        } else if (cluster.geneve) {
            for (const auto& range : peer.pod_cidrs) {
                spec.routes.push_back({range, {}, cluster.profile->geneve, false});
            }
        } else if (cluster.next_hops) {
            add_next_hop(cluster, node, peer, spec);
        }
    }
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
    std::sort(spec.fdb.begin(), spec.fdb.end());
}

} // namespace labctl::compile
