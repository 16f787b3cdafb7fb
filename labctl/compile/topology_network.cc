#include "labctl/compile/topology_network.h"

#include <algorithm>
#include <limits>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"

namespace labctl::compile {

namespace {

using netemu::Family;
using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::RouteSpec;

constexpr const char* kSwitchBridge = "br0";
constexpr std::uint32_t kSwitchBridgeIndex = 20;
constexpr int kMasqueradePriority = 100; // srcnat: NF_IP_PRI_NAT_SRC

/// RFC 4291, appendix A: the modified EUI-64. A router asks for its neighbours from such an
/// address, since what it forwards is not from one of its own (RFC 4861, section 7.2.2).
IpPrefix link_local(const netemu::MacAddress& mac) {
    constexpr std::uint8_t kLinkLength = 64;
    std::array<std::uint8_t, 16> bytes{0xfe, 0x80};
    std::copy_n(mac.bytes.begin(), 3, bytes.begin() + 8);
    bytes[8] ^= 2U;
    bytes[11] = 0xff;
    bytes[12] = 0xfe;
    std::copy_n(mac.bytes.begin() + 3, 3, bytes.begin() + 13);
    return {IpAddress::from_bytes(Family::V6, bytes.data()), kLinkLength};
}

class TopologyCompiler {
public:
    TopologyCompiler(
        const ClusterView& cluster, const ClusterConfig& config, netemu::DesiredState& state)
        : cluster_(cluster), config_(config), topology_(*cluster.topology), state_(state) {
        for (const auto& range : config.underlay_cidrs) {
            families_.push_back(range.address.family());
        }
    }

    void run() {
        for (std::size_t i = 0; i < topology_.devices.size(); ++i) {
            const auto& device = topology_.devices[i];
            const bool waits = device.kind == DeviceKind::Node && !is_there(device.name);
            if (!waits && !device.interfaces.empty()) {
                add_device(i, state_.namespaces[device.ns]);
            }
        }
        for (const auto& link : topology_.links) {
            drop_half_link(link);
        }
        add_pod_routes();
    }

private:
    [[nodiscard]] bool is_there(const std::string& node) const {
        return std::any_of(cluster_.nodes.begin(), cluster_.nodes.end(), [&](const auto& each) {
            return each.name == node;
        });
    }

    // --- namespaces

    void add_device(std::size_t number, NamespaceSpec& spec) {
        const auto& device = topology_.devices[number];
        spec.role = device.kind == DeviceKind::Node ? netemu::NamespaceRole::Node
                    : device.kind == DeviceKind::Host || device.kind == DeviceKind::External
                        ? netemu::NamespaceRole::External
                        : netemu::NamespaceRole::Underlay;
        if (device.kind == DeviceKind::Switch) {
            add_bridge(number, spec);
        } else {
            LinkSpec loopback;
            loopback.name = "lo";
            loopback.index = kLoopbackIndex;
            spec.links.push_back(std::move(loopback));
        }
        for (std::size_t i = 0; i < device.interfaces.size(); ++i) {
            spec.links.push_back(interface_link({number, i}));
        }
        spec.routes = device.routes;
        if (device.kind != DeviceKind::Node) { // a node's are network.cc's
            spec.sysctls = sysctls_of(device);
        }
        if (device.nat) {
            add_nat(device, spec);
        }
    }

    void add_bridge(std::size_t number, NamespaceSpec& spec) {
        LinkSpec bridge;
        bridge.name = kSwitchBridge;
        bridge.index = kSwitchBridgeIndex;
        bridge.kind = netemu::BridgeSpec{topology_.devices[number].filters};
        bridge.mac = netemu::MacAddress{
            {0x0e,
             0x58,
             1,
             static_cast<std::uint8_t>(number >> 8U),
             static_cast<std::uint8_t>(number),
             0}};
        bridge.mtu = std::numeric_limits<std::uint32_t>::max();
        for (const auto& port : topology_.devices[number].interfaces) {
            bridge.mtu = std::min(bridge.mtu, topology_.links[port.link].mtu);
        }
        spec.links.push_back(std::move(bridge));
    }

