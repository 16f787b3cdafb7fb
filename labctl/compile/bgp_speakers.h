#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/network.h"

/// Who speaks BGP with whom, and what must come of it. Pure: from objects to values.
namespace labctl::store {
class Store;
}

namespace labctl::compile {

struct ClusterConfig;
struct NodeView;

/// One session, as one of its two ends sees it.
struct BgpSession {
    std::string protocol;        // BIRD's name of it, as Calico builds it: "Mesh_172_18_0_3"
    std::string peer;            // name of the other speaker
    netemu::IpAddress local;     // both of one family, and of the routes that it carries
    netemu::IpAddress address;   // of the peer
    std::uint32_t as_number = 0; // the peer's
    bool client = false;         // we reflect what it says, and to it (RFC 4456)
    bool passive = false;        // the other end connects: two at once would collide
    bool disabled = false;       // by a fault
    bool multihop = false;       // there are routers between the two
};

struct BgpSpeaker {
    std::string name; // of the node or router, or "external"
    std::string ns;   // network namespace: "node/node-1", "router/leaf-1", "external"
    std::uint32_t as_number = 0;
    netemu::IpAddress router_id;            // of IPv4
    std::vector<netemu::IpPrefix> pods;     // ranges that it announces to everybody
    std::vector<netemu::IpPrefix> services; // what it announces to other autonomous systems only
    bool blackholes = false; // its own ranges go to the kernel too, as Calico has them
    bool reflects = false;
    bool transit = false;         // tells everybody what it has learned, itself being the way
    bool services_inside = false; // announces `services` in its own autonomous system, too
    std::vector<BgpSession> sessions;
    /// A node with a tunnel: its device, and for the address of every other node, as a host, the
    /// way to it, into the tunnel or past it. Routes of its own system are resolved by these.
    std::string tunnel;
    std::vector<netemu::RouteSpec> ways;
};

/// A fault: sessions that this speaker has with that one are shut down by it.
using BgpShutDowns = std::set<std::pair<std::string, std::string>>;

/// The speakers in order of their names, sessions in order of their peers' addresses; none where
/// the lab has no BGP. Cluster addresses are announced as a range, by all nodes; an address of a
/// Service whose externalTrafficPolicy is Local is announced as itself, too, by the nodes that have
/// a ready endpoint (docs.tigera.io, "Advertise Kubernetes service IP addresses").
std::vector<BgpSpeaker>
bgp_speakers(const store::Store& store, const ClusterConfig& config, const BgpShutDowns& down);

/// The `ways` of a node; none without a tunnel. IP in IP takes IPv4 only. `node` is one of nodes.
std::vector<netemu::RouteSpec> ways_to_nodes(
    const ClusterConfig& config, const std::vector<NodeView>& nodes, const NodeView& node);

/// The text of BIRD's configuration (bird.network.cz, user's guide 2.0). Its timers are short: each
/// try to connect comes within a second of the last, and a neighbour that is silent for nine is
/// gone.
std::string bird_configuration(const BgpSpeaker& speaker);

/// The routes that BIRD must put into the kernel when all sessions that are not shut down are up:
/// per namespace, sorted, without blackholes, with the protocol kRouteByBird.
std::map<std::string, std::vector<netemu::RouteSpec>>
expected_bgp_routes(const std::vector<BgpSpeaker>& speakers);

} // namespace labctl::compile
