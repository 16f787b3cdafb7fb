#include "labctl/compile/cni_overlay.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include <netinet/in.h>

#include "labctl/compile/cni_profile.h"
#include "labctl/compile/topology_network.h"
#include "labctl/compile/wireguard.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::MacAddress;
using netemu::NamespaceSpec;

constexpr std::uint32_t kTunnelIndex = 22;
constexpr int kRaw = -300; // NF_IP_PRI_RAW: before connection tracking
constexpr std::uint32_t kShortIdBits = 12;
constexpr std::uint32_t kShortIdMask = (1U << kShortIdBits) - 1;

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

std::optional<IpAddress> address_of(const NodeView& node, netemu::Family family) {
    for (const auto& prefix : node.underlay) {
        if (prefix.address.family() == family) {
            return prefix.address;
        }
    }
    return std::nullopt;
}

LinkSpec plain_tunnel(const ClusterView& cluster, const NodeView& node) {
    LinkSpec tunnel;
    tunnel.name = cluster.tunnel;
    tunnel.index = kTunnelIndex;
    tunnel.mtu = cluster.overlay_mtu;
    for (const auto& range : node.pod_cidrs) {
        tunnel.addresses.push_back(IpPrefix::host(tunnel_address(range)));
    }
    return tunnel;
}

LinkSpec make_tunnel(const ClusterView& cluster, const NodeView& node) {
    const auto& profile = *cluster.profile;
    auto tunnel = plain_tunnel(cluster, node);
    if (cluster.carrier == Carrier::Userspace) {
        // Of IP packets: who is behind an address is known to whoever reads it.
        tunnel.kind = netemu::TunSpec{false, true};
        return tunnel;
    }
    if (cluster.carrier == Carrier::Ipip) {
        tunnel.kind = netemu::IpipSpec{*address_of(node, netemu::Family::V4)};
        std::erase_if(tunnel.addresses, [](const IpPrefix& each) { return each.address.is_v6(); });
        return tunnel;
    }
    if (cluster.carrier == Carrier::Wireguard) {
        tunnel.kind = wireguard_device(cluster, node);
        return tunnel;
    }
    tunnel.mac = tunnel_mac(node);
    if (cluster.carrier == Carrier::External) {
        using Protocol = netemu::ExternalTunnelSpec::Protocol;
        tunnel.kind = cluster.geneve ? netemu::ExternalTunnelSpec{Protocol::Geneve, kGenevePort}
                                     : netemu::ExternalTunnelSpec{Protocol::Vxlan, profile.port};
        return tunnel;
    }
    netemu::VxlanSpec vxlan;
    vxlan.vni = profile.vni;
    vxlan.local = node.underlay.front().address;
    vxlan.port = profile.port;
    vxlan.underlay = kEth0;
    tunnel.kind = std::move(vxlan);
    return tunnel;
}

/// A number of 12 bits for each node, in their order. Weave's peers draw one and settle whose it is
/// where two have the same (mesh, peer.go); here it is the end of the node's address, or the next
/// that is free.
std::vector<std::uint32_t> short_ids(const ClusterView& cluster) {
    std::vector<std::uint32_t> ids;
    std::set<std::uint32_t> taken;
    for (const auto& node : cluster.nodes) {
        auto id = (node.port_index - kFirstPortIndex) & kShortIdMask;
        while (!taken.insert(id).second) {
            id = (id + 1) & kShortIdMask;
        }
        ids.push_back(id);
    }
    return ids;
}

/// What the routes to each of the other nodes say of the VNI. Weave's is made of the numbers of
/// sender and receiver (weave, router/fastdp.go, tunnelIDFor).
std::vector<std::uint32_t> peer_vnis(const ClusterView& cluster, std::size_t position) {
    if (!cluster.profile->peer_networks) {
        return std::vector<std::uint32_t>(cluster.nodes.size(), cluster.profile->vni);
    }
    auto ids = short_ids(cluster);
    const auto own = ids.at(position);
    for (auto& id : ids) {
        id = own | id << kShortIdBits;
    }
    return ids;
}

/// A carrier of frames. `vni`: of an External one, whose routes lead; otherwise entries of the
/// device do.
void add_peer(
    const ClusterView& cluster, const NodeView& peer, std::uint32_t vni, NamespaceSpec& spec) {
    const auto mac = tunnel_mac(peer);
    const auto& outer = peer.underlay.front().address;
    const bool external = cluster.carrier == Carrier::External;
    for (const auto& range : peer.pod_cidrs) {
        const auto via = tunnel_address(range);
        spec.routes.push_back({range, via, cluster.tunnel, true});
        if (external) {
            spec.routes.back().encap = netemu::Encap{vni, outer};
        }
        spec.neighbours.push_back({via, mac, cluster.tunnel});
    }
    if (!external) {
        spec.fdb.push_back({mac, outer, cluster.tunnel});
    }
}

