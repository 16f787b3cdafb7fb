#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/compile/host_ports.h"
#include "labctl/compile/linkerd_network.h"
#include "netemu/base/address.h"
#include "netemu/model/wireguard.h"

/// What the network needs to know of the objects, read once.
namespace labctl::store {
class Store;
}

namespace labctl::compile {

struct ClusterConfig;
struct CniProfile;
struct Topology;

struct PodView {
    std::string ns;
    std::string name;
    std::vector<netemu::IpAddress> addresses; // one per family, the primary one first
    std::uint32_t index = 0;                  // of the outer end of its veth, unique on its node
    bool sidecar = false;                     // its connections are led to one of Istio
    std::optional<SkippedPorts> linkerd{};    // set: to one of Linkerd, but for these
    std::vector<HostPortMapping> host_ports{};
};

struct NodeView {
    std::string name;
    std::vector<netemu::IpPrefix> underlay;  // address with the segment's length; primary first
    std::vector<netemu::IpPrefix> pod_cidrs; // network form; the primary one first
    std::uint32_t port_index = 0;            // of its port on the underlay's bridge
    netemu::WireguardKey key;                // where nodes encrypt
    std::vector<PodView> pods;               // in order of namespace and name
};

/// How the packets of pods get to other nodes.
enum class Carrier {
    Vxlan,     // a VXLAN device, which its forwarding database directs
    External,  // one of VXLAN or Geneve, which routes direct
    Ipip,      // a device for IP in IP, for IPv4; IPv6 goes by routes of ours
    Userspace, // a TUN device, and the data plane behind it
    Wireguard, // a WireGuard device, which encrypts
    Routes,    // as they are, by routes
};

struct ClusterView {
    std::vector<NodeView> nodes;             // in order of their underlay addresses
    std::vector<netemu::IpPrefix> external;  // addresses of the namespace "external"
    std::vector<netemu::IpPrefix> pod_cidrs; // of the whole cluster
    std::uint32_t underlay_mtu = 0;
    std::uint32_t overlay_mtu = 0; // at most what the underlay leaves
    std::uint32_t pod_mtu = 0;
    const CniProfile* profile = nullptr; // how pods are wired
    const Topology* topology = nullptr;  // of the underlay; none: all are on one segment
    Carrier carrier = Carrier::Vxlan;
    std::string tunnel;          // the device for it on each node; empty: none
    bool learned = false;        // BGP brings the routes to other nodes' pods, into the tunnel, too
    bool outside_learns = false; // and those of the outside
    bool cross_subnet = false;   // see ClusterConfig
    bool geneve = false;         // what an External carrier speaks, instead of VXLAN
    bool bridge_netfilter = true; // see ClusterConfig
    bool check_sources = false;   // pods may send from their own addresses only
};

/// The nodes that have their addresses, in order of their underlay addresses, without their pods.
std::vector<NodeView> view_nodes(const store::Store& store, const ClusterConfig& config);

/// Whether two nodes are on one segment of the underlay; without a topology all are.
bool share_segment(const Topology* topology, const NodeView& one, const NodeView& other);

/// Leaves out nodes and pods that have no addresses yet, pods on unknown nodes, in the host's
/// network, or ended. Throws as compile_network does.
ClusterView view_cluster(const store::Store& store, const ClusterConfig& config);

/// Interface indexes that every namespace uses alike; ports follow from kFirstPortIndex on. Those
/// from 2 on are left to the devices that a kernel with tunnel modules puts into every new
/// namespace (tunl0, sit0, ip6tnl0 and others: Documentation/admin-guide/sysctl/net.rst,
/// fb_tunnels_only_for_init_net).
inline constexpr std::uint32_t kLoopbackIndex = 1;
inline constexpr std::uint32_t kEth0Index = 20;
inline constexpr const char* kEth0 = "eth0";
inline constexpr std::uint32_t kFirstPortIndex = 100;

/// The MAC address of the other end of a veth pair: the same bytes with a first byte of 0e.
netemu::MacAddress outer_mac(netemu::MacAddress inner);

} // namespace labctl::compile
