#include "labctl/dataplane/tunnel_nodes.h"

#include <algorithm>
#include <cstring>

namespace labctl::dataplane {

std::size_t IpAddressHash::operator()(const netemu::IpAddress& address) const {
    constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15U; // 2^64 divided by the golden ratio
    std::uint64_t words[2];
    std::memcpy(words, address.bytes(), sizeof words); // of IPv4 the rest is zero
    const auto hash = (words[0] * kSpread ^ words[1]) * kSpread;
    return hash ^ hash >> 32U;
}

void TunnelNodes::add_node(TunnelNode node) {
    by_outer_[node.local] = node.tunnel;
    by_name_[node.name] = node.tunnel;
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

const TunnelNode* TunnelNodes::node(std::uint32_t tunnel) const {
    const auto found = nodes_.find(tunnel);
    return found == nodes_.end() ? nullptr : &found->second;
}

const TunnelNode* TunnelNodes::own_of(const netemu::IpAddress& address) const {
    const auto own = own_addresses_.find(address);
    return own == own_addresses_.end() ? nullptr : node(own->second);
}

const TunnelNode* TunnelNodes::at(const netemu::IpAddress& outer) const {
    const auto found = by_outer_.find(outer);
    return found == by_outer_.end() ? nullptr : node(found->second);
}

const TunnelNode* TunnelNodes::named(const netemu::MacAddress& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : node(found->second);
}

const TunnelNode* TunnelNodes::owner_of(const netemu::IpAddress& address) const {
    if (const auto* own = own_of(address)) {
        return own;
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

} // namespace labctl::dataplane