    LinkSpec interface_link(const TopologyEnd& end) {
        const auto& device = topology_.devices[end.device];
        const auto& interface = topology_.at(end);
        const auto& link = topology_.links[interface.link];
        LinkSpec spec;
        spec.name = interface.name;
        spec.index = interface.index;
        spec.mac = interface.mac;
        spec.mtu = link.mtu;
        spec.addresses = interface.addresses;
        const bool v6 =
            std::any_of(spec.addresses.begin(), spec.addresses.end(), [](const IpPrefix& each) {
                return each.address.is_v6();
            });
        if (v6) {
            spec.addresses.push_back(link_local(interface.mac));
        }
        if (device.kind == DeviceKind::Switch) {
            spec.master = kSwitchBridge;
            spec.vlans = interface.port_vlans;
        }
        const auto& peer = topology_.other_end(end);
        const auto& other = topology_.at(peer);
        if (interface.vlan != 0) {
            spec.kind = netemu::VlanSpec{interface.vlan, interface.parent};
        } else if (link.userspace) {
            spec.kind =
                netemu::TapSpec{topology_.devices[peer.device].ns, other.name, is_outer(link, end)};
        } else if (is_outer(link, end)) {
            spec.kind = netemu::VethSpec{
                topology_.devices[peer.device].ns, other.name, other.index, other.mac};
        } else {
            spec.kind = netemu::VethPeerSpec{};
        }
        return spec;
    }

    /// One end makes the pair: the switch's, so that a cut takes that one down, or the first.
    [[nodiscard]] bool is_outer(const TopologyLink& link, const TopologyEnd& end) const {
        const auto is_switch = [&](const TopologyEnd& each) {
            return topology_.devices[each.device].kind == DeviceKind::Switch;
        };
        const bool first_makes = is_switch(link.ends[0]) || !is_switch(link.ends[1]);
        return (link.ends[0] == end) == first_makes;
    }

    /// A node that has no addresses yet is not there, and neither is its cable.
    void drop_half_link(const TopologyLink& link) {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto& here = topology_.devices[link.ends[i].device];
            const auto& there = topology_.devices[link.ends[1 - i].device];
            const auto found = state_.namespaces.find(there.ns);
            if (here.kind == DeviceKind::Node && !is_there(here.name) &&
                found != state_.namespaces.end()) {
                const auto& name = topology_.at(link.ends[1 - i]).name;
                std::erase_if(
                    found->second.links, [&](const auto& each) { return each.name == name; });
            }
        }
    }

    [[nodiscard]] std::vector<netemu::SysctlSpec> sysctls_of(const TopologyDevice& device) const {
        std::vector<netemu::SysctlSpec> sysctls;
        if (device.kind == DeviceKind::Switch) {
            if (config_.bridge_netfilter) {
                sysctls = {
                    {"net/bridge/bridge-nf-call-iptables", "0"},
                    {"net/bridge/bridge-nf-call-ip6tables", "0"}};
            }
            return sysctls;
        }
        const std::string forward = device.kind == DeviceKind::Router ? "1" : "0";
        for (const auto family : families_) {
            add_sysctls(family, forward, sysctls);
        }
        return sysctls;
    }

    void add_sysctls(
        Family family, const std::string& forward, std::vector<netemu::SysctlSpec>& to) const {
        const bool router = forward == "1";
        if (family == Family::V6) {
            to.push_back({"net/ipv6/conf/all/forwarding", forward});
            if (router) {
                to.push_back({"net/ipv6/icmp/ratelimit", "0"});
                add_hash_policy("net/ipv6/fib_multipath_hash_policy", to);
            }
            return;
        }
        to.push_back({"net/ipv4/ip_forward", forward});
        if (router) {
            // With several ways a packet may come back by another than it went.
            to.push_back({"net/ipv4/conf/all/rp_filter", "0"});
            to.push_back({"net/ipv4/conf/default/rp_filter", "0"});
            to.push_back({"net/ipv4/conf/all/send_redirects", "0"});
            to.push_back({"net/ipv4/conf/default/send_redirects", "0"});
            to.push_back({"net/ipv4/icmp_ratelimit", "0"}); // traceroute asks quickly
            add_hash_policy("net/ipv4/fib_multipath_hash_policy", to);
        }
    }

    /// Ports count, too: two connections between two hosts may take two ways.
    void add_hash_policy(const char* key, std::vector<netemu::SysctlSpec>& to) const {
        if (config_.multipath) {
            to.push_back({key, "1"});
        }
    }

