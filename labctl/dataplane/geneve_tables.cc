#include "labctl/dataplane/geneve_tables.h"

namespace labctl::dataplane {

using services::kIdentityRemoteNode;
using services::kIdentityWorld;

void GeneveTables::add_endpoint(const GeneveEndpoint& endpoint) {
    endpoints_[endpoint.address] = endpoint;
}

void GeneveTables::add_map(std::uint32_t number, const services::PolicyMap& entries) {
    auto& map = maps_[number];
    map.insert(map.end(), entries.begin(), entries.end());
}

std::uint32_t
GeneveTables::identity_of(std::uint32_t tunnel, const netemu::IpAddress& source) const {
    const auto endpoint = endpoints_.find(source);
    if (endpoint != endpoints_.end() && endpoint->second.tunnel == tunnel) {
        return endpoint->second.identity;
    }
    const auto* own = own_of(source);
    return own != nullptr && own->tunnel == tunnel ? kIdentityRemoteNode : kIdentityWorld;
}

std::optional<TunnelDrop> GeneveTables::verify(
    std::uint32_t tunnel,
    const netemu::IpAddress& outer_source,
    const GeneveFrame& frame,
    const InnerPacket& packet,
    FlowMemory& flows) const {
    if (frame.vni != vni_) {
        return TunnelDrop::OtherVni;
    }
    const auto* peer = at(outer_source);
    if (peer == nullptr || peer->tunnel == tunnel) {
        return TunnelDrop::UnknownPeer;
    }
    if (frame.unknown_critical) {
        return TunnelDrop::CriticalOption;
    }
    if (!frame.identity) {
        return TunnelDrop::NoIdentity;
    }
    if (const auto wrong = verify_identity(*peer, *frame.identity, packet.source)) {
        return wrong;
    }
    return verify_policy(tunnel, *frame.identity, packet, flows);
}

std::optional<TunnelDrop> GeneveTables::verify_identity(
    const TunnelNode& peer, std::uint32_t identity, const netemu::IpAddress& source) const {
    if (identity != kIdentityWorld && identity != kIdentityRemoteNode &&
        !identities_.contains(identity)) {
        return TunnelDrop::UnknownIdentity;
    }
    if (const auto endpoint = endpoints_.find(source); endpoint != endpoints_.end()) {
        const bool right =
            endpoint->second.tunnel == peer.tunnel && endpoint->second.identity == identity;
        return right ? std::nullopt : std::optional(TunnelDrop::ForgedIdentity);
    }
    if (const auto* own = own_of(source)) {
        const bool right = own->tunnel == peer.tunnel && identity == kIdentityRemoteNode;
        return right ? std::nullopt : std::optional(TunnelDrop::ForgedIdentity);
    }
    if (owner_of(source) != nullptr) {
        return TunnelDrop::UnknownSource;
    }
    // Nobody of the cluster: it came in from outside, by that node.
    return identity == kIdentityWorld ? std::nullopt : std::optional(TunnelDrop::ForgedIdentity);
}

std::optional<TunnelDrop> GeneveTables::verify_policy(
    std::uint32_t tunnel,
    std::uint32_t identity,
    const InnerPacket& packet,
    FlowMemory& flows) const {
    const auto endpoint = endpoints_.find(packet.destination);
    if (endpoint == endpoints_.end() || endpoint->second.tunnel != tunnel) {
        const auto* own = own_of(packet.destination);
        const bool here = own != nullptr && own->tunnel == tunnel;
        return here ? std::nullopt : std::optional(TunnelDrop::NotHere);
    }
    const bool fresh = packet.is_stateless && !flows.is_recent(FlowMemory::of(tunnel, packet));
    if (fresh && (flows.knows(FlowMemory::answered_by(tunnel, packet)) ||
                  (keep_established_ && flows.knows(FlowMemory::of(tunnel, packet))))) {
        return std::nullopt;
    }
    if (!packet.begins || (packet.is_stateless && !fresh && keep_established_)) {
        return std::nullopt; // connection tracking of the node's rules knows whether it belongs
    }
    const auto map = maps_.find(endpoint->second.map);
    if (map != maps_.end() &&
        services::look_up(map->second, identity, packet.protocol, packet.destination_port) ==
            services::MapVerdict::Deny) {
        return TunnelDrop::PolicyDenied;
    }
    if (fresh) {
        flows.remember(FlowMemory::of(tunnel, packet));
    }
    return std::nullopt;
}

} // namespace labctl::dataplane