bool passes_tunnel_by(const ClusterView& cluster, const NodeView& node, const NodeView& peer) {
    return cluster.cross_subnet && share_segment(cluster.topology, node, peer);
}

/// Behind routers the way to the peer's pods is that to the peer.
void add_next_hop(
    const ClusterView& cluster,
    const NodeView& node,
    const NodeView& peer,
    const IpPrefix& range,
    NamespaceSpec& spec) {
    const auto via = address_of(peer, range.address.family());
    if (via && cluster.topology != nullptr) {
        const auto& device = *cluster.topology->find(DeviceKind::Node, node.name);
        if (auto route = route_behind(*cluster.topology, device, range, *via)) {
            spec.routes.push_back(std::move(*route));
        }
    } else if (via) {
        spec.routes.push_back({range, *via, kEth0, false});
    }
}

/// The routes to a peer of every carrier but those of frames; of those where the tunnel is left
/// out.
void add_ranges_of_peer(
    const ClusterView& cluster, const NodeView& node, const NodeView& peer, NamespaceSpec& spec) {
    for (const auto& range : peer.pod_cidrs) {
        const auto carrier =
            passes_tunnel_by(cluster, node, peer) ? Carrier::Routes : cluster.carrier;
        if (carrier == Carrier::Userspace || carrier == Carrier::Wireguard) {
            spec.routes.push_back({range, {}, cluster.tunnel, false});
        } else if (carrier == Carrier::Ipip && range.address.is_v4()) {
            const auto outer = address_of(peer, netemu::Family::V4);
            spec.routes.push_back({range, outer, cluster.tunnel, true});
        } else {
            add_next_hop(cluster, node, peer, range, spec);
        }
    }
}

/// The UDP port of what nodes send each other; nullopt: the carrier has none.
std::optional<std::uint16_t> carrier_port(const ClusterView& cluster) {
    switch (cluster.carrier) {
    case Carrier::Vxlan:
        return cluster.profile->port;
    case Carrier::External:
        return cluster.geneve ? kGenevePort : cluster.profile->port;
    case Carrier::Userspace:
        return cluster.geneve ? kGenevePort : kSleevePort;
    case Carrier::Wireguard: // one port on either side, so an answer is one to `ct state`
    case Carrier::Ipip:
    case Carrier::Routes:
        break;
    }
    return std::nullopt;
}

netemu::NftTable make_untracked(std::uint16_t port, const CniProfile& profile) {
    const netemu::NftRule rule{
        {netemu::NftMatchProtocol{IPPROTO_UDP},
         netemu::NftMatchPort{netemu::NftMatchPort::Side::Destination, port, port, false},
         netemu::NftNotrack{}},
        std::string("cni ") + profile.name + ": only what is inside the tunnel is tracked"};
    netemu::NftBase base;
    base.priority = kRaw;
    base.hook = netemu::NftHook::Prerouting;
    netemu::NftChain arriving{"prerouting", base, {rule}};
    base.hook = netemu::NftHook::Output;
    netemu::NftChain leaving{"output", base, {rule}};
    return {netemu::NftFamily::Inet, "cni-overlay", {std::move(arriving), std::move(leaving)}};
}

} // namespace

IpAddress tunnel_address(const IpPrefix& range) {
    return range.address;
}

void add_overlay(const ClusterView& cluster, const NodeView& node, NamespaceSpec& spec) {
    if (!cluster.tunnel.empty()) {
        spec.links.push_back(make_tunnel(cluster, node));
    }
    if (const auto port = carrier_port(cluster)) {
        spec.tables.push_back(make_untracked(*port, *cluster.profile));
    }
    const auto position = static_cast<std::size_t>(&node - cluster.nodes.data());
    const auto vnis = peer_vnis(cluster, position);
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
        const auto& peer = cluster.nodes[i];
        if (i == position || cluster.learned) {
            continue;
        }
        const bool frames =
            cluster.carrier == Carrier::Vxlan || cluster.carrier == Carrier::External;
        if (frames && !passes_tunnel_by(cluster, node, peer)) {
            add_peer(cluster, peer, vnis[i], spec);
        } else {
            add_ranges_of_peer(cluster, node, peer, spec);
        }
    }
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
    std::sort(spec.fdb.begin(), spec.fdb.end());
}

} // namespace labctl::compile