    void add_nat(const TopologyDevice& device, NamespaceSpec& spec) const {
        for (const auto family : families_) {
            netemu::NftTable table;
            table.family = family == Family::V4 ? netemu::NftFamily::Ip : netemu::NftFamily::Ip6;
            table.name = "nat";
            netemu::NftChain chain;
            chain.name = "postrouting";
            chain.base = netemu::NftBase{
                "nat",
                netemu::NftHook::Postrouting,
                kMasqueradePriority,
                netemu::NftVerdict::Accept};
            netemu::NftRule rule;
            rule.statements = {
                netemu::NftMatchInterface{
                    netemu::NftMatchInterface::Direction::Output,
                    device.interfaces[*device.nat].name,
                    false},
                netemu::NftCounter{},
                netemu::NftMasquerade{}};
            rule.comment = "what leaves here has this router's address";
            chain.rules.push_back(std::move(rule));
            table.chains.push_back(std::move(chain));
            spec.tables.push_back(std::move(table));
        }
    }

    // --- the cluster's ranges

    void add_pod_routes() {
        const bool learned = config_.bgp && config_.bgp->topology == BgpConfig::Topology::TopOfRack;
        if (cluster_.nodes.empty() || !topology_.routed || learned) {
            return;
        }
        const bool encrypted = cluster_.carrier == Carrier::Wireguard;
        for (const auto& device : topology_.devices) {
            const bool outside = device.kind == DeviceKind::External && device.has_addresses();
            if (device.kind != DeviceKind::Router && !(outside && encrypted)) {
                continue;
            }
            for (const auto& node : cluster_.nodes) {
                auto ranges = node.pod_cidrs; // those that cross the routers as they are
                std::erase_if(ranges, [&](const IpPrefix& range) {
                    return !cluster_.tunnel.empty() && !encrypted &&
                           (cluster_.carrier != Carrier::Ipip || range.address.is_v4());
                });
                add_ranges(device, ranges, node);
            }
            // `external` on the default segment enters by the first node, too.
            const auto& first = entry_node();
            add_ranges(device, config_.pod_cidrs, first);
            add_ranges(device, config_.service_cidrs, first);
        }
    }

    /// The first of the lab file, or of those that are there.
    [[nodiscard]] const NodeView& entry_node() const {
        for (const auto& node : cluster_.nodes) {
            if (node.name == config_.nodes.front().name) {
                return node;
            }
        }
        return cluster_.nodes.front();
    }

    void add_ranges(
        const TopologyDevice& device, const std::vector<IpPrefix>& ranges, const NodeView& node) {
        auto& routes = state_.namespaces.at(device.ns).routes;
        for (const auto& range : ranges) {
            const bool known = std::any_of(routes.begin(), routes.end(), [&](const auto& route) {
                return route.destination == range;
            });
            for (const auto& address : node.underlay) {
                if (known || address.address.family() != range.address.family()) {
                    continue;
                }
                if (auto route = route_behind(topology_, device, range, address.address)) {
                    routes.push_back(std::move(*route));
                }
            }
        }
    }

    const ClusterView& cluster_;
    const ClusterConfig& config_;
    const Topology& topology_;
    netemu::DesiredState& state_;
    std::vector<Family> families_;
};

} // namespace

void add_topology(
    const ClusterView& cluster, const ClusterConfig& config, netemu::DesiredState& state) {
    TopologyCompiler(cluster, config, state).run();
}

std::optional<RouteSpec> route_behind(
    const Topology& topology,
    const TopologyDevice& device,
    const IpPrefix& range,
    const IpAddress& via) {
    const auto hops = topology.next_hops(device, via);
    if (hops.empty()) {
        return std::nullopt;
    }
    return route_by(range, hops);
}

void add_announced_address(
    const Topology& topology,
    const IpAddress& address,
    const std::string& node,
    netemu::DesiredState& state) {
    const auto* announcer = topology.find(DeviceKind::Node, node);
    if (announcer == nullptr) {
        return;
    }
    const auto add_routes = [&](const IpAddress& via) {
        for (const auto& device : topology.devices) {
            const auto found = state.namespaces.find(device.ns);
            if (!device.has_addresses() || device.kind == DeviceKind::Node ||
                found == state.namespaces.end()) {
                continue;
            }
            if (auto route = route_behind(topology, device, IpPrefix::host(address), via)) {
                found->second.routes.push_back(std::move(*route));
            }
        }
    };
    for (const auto& interface : announcer->interfaces) {
        for (const auto& own : interface.addresses) {
            if (interface.name == kEth0 && own.address.family() == address.family()) {
                add_routes(own.address);
            }
        }
    }
}

} // namespace labctl::compile
