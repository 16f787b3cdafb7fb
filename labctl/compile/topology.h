#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/network.h"

/// The underlay as a lab file describes it: switches, routers, hosts, nodes and the links between
/// them, with every name, address and route decided. Pure values, the same on every run.
///
/// Without `switches`, `routers`, `hosts` or `links` a lab has none: then its nodes share the one
/// segment that network.h describes.
namespace labctl::compile {

enum class DeviceKind : std::uint8_t { Switch, Router, Host, Node, External };

/// One end of a link: which interface of which device, as places in their lists.
struct TopologyEnd {
    std::size_t device = 0;
    std::size_t interface = 0;
    auto operator<=>(const TopologyEnd&) const = default;
};

struct TopologyInterface {
    std::string name;        // "eth0"; of a switch's port "to-PEER"; or what the lab file says
    std::uint32_t index = 0; // of the kernel, unique in its namespace
    netemu::MacAddress mac;  // of its own
    std::size_t link = 0;    // in Topology::links
    std::size_t segment = 0; // in Topology::segments, or kNoSegment
    static constexpr std::size_t kNoSegment = std::numeric_limits<std::size_t>::max();
    /// Of an interface that is one network of another one of its device ("eth0.10"): the network's
    /// number, and that other one's name. Both share a link.
    std::uint16_t vlan = 0;
    std::string parent;
    /// The networks that a port is in, of a switch that keeps them apart; in order of their ids.
    std::vector<netemu::PortVlan> port_vlans;
    /// With the segment's length; in the order of the families; none for a switch's port.
    std::vector<netemu::IpPrefix> addresses;
};

struct TopologyDevice {
    DeviceKind kind = DeviceKind::Host;
    std::string name;
    std::string ns; // "switch/leaf-1", "router/r1", "host/h1", "node/node-1", "external"
    std::vector<TopologyInterface> interfaces; // in the order of the links
    std::vector<netemu::RouteSpec> routes;     // beyond the segments that it is on; never of nodes'
                                               // pods
    std::optional<std::size_t> nat;            // a router's interface that hides what is behind it
    bool filters = false; // a switch that keeps virtual networks apart (IEEE 802.1Q)
    [[nodiscard]] bool has_addresses() const { return kind != DeviceKind::Switch; }
};

struct TopologyLink {
    std::array<TopologyEnd, 2> ends; // as `endpoints` lists them
    std::uint32_t mtu = 1500;        // bytes, of both ends
    bool userspace = false;          // a program carries it (netemu::TapSpec)
    /// What happens to the packets that leave by the one end and by the other.
    std::array<netemu::Impairment, 2> impairments{};
};

/// One network of a switch; 0 of a switch that knows no networks.
struct SwitchVlan {
    std::size_t device = 0;
    std::uint16_t vlan = 0;
    auto operator<=>(const SwitchVlan&) const = default;
};

/// What one broadcast reaches: switches that are linked to each other, or one network of theirs, or
/// the two ends of a link between devices that have addresses.
struct TopologySegment {
    std::string name;                     // of its first switch and its network, or "A--B"
    std::vector<netemu::IpPrefix> ranges; // network form; in the order of the families
    std::vector<SwitchVlan> switches;
    std::vector<TopologyEnd> members; // interfaces that have addresses, in the order of links
};

struct Topology {
    std::vector<TopologyDevice> devices;
    std::vector<TopologyLink> links;
    std::vector<TopologySegment> segments;
    bool routed = true; // routes are computed; else only those that the lab file names are there
    /// By segment and device: how many routers further a router has a segment, or kFarAway.
    std::vector<std::vector<std::uint16_t>> distances;
    static constexpr std::uint16_t kFarAway = 0xffff;

    /// The device, or null.
    [[nodiscard]] const TopologyDevice* find(DeviceKind kind, std::string_view name) const;
    /// By namespace ("router/r1"), or null.
    [[nodiscard]] const TopologyDevice* find_ns(std::string_view ns) const;
    [[nodiscard]] const TopologyInterface& at(const TopologyEnd& end) const {
        return devices.at(end.device).interfaces.at(end.interface);
    }
    [[nodiscard]] const TopologyEnd& other_end(const TopologyEnd& end) const;
    /// Every address, in the order of devices and interfaces.
    struct Owned {
        const TopologyDevice* device;
        const TopologyInterface* interface;
        const netemu::IpPrefix* prefix;
    };
    [[nodiscard]] std::vector<Owned> addresses() const;
    /// The interface that has the address.
    [[nodiscard]] std::optional<TopologyEnd> owner_of(const netemu::IpAddress& address) const;

    /// The routers on the segment of a device's interface, in the order of links: of a node's eth0
    /// its top-of-rack routers. Those that hide what is behind them from this segment are left out.
    [[nodiscard]] std::vector<TopologyEnd> routers_of(const TopologyEnd& end) const;
    /// The gateways of a device towards a segment, several when they are equally near; empty when
    /// it is on that segment itself, or nothing leads there.
    [[nodiscard]] std::vector<netemu::NextHop>
    next_hops(const TopologyDevice& device, std::size_t segment, netemu::Family family) const;
    /// The same towards an address of the topology; of one on a segment of its own that address.
    [[nodiscard]] std::vector<netemu::NextHop>
    next_hops(const TopologyDevice& device, const netemu::IpAddress& to) const;
    /// The segment whose range has the address.
    [[nodiscard]] std::optional<std::size_t> segment_of(const netemu::IpAddress& address) const;
    /// The least MTU on the way between any two nodes; of all links when there are none.
    [[nodiscard]] std::uint32_t node_path_mtu() const;
};

/// A route by one gateway or more; `hops` has at least one.
netemu::RouteSpec
route_by(const netemu::IpPrefix& destination, const std::vector<netemu::NextHop>& hops);
/// "switch", "router", "host", "node", "external".
std::string_view to_text(DeviceKind kind);
/// The namespace of a device: "router/r1", or "external".
std::string device_namespace(DeviceKind kind, const std::string& name);

} // namespace labctl::compile
