#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

/// How nodes tell each other their pods' ranges: `spec.cni.routing` and `spec.cni.bgp` of the lab.
namespace labctl::compile {

struct NodeConfig;
struct Topology;

/// As Calico's BGPConfiguration and BGPPeer have it (docs.tigera.io, "Configure BGP peering").
struct BgpConfig {
    enum class Topology {
        Mesh,      // every node with every other, Calico's nodeToNodeMesh
        Reflector, // every node with those that reflect (RFC 4456)
        TopOfRack, // every node with the routers of its segment (RFC 7938)
    };

    Topology topology = Topology::Mesh;
    std::uint32_t as_number = 64512;         // of all nodes; Calico's default. Not of TopOfRack
    std::vector<std::string> reflectors;     // names of nodes; only of that topology
    bool service_cidr = false;               // nodes announce the range of cluster addresses
    bool load_balancer = false;              // and the addresses of load balancers
    std::optional<std::uint32_t> outside_as; // the namespace "external" is a router of this one
};

/// Where the routes to the pods of other nodes come from.
inline constexpr const char* kRoutingStatic = "static";
inline constexpr const char* kRoutingBgp = "bgp";

/// From `spec` of a lab; none where routes are static. Throws netemu::UsageError, naming the field,
/// for what makes no sense: with a tunnel but IP in IP and WireGuard, with routers between nodes
/// that neither take part nor are passed in a tunnel, with a profile that has no BGP, for nodes
/// that there are not.
std::optional<BgpConfig>
read_bgp(const api::Json& spec, const std::vector<NodeConfig>& nodes, std::string_view profile);

/// Throws netemu::UsageError for a node that has no router on its segment, where it needs one.
void check_racks(const BgpConfig& config, const Topology* topology);

/// "mesh", "reflector", "tor".
[[nodiscard]] const char* to_text(BgpConfig::Topology topology);

} // namespace labctl::compile
