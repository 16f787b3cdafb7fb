#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "labctl/dataplane/flow_memory.h"
#include "labctl/dataplane/geneve_frame.h"
#include "labctl/dataplane/inner_packet.h"
#include "services/identity_network.h"

namespace labctl::dataplane {

/// One node as a tunnel sees it. A node has one tunnel, and its number is the tunnel's.
struct GeneveNode {
    std::uint32_t tunnel = 0;                 // not 0
    netemu::IpAddress local;                  // its end of the tunnels, on the underlay
    std::vector<netemu::IpPrefix> ranges;     // of its pods
    std::vector<netemu::IpAddress> addresses; // its own
    bool operator==(const GeneveNode&) const = default;
};

/// An address of a pod. With Cilium this is an entry of the ipcache.
struct GeneveEndpoint {
    netemu::IpAddress address;
    std::uint32_t tunnel = 0; // of its node
    std::uint32_t identity = 0;
    std::uint32_t map = 0; // number of its policy map; 0: whoever comes is let in
    auto operator<=>(const GeneveEndpoint&) const = default;
};

/// Who has which address and identity, and who may begin a connection to whom: all that deciding
/// about a packet takes. Filled once, and then asked.
class GeneveTables {
public:
    void set_network(std::uint32_t vni, bool keep_established) {
        vni_ = vni;
        keep_established_ = keep_established;
    }
    void add_node(GeneveNode node);
    void add_endpoint(const GeneveEndpoint& endpoint);
    void add_identity(std::uint32_t identity) { identities_.insert(identity); }
    /// Appends to the map of that number.
    void add_map(std::uint32_t number, const services::PolicyMap& entries);

    [[nodiscard]] std::uint32_t vni() const { return vni_; }
    /// The node whose pods have this address, or whose own it is; nullptr: none.
    [[nodiscard]] const GeneveNode* owner_of(const netemu::IpAddress& address) const;
    [[nodiscard]] const GeneveNode* node(std::uint32_t tunnel) const;

    /// What a packet that leaves by a tunnel says of its sender. Of a node that is remote-node, as
    /// the other side sees it.
    [[nodiscard]] std::uint32_t
    identity_of(std::uint32_t tunnel, const netemu::IpAddress& source) const;

    /// Whether a frame that came to a tunnel is delivered; if not, why.
    [[nodiscard]] std::optional<GeneveDrop> verify(
        std::uint32_t tunnel,
        const netemu::IpAddress& outer_source,
        const GeneveFrame& frame,
        const InnerPacket& packet,
        FlowMemory& flows) const;

private:
    struct AddressHash {
        std::size_t operator()(const netemu::IpAddress& address) const;
    };
    struct Range {
        netemu::IpPrefix prefix;
        std::uint32_t tunnel = 0;
    };

    [[nodiscard]] std::optional<GeneveDrop> verify_identity(
        const GeneveNode& peer, std::uint32_t identity, const netemu::IpAddress& source) const;
    [[nodiscard]] std::optional<GeneveDrop> verify_policy(
        std::uint32_t tunnel,
        std::uint32_t identity,
        const InnerPacket& packet,
        FlowMemory& flows) const;

    std::uint32_t vni_ = 0;
    bool keep_established_ = false;
    std::map<std::uint32_t, GeneveNode> nodes_;
    std::vector<Range> ranges_; // sorted by their first address
    std::unordered_map<netemu::IpAddress, std::uint32_t, AddressHash> by_outer_;
    std::unordered_map<netemu::IpAddress, std::uint32_t, AddressHash> own_addresses_;
    std::unordered_map<netemu::IpAddress, GeneveEndpoint, AddressHash> endpoints_;
    std::unordered_set<std::uint32_t> identities_;
    std::unordered_map<std::uint32_t, services::PolicyMap> maps_;
};

} // namespace labctl::dataplane
