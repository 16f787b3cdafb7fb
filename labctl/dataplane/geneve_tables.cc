#include "labctl/dataplane/geneve_tables.h"

#include <algorithm>
#include <cstring>

namespace labctl::dataplane {

using services::kIdentityRemoteNode;
using services::kIdentityWorld;

std::size_t GeneveTables::AddressHash::operator()(const netemu::IpAddress& address) const {
    constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15U; // 2^64 divided by the golden ratio
    std::uint64_t words[2];
    std::memcpy(words, address.bytes(), sizeof words); // of IPv4 the rest is zero
    const auto hash = (words[0] * kSpread ^ words[1]) * kSpread;
    return hash ^ hash >> 32U;
}

void GeneveTables::add_node(GeneveNode node) {
    by_outer_[node.local] = node.tunnel;
    for (const auto& address : node.addresses) {
        own_addresses_[address] = node.tunnel;
    }
    for (const auto& prefix : node.ranges) {
        const auto place = std::upper_bound(
            ranges_.begin(),
            ranges_.end(),
            prefix,
            [](const netemu::IpPrefix& wanted, const Range& each) {
                return wanted.address < each.prefix.address;
            });
        ranges_.insert(place, {prefix, node.tunnel});
    }
    const auto tunnel = node.tunnel;
    nodes_[tunnel] = std::move(node);
}

void GeneveTables::add_endpoint(const GeneveEndpoint& endpoint) {
    endpoints_[endpoint.address] = endpoint;
}

void GeneveTables::add_map(std::uint32_t number, const services::PolicyMap& entries) {
    auto& map = maps_[number];
    map.insert(map.end(), entries.begin(), entries.end());
}

const GeneveNode* GeneveTables::node(std::uint32_t tunnel) const {
    const auto found = nodes_.find(tunnel);
    return found == nodes_.end() ? nullptr : &found->second;
}

const GeneveNode* GeneveTables::owner_of(const netemu::IpAddress& address) const {
    if (const auto own = own_addresses_.find(address); own != own_addresses_.end()) {
        return node(own->second);
    }
    auto range = std::upper_bound(
        ranges_.begin(),
        ranges_.end(),
        address,
        [](const netemu::IpAddress& wanted, const Range& each) {
            return wanted < each.prefix.address;
        });
    if (range == ranges_.begin() || !(--range)->prefix.contains(address)) {
        return nullptr;
    }
    return node(range->tunnel);
}

std::uint32_t
GeneveTables::identity_of(std::uint32_t tunnel, const netemu::IpAddress& source) const {
    const auto endpoint = endpoints_.find(source);
    if (endpoint != endpoints_.end() && endpoint->second.tunnel == tunnel) {
        return endpoint->second.identity;
    }
    const auto own = own_addresses_.find(source);
    return own != own_addresses_.end() && own->second == tunnel ? kIdentityRemoteNode
                                                                : kIdentityWorld;
}

std::optional<GeneveDrop> GeneveTables::verify(
    std::uint32_t tunnel,
    const netemu::IpAddress& outer_source,
    const GeneveFrame& frame,
    const InnerPacket& packet,
    FlowMemory& flows) const {
    if (frame.vni != vni_) {
        return GeneveDrop::OtherVni;
    }
    const auto peer = by_outer_.find(outer_source);
    if (peer == by_outer_.end() || peer->second == tunnel) {
        return GeneveDrop::UnknownPeer;
    }
    if (frame.unknown_critical) {
        return GeneveDrop::CriticalOption;
    }
    if (!frame.identity) {
        return GeneveDrop::NoIdentity;
    }
    if (const auto wrong =
            verify_identity(nodes_.at(peer->second), *frame.identity, packet.source)) {
        return wrong;
    }
    return verify_policy(tunnel, *frame.identity, packet, flows);
}

std::optional<GeneveDrop> GeneveTables::verify_identity(
    const GeneveNode& peer, std::uint32_t identity, const netemu::IpAddress& source) const {
    if (identity != kIdentityWorld && identity != kIdentityRemoteNode &&
        !identities_.contains(identity)) {
        return GeneveDrop::UnknownIdentity;
    }
    if (const auto endpoint = endpoints_.find(source); endpoint != endpoints_.end()) {
        const bool right =
            endpoint->second.tunnel == peer.tunnel && endpoint->second.identity == identity;
        return right ? std::nullopt : std::optional(GeneveDrop::ForgedIdentity);
    }
    if (const auto own = own_addresses_.find(source); own != own_addresses_.end()) {
        const bool right = own->second == peer.tunnel && identity == kIdentityRemoteNode;
        return right ? std::nullopt : std::optional(GeneveDrop::ForgedIdentity);
    }
    if (owner_of(source) != nullptr) {
        return GeneveDrop::UnknownSource;
    }
    // Nobody of the cluster: it came in from outside, by that node.
    return identity == kIdentityWorld ? std::nullopt : std::optional(GeneveDrop::ForgedIdentity);
}

std::optional<GeneveDrop> GeneveTables::verify_policy(
    std::uint32_t tunnel,
    std::uint32_t identity,
    const InnerPacket& packet,
    FlowMemory& flows) const {
    const auto endpoint = endpoints_.find(packet.destination);
    if (endpoint == endpoints_.end() || endpoint->second.tunnel != tunnel) {
        const auto own = own_addresses_.find(packet.destination);
        const bool here = own != own_addresses_.end() && own->second == tunnel;
        return here ? std::nullopt : std::optional(GeneveDrop::NotHere);
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
        return GeneveDrop::PolicyDenied;
    }
    if (fresh) {
        flows.remember(FlowMemory::of(tunnel, packet));
    }
    return std::nullopt;
}

} // namespace labctl::dataplane
