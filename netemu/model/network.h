#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/impairment.h"
#include "netemu/model/ipvs.h"
#include "netemu/model/nft.h"
#include "netemu/model/vlan.h"
#include "netemu/model/wireguard.h"

/// What we want: the values that `compile` makes and `plan` compares with what was observed.
/// Nothing here makes a system call or knows Kubernetes.
namespace netemu {

enum class NamespaceRole { Underlay, Node, Pod, External };

/// lo. Always there with index 1; listed only to bring it up or to give it further addresses.
struct LoopbackSpec {
    bool operator==(const LoopbackSpec&) const = default;
};

/// A Linux bridge: no STP, no forward delay, no multicast snooping.
struct BridgeSpec {
    /// Its ports are in the networks of LinkSpec::vlans, and in no other; otherwise tags are what
    /// any other bytes are.
    bool vlan_filtering = false;
    bool operator==(const BridgeSpec&) const = default;
};

/// The outer end of a veth pair. Creating it creates the peer too, in `peer_namespace`, whose own
/// spec lists the peer as a link of kind VethPeerSpec with the same name, index, MAC address and
/// MTU.
struct VethSpec {
    std::string peer_namespace;
    std::string peer_name;
    std::uint32_t peer_index = 0;
    MacAddress peer_mac;
    bool operator==(const VethSpec&) const = default;
};

/// The inner end of a veth pair; created and destroyed with its outer end.
struct VethPeerSpec {
    bool operator==(const VethPeerSpec&) const = default;
};

/// A VXLAN device without learning and without a default remote: only FDB entries direct it (RFC
/// 7348).
struct VxlanSpec {
    std::uint32_t vni = 1;     // 1 to 2^24-1
    IpAddress local;           // outer source address
    std::uint16_t port = 4789; // UDP destination port
    std::string underlay;      // name of the link that carries it
    bool operator==(const VxlanSpec&) const = default;
};

/// A device that swallows what it is given: its addresses are what counts. Each has the length of a
/// host.
struct DummySpec {
    bool operator==(const DummySpec&) const = default;
};

/// A device behind which a program stands: what is sent by it is read from a descriptor
/// (Kernel::tun_descriptor), and what is written there comes in by it
/// (Documentation/networking/tuntap.rst).
struct TunSpec {
    bool ethernet = false;    // TAP: frames. TUN: packets of IP; it has no MAC address then
    bool vnet_header = false; // each packet behind a virtio_net_hdr, large ones not cut up
    bool operator==(const TunSpec&) const = default;
};

/// One end of a cable that a program carries: a TAP device with a vnet header at each end, and what
/// is read from one is written to the other, when and how that end's `impairment` says. While one
/// end is down, the other has no carrier, as with a veth pair.
struct TapSpec {
    std::string peer_namespace;
    std::string peer_name;
    bool first = false; // of the two, the one that stands for the cable
    bool operator==(const TapSpec&) const = default;
};

/// A tunnel device that is told for each packet where it goes, by the route that led there
/// (RouteSpec::encap), and that takes whatever comes to its port: what ip-link(8) calls "external".
/// One is enough for any number of peers and networks.
struct ExternalTunnelSpec {
    enum class Protocol : std::uint8_t {
        Vxlan, // RFC 7348
        Geneve // RFC 8926
    };
    Protocol protocol = Protocol::Vxlan;
    std::uint16_t port = 4789; // UDP destination port
    bool operator==(const ExternalTunnelSpec&) const = default;
};
/// "vxlan" or "geneve": as rtnetlink names the kind of the device.
inline const char* kind_of(const ExternalTunnelSpec& tunnel) {
    return tunnel.protocol == ExternalTunnelSpec::Protocol::Vxlan ? "vxlan" : "geneve";
}

/// A tunnel of IPv4 in IPv4 (RFC 2003) to any number of peers: where to is the gateway of the route
/// that leads there. It has no MAC address.
struct IpipSpec {
    IpAddress local; // outer source address
    bool operator==(const IpipSpec&) const = default;
};

using LinkKind = std::variant<
    LoopbackSpec,
    BridgeSpec,
    VethSpec,
    VethPeerSpec,
    VxlanSpec,
    DummySpec,
    TunSpec,
    TapSpec,
    ExternalTunnelSpec,
    IpipSpec,
    WireguardSpec,
    VlanSpec>;

struct LinkSpec {
    std::string name;        // at most 15 bytes
    std::uint32_t index = 0; // chosen by us, unique in its namespace; 1 is lo
    LinkKind kind;
    MacAddress mac;
    std::uint32_t mtu = 1500; // bytes; ignored for lo
    bool up = true;
    std::string master;              // bridge of the same namespace, or empty
    bool hairpin = false;            // of a port: a frame may leave by the port that it came in by
    std::vector<PortVlan> vlans{};   // of a port of a bridge that filters; in order of their ids
    std::vector<IpPrefix> addresses; // interface addresses: the host bits are kept
    /// What is done to the packets that leave by it, and whether its root queueing discipline does
    /// it. With Shaper::None it is a note for people: something else does it, or nothing.
    Impairment impairment;
    Shaper shaper = Shaper::None;
    bool operator==(const LinkSpec&) const = default;
};

/// Who made a route, as ip-route(8) writes it after "proto" (RTPROT_* of rtnetlink(7)).
inline constexpr std::uint8_t kRouteByHand = 3; // "boot": what `ip route add` writes itself

/// A gateway and the link that it is on.
struct NextHop {
    IpAddress gateway;
    std::string link;
    auto operator<=>(const NextHop&) const = default;
};

/// What a tunnel device in external mode does to a packet that a route leads to it ("encap ip" of
/// ip-route(8)).
struct Encap {
    std::uint32_t id = 0; // VNI
    IpAddress remote;     // outer destination address
    auto operator<=>(const Encap&) const = default;
};

struct RouteSpec {
    IpPrefix destination;             // network form; length 0 is the default route
    std::optional<IpAddress> gateway; // none: on-link
    std::string link;                 // empty: a blackhole, which drops and says nothing
    bool onlink = false;              // the gateway need not be reachable by another route
    std::uint8_t protocol = kRouteByHand;
    /// Further gateways: the kernel chooses one for each flow (RFC 2992). Never of a blackhole.
    std::vector<NextHop> more{};
    std::optional<Encap> encap{}; // of a route to a device that is an ExternalTunnelSpec
    [[nodiscard]] bool is_blackhole() const { return link.empty(); }
    auto operator<=>(const RouteSpec&) const = default;
};

/// A permanent neighbour (ARP or ND) entry.
struct NeighbourSpec {
    IpAddress address;
    MacAddress mac;
    std::string link;
    auto operator<=>(const NeighbourSpec&) const = default;
};

/// A permanent entry of a VXLAN device's forwarding database: frames to `mac` go to `remote`.
struct FdbSpec {
    MacAddress mac;
    IpAddress remote;
    std::string link;
    auto operator<=>(const FdbSpec&) const = default;
};

/// A value under /proc/sys, named with slashes: {"net/ipv4/ip_forward", "1"}.
struct SysctlSpec {
    std::string key;
    std::string value;
    bool operator==(const SysctlSpec&) const = default;
};

struct NamespaceSpec {
    NamespaceRole role = NamespaceRole::Pod;
    std::vector<SysctlSpec> sysctls; // written at creation, in order
    std::vector<LinkSpec> links;     // in order of creation: masters before their ports
    std::vector<RouteSpec> routes;   // in order of addition
    std::vector<NeighbourSpec> neighbours;
    /// Neighbours shared by all members of one segment (pods on one bridge). One list serves them
    /// all, since their number grows with the square; an entry for the member's own address does no
    /// harm.
    std::shared_ptr<const std::vector<NeighbourSpec>> segment_neighbours;
    std::vector<FdbSpec> fdb;
    std::vector<NftTable> tables;
    std::vector<VirtualServer> virtual_servers{}; // in any order, each key once
};

/// The whole network that is wanted, by namespace name ("underlay", "external", "node/NAME",
/// "pod/NS/NAME").
struct DesiredState {
    std::map<std::string, NamespaceSpec> namespaces;
};

} // namespace netemu
