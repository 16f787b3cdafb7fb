#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "labctl/dataplane/flow_memory.h"
#include "labctl/dataplane/geneve_frame.h"
#include "labctl/dataplane/inner_packet.h"
#include "labctl/dataplane/tunnel_drop.h"
#include "labctl/dataplane/tunnel_nodes.h"
#include "services/identity_network.h"

namespace labctl::dataplane {

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
class GeneveTables : public TunnelNodes {
public:
    void set_network(std::uint32_t vni, bool keep_established) {
        vni_ = vni;
        keep_established_ = keep_established;
    }
    void add_endpoint(const GeneveEndpoint& endpoint);
    void add_identity(std::uint32_t identity) { identities_.insert(identity); }
    /// Appends to the map of that number.
    void add_map(std::uint32_t number, const services::PolicyMap& entries);

    [[nodiscard]] std::uint32_t vni() const { return vni_; }
    /// What a packet that leaves by a tunnel says of its sender. Of a node that is remote-node, as
    /// the other side sees it.
    [[nodiscard]] std::uint32_t
    identity_of(std::uint32_t tunnel, const netemu::IpAddress& source) const;

    /// Whether a frame that came to a tunnel is delivered; if not, why.
    [[nodiscard]] std::optional<TunnelDrop> verify(
        std::uint32_t tunnel,
        const netemu::IpAddress& outer_source,
        const GeneveFrame& frame,
        const InnerPacket& packet,
        FlowMemory& flows) const;

private:
    [[nodiscard]] std::optional<TunnelDrop> verify_identity(
        const TunnelNode& peer, std::uint32_t identity, const netemu::IpAddress& source) const;
    [[nodiscard]] std::optional<TunnelDrop> verify_policy(
        std::uint32_t tunnel,
        std::uint32_t identity,
        const InnerPacket& packet,
        FlowMemory& flows) const;

    std::uint32_t vni_ = 0;
    bool keep_established_ = false;
    std::unordered_map<netemu::IpAddress, GeneveEndpoint, IpAddressHash> endpoints_;
    std::unordered_set<std::uint32_t> identities_;
    std::unordered_map<std::uint32_t, services::PolicyMap> maps_;
};

} // namespace labctl::dataplane
