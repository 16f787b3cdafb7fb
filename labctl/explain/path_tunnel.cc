#include "labctl/explain/path_tunnel.h"

#include <algorithm>
#include <string_view>

#include "labctl/compile/cni_overlay.h"
#include "labctl/explain/path_route.h"

namespace labctl::explain {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::NamespaceSpec;

constexpr std::string_view kTunnelCarrier = "eth0";

TunnelWay nobody_behind(const IpAddress& next) {
    TunnelWay way;
    way.failure = "no node is known behind " + next.to_string();
    return way;
}

/// Sent to `remote`, and so far nobody takes it there.
TunnelWay sent(std::string how, const IpAddress& remote) {
    return {std::move(how), remote, {}, {}, "no tunnel ends at " + remote.to_string()};
}

std::string udp_text(const std::string& from, const IpAddress& to, std::uint16_t port) {
    return from + " > " + to.to_string() + " UDP " + std::to_string(port);
}

std::string by_carrier() {
    return " by " + std::string(kTunnelCarrier);
}

/// The address of the link that carries tunnels, of the family of `remote`.
std::string carrier_address(const NamespaceSpec& ns, const IpAddress& remote) {
    const auto* carrier = link_named(ns, std::string(kTunnelCarrier));
    for (const auto& address : carrier == nullptr ? std::vector<IpPrefix>{} : carrier->addresses) {
        if (address.address.family() == remote.family()) {
            return address.address.to_string();
        }
    }
    return "?";
}

bool has_address(const services::IdentityNode& node, const IpAddress& address) {
    return std::any_of(
               node.ranges.begin(),
               node.ranges.end(),
               [&](const IpPrefix& range) { return range.contains(address); }) ||
           std::find(node.addresses.begin(), node.addresses.end(), address) != node.addresses.end();
}

std::string userspace_text(
    const TunnelEntry& entry,
    const services::IdentityNode& self,
    const services::IdentityNode& peer) {
    const auto way = [&](std::uint16_t port) {
        return udp_text(self.local.to_string(), peer.local, port) + by_carrier() + ", in userspace";
    };
    if (entry.userspace->format == services::TunnelFormat::Sleeve) {
        return "Sleeve, peer " + self.peer_name.to_string() + " to " + peer.peer_name.to_string() +
               ", " + way(compile::kSleevePort);
    }
    return "Geneve " + std::to_string(entry.userspace->vni) + ", identity " +
           std::to_string(entry.identity) + ", " + way(compile::kGenevePort);
}

} // namespace

TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::VxlanSpec& vxlan) {
    const auto& ns = entry.ns;
    const auto neighbour = std::find_if(
        ns.neighbours.begin(), ns.neighbours.end(), [&](const netemu::NeighbourSpec& each) {
            return each.address == entry.next && each.link == entry.link.name;
        });
    const auto known = std::find_if(ns.fdb.begin(), ns.fdb.end(), [&](const auto& each) {
        return neighbour != ns.neighbours.end() && each.mac == neighbour->mac &&
               each.link == entry.link.name;
    });
    if (known == ns.fdb.end()) {
        return nobody_behind(entry.next);
    }
    auto way = sent(
        "VXLAN " + std::to_string(vxlan.vni) + ", " +
            udp_text(vxlan.local.to_string(), known->remote, vxlan.port) + " by " + vxlan.underlay,
        known->remote);
    for (const auto& [name, peer] : entry.network.namespaces) {
        for (const auto& device : peer.links) {
            const auto* other = std::get_if<netemu::VxlanSpec>(&device.kind);
            if (other != nullptr && other->local == way.remote && other->vni == vxlan.vni) {
                way.ns = name;
                way.link = device.name;
                return way;
            }
        }
    }
    return way;
}

TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::ExternalTunnelSpec& tunnel) {
    const auto route = route_to(entry.ns, entry.to);
    if (!route || !route->encap) {
        return nobody_behind(entry.next);
    }
    const auto& remote = route->encap->remote;
    const bool vxlan = tunnel.protocol == netemu::ExternalTunnelSpec::Protocol::Vxlan;
    auto way = sent(
        (vxlan ? "VXLAN " : "Geneve ") + std::to_string(route->encap->id) + ", " +
            udp_text(carrier_address(entry.ns, remote), remote, tunnel.port) + by_carrier(),
        remote);
    for (const auto& [name, peer] : entry.network.namespaces) {
        const auto* device = holds(peer, remote) ? link_named(peer, entry.link.name) : nullptr;
        if (device != nullptr && device->kind == entry.link.kind) {
            way.ns = name;
            way.link = device->name;
            break;
        }
    }
    return way;
}

TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::IpipSpec& ipip) {
    auto way = sent(
        "IP in IP, " + ipip.local.to_string() + " > " + entry.next.to_string() + by_carrier(),
        entry.next);
    for (const auto& [name, peer] : entry.network.namespaces) {
        if (holds(peer, way.remote) && link_named(peer, entry.link.name) != nullptr) {
            way.ns = name;
            way.link = entry.link.name;
            break;
        }
    }
    return way;
}

TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::WireguardSpec& wireguard) {
    const auto peer =
        std::find_if(wireguard.peers.begin(), wireguard.peers.end(), [&](const auto& each) {
            return std::any_of(
                each.allowed.begin(), each.allowed.end(), [&](const IpPrefix& range) {
                    return range.contains(entry.to);
                });
        });
    TunnelWay way;
    if (peer == wireguard.peers.end()) {
        way.failure = "no peer of " + entry.link.name + " may have " + entry.to.to_string();
        return way;
    }
    way.remote = peer->endpoint.address;
    way.failure = "no device has the key of the peer";
    for (const auto& [name, ns] : entry.network.namespaces) {
        for (const auto& link : ns.links) {
            const auto* device = std::get_if<netemu::WireguardSpec>(&link.kind);
            if (device != nullptr && device->key == peer->key && holds(ns, way.remote)) {
                way.ns = name;
                way.link = link.name;
            }
        }
    }
    way.how = "encrypted by WireGuard for " + (way.ns.empty() ? "nobody" : way.ns) + ", " +
              udp_text(carrier_address(entry.ns, way.remote), way.remote, peer->endpoint.port) +
              by_carrier() + ", MTU " + std::to_string(entry.link.mtu);
    return way;
}

TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::TunSpec& /*tun*/) {
    const services::IdentityNode* self = nullptr;
    const services::IdentityNode* peer = nullptr;
    if (entry.userspace != nullptr) {
        for (const auto& node : entry.userspace->nodes) {
            const bool here = node.ns_name == entry.ns_name && node.link == entry.link.name;
            self = here ? &node : self;
            peer = !here && has_address(node, entry.next) ? &node : peer;
        }
    }
    if (self == nullptr || peer == nullptr) {
        return nobody_behind(entry.next);
    }
    return {userspace_text(entry, *self, *peer), peer->local, peer->ns_name, peer->link, {}};
}

} // namespace labctl::explain
