#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "netemu/base/address.h"

namespace labctl::dataplane {

/// One node as a tunnel sees it. A node has one tunnel, and its number is the tunnel's.
struct TunnelNode {
    std::uint32_t tunnel = 0;                   // not 0
    netemu::IpAddress local;                    // its end of the tunnels, on the underlay
    std::vector<netemu::IpPrefix> ranges{};     // of its pods
    std::vector<netemu::IpAddress> addresses{}; // its own
    netemu::MacAddress name{};                  // of the peer, where peers have names
    bool operator==(const TunnelNode&) const = default;
};

struct IpAddressHash {
    std::size_t operator()(const netemu::IpAddress& address) const;
};

/// Which node has which addresses. Filled once, and then asked.
class TunnelNodes {
public:
    void add_node(TunnelNode node);

    [[nodiscard]] const TunnelNode* node(std::uint32_t tunnel) const;
    /// The node whose pods have this address, or whose own it is; nullptr: none.
    [[nodiscard]] const TunnelNode* owner_of(const netemu::IpAddress& address) const;
    /// The node whose own it is, apart from its pods.
    [[nodiscard]] const TunnelNode* own_of(const netemu::IpAddress& address) const;
    /// The node whose tunnels end there.
    [[nodiscard]] const TunnelNode* at(const netemu::IpAddress& outer) const;
    [[nodiscard]] const TunnelNode* named(const netemu::MacAddress& name) const;

private:
    struct Range {
        netemu::IpPrefix prefix;
        std::uint32_t tunnel = 0;
    };

    std::map<std::uint32_t, TunnelNode> nodes_;
    std::vector<Range> ranges_; // sorted by their first address
    std::unordered_map<netemu::IpAddress, std::uint32_t, IpAddressHash> by_outer_;
    std::unordered_map<netemu::IpAddress, std::uint32_t, IpAddressHash> own_addresses_;
    std::map<netemu::MacAddress, std::uint32_t> by_name_;
};

} // namespace labctl::dataplane
