#include "labctl/compile/network.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/linkerd_network.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/node_cache.h"
#include "labctl/compile/sidecar_network.h"
#include "labctl/compile/topology_network.h"
#include "netemu/base/error.h"
#include "netemu/model/interface_name.h"

namespace labctl::compile {

namespace {

using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::MacAddress;
using netemu::NamespaceSpec;

constexpr const char* kSwitch = "br0";
constexpr std::uint32_t kSwitchIndex = 20;
constexpr MacAddress kSwitchMac{{0x0e, 0x58, 0, 0, 0, 0}};

bool has_family(const std::vector<IpPrefix>& ranges, netemu::Family family) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const IpPrefix& range) {
        return range.address.family() == family;
    });
}

/// Whether what crosses a bridge passes the IP layer's rules. On a node it must, or the reply of a
/// Service's endpoint to a pod of the same node would come from an address that the pod never
/// called; the underlay is a switch, and a switch has no rules.
std::vector<netemu::SysctlSpec> bridge_sysctls(const std::string& value) {
    return {
        {"net/bridge/bridge-nf-call-iptables", value},
        {"net/bridge/bridge-nf-call-ip6tables", value}};
}

void append(std::vector<netemu::SysctlSpec>& to, const std::vector<netemu::SysctlSpec>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// A new namespace may copy the host's IPv4 settings (net.core.devconf_inherit_init_net), so each
/// one that a node relies on is written. `all` and `default` both: the kernel takes the stricter of
/// `all` and the interface's own, and interfaces are born with `default`.
std::vector<netemu::SysctlSpec>
node_sysctls(const std::vector<IpPrefix>& ranges, const ClusterConfig& config) {
    std::vector<netemu::SysctlSpec> sysctls;
    if (has_family(ranges, netemu::Family::V4)) {
        sysctls = {
            {"net/ipv4/ip_forward", "1"},
            // Packets from outside may come in through the tunnel and leave by eth0.
            {"net/ipv4/conf/all/rp_filter", "0"},
            {"net/ipv4/conf/default/rp_filter", "0"},
            // A packet that goes back through cni0 does so on purpose (Services).
            {"net/ipv4/conf/all/send_redirects", "0"},
            {"net/ipv4/conf/default/send_redirects", "0"},
            // A refusal is an ICMP error, and a check must not take the seventh for a time-out.
            {"net/ipv4/icmp_ratelimit", "0"},
            // Most of what comes in is for pods: looking for a socket of the node first is wasted.
            {"net/ipv4/ip_early_demux", "0"}};
    }
    if (has_family(ranges, netemu::Family::V6)) {
        sysctls.push_back({"net/ipv6/conf/all/forwarding", "1"});
        sysctls.push_back({"net/ipv6/icmp/ratelimit", "0"});
    }
    if (config.bridge_netfilter && !cni_profile(config).routed()) {
        append(sysctls, bridge_sysctls("1"));
    }
    if (config.strict_tracking) {
        // A connection that a policy has cut stays cut: it is not taken up again in its middle.
        sysctls.push_back({"net/netfilter/nf_conntrack_tcp_loose", "0"});
    }
    return sysctls;
}

/// The outside is a host, not a router: what the lab does not know ends here.
std::vector<netemu::SysctlSpec> external_sysctls(const std::vector<IpPrefix>& ranges) {
    std::vector<netemu::SysctlSpec> sysctls;
    if (has_family(ranges, netemu::Family::V4)) {
        sysctls.push_back({"net/ipv4/ip_forward", "0"});
    }
    if (has_family(ranges, netemu::Family::V6)) {
        sysctls.push_back({"net/ipv6/conf/all/forwarding", "0"});
    }
    return sysctls;
}

/// Who is on the segment of the underlay.
struct Member {
    std::string ns;
    std::string port; // name of its port on the bridge
    std::uint32_t port_index = 0;
    std::vector<IpPrefix> addresses;
    [[nodiscard]] MacAddress mac() const { return MacAddress::for_ip(addresses.front().address); }
};

std::vector<Member> list_members(const ClusterView& cluster) {
    netemu::InterfaceNames names;
    names.reserve("lo");
    names.reserve(kSwitch);
    const auto& own = cluster.external.front();
    const auto offset = own.address.distance_from(own.network().address);
    std::vector<Member> members;
    members.push_back(
        {kExternalNamespace,
         names.readable("to-", "external"),
         kFirstPortIndex + static_cast<std::uint32_t>(offset),
         cluster.external});
    for (const auto& node : cluster.nodes) {
        members.push_back(
            {node_namespace(node.name),
             names.readable("to-", node.name),
             node.port_index,
             node.underlay});
    }
    return members;
}

NamespaceSpec make_underlay(const std::vector<Member>& members, std::uint32_t mtu) {
    NamespaceSpec spec;
    spec.role = netemu::NamespaceRole::Underlay;
    LinkSpec bridge;
    bridge.name = kSwitch;
    bridge.index = kSwitchIndex;
    bridge.kind = netemu::BridgeSpec{};
    bridge.mac = kSwitchMac;
    bridge.mtu = mtu;
    spec.links.push_back(std::move(bridge));
    for (const auto& member : members) {
        LinkSpec port;
        port.name = member.port;
        port.index = member.port_index;
        port.kind = netemu::VethSpec{member.ns, kEth0, kEth0Index, member.mac()};
        port.mac = outer_mac(member.mac());
        port.mtu = mtu;
        port.master = kSwitch;
        spec.links.push_back(std::move(port));
    }
    return spec;
}

/// lo, eth0 on the underlay, the default routes, and everyone else on the segment as a neighbour.
NamespaceSpec make_member(
    const std::vector<Member>& members,
    const Member& self,
    const std::vector<IpPrefix>& gateways,
    std::uint32_t mtu) {
    NamespaceSpec spec;
    LinkSpec loopback;
    loopback.name = "lo";
    loopback.index = kLoopbackIndex;
    LinkSpec eth0;
    eth0.name = kEth0;
    eth0.index = kEth0Index;
    eth0.kind = netemu::VethPeerSpec{};
    eth0.mac = self.mac();
    eth0.mtu = mtu;
    eth0.addresses = self.addresses;
    spec.links = {std::move(loopback), std::move(eth0)};
    for (const auto& gateway : gateways) {
        const IpPrefix everywhere = IpPrefix{gateway.address, 0}.network();
        spec.routes.push_back({everywhere, gateway.address, kEth0, false});
    }
    for (const auto& other : members) {
        if (&other != &self) {
            for (const auto& address : other.addresses) {
                spec.neighbours.push_back({address.address, other.mac(), kEth0});
            }
        }
    }
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
    return spec;
}

/// The outside goes to each node for its own pods, and what they answer comes back by the same
/// node. By way of another one it would go two ways: the first node would see half of each
/// connection, and drop the rest of it as invalid (KUBE-FORWARD of the iptables mode); a WireGuard
/// peer would take nothing that is not from its peers' pods. Routers that learn are told by BGP.
void add_ways_from_outside(const ClusterView& cluster, NamespaceSpec& external) {
    if (cluster.outside_learns) {
        return;
    }
    for (const auto& node : cluster.nodes) {
        for (const auto& range : node.pod_cidrs) {
            const auto via =
                std::find_if(node.underlay.begin(), node.underlay.end(), [&](const auto& each) {
                    return each.address.family() == range.address.family();
                });
            if (via != node.underlay.end()) {
                external.routes.push_back({range, via->address, kEth0, false});
            }
        }
    }
}

/// TAP devices instead of the veth pairs of the segment.
void carry_in_userspace(netemu::DesiredState& state) {
    for (auto& port : state.namespaces.at(kUnderlayNamespace).links) {
        const auto* veth = std::get_if<netemu::VethSpec>(&port.kind);
        if (veth == nullptr) {
            continue;
        }
        netemu::TapSpec tap{veth->peer_namespace, veth->peer_name, true};
        for (auto& link : state.namespaces.at(tap.peer_namespace).links) {
            if (link.name == tap.peer_name) {
                link.kind = netemu::TapSpec{kUnderlayNamespace, port.name, false};
            }
        }
        port.kind = std::move(tap);
    }
}

/// Kernels without routes of several gateways take the first of them.
void forget_further_gateways(netemu::DesiredState& state) {
    for (auto& [name, spec] : state.namespaces) {
        for (auto& route : spec.routes) {
            route.more.clear();
        }
    }
}

netemu::DesiredState compile_on_topology(const ClusterView& cluster, const ClusterConfig& config) {
    netemu::DesiredState state;
    add_topology(cluster, config, state);
    const auto sysctls = node_sysctls(cluster.pod_cidrs, config);
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
        state.namespaces.at(node_namespace(cluster.nodes[i].name)).sysctls = sysctls;
        cluster.profile->add(cluster, i, state);
    }
    if (!config.multipath) {
        forget_further_gateways(state);
    }
    return state;
}

void add_sidecars(const ClusterView& cluster, netemu::DesiredState& state) {
    for (const auto& node : cluster.nodes) {
        for (const auto& pod : node.pods) {
            const auto found = state.namespaces.find(pod_namespace(pod.ns, pod.name));
            if (pod.sidecar && found != state.namespaces.end()) {
                add_sidecar_network(pod.addresses, found->second);
            } else if (pod.linkerd && found != state.namespaces.end()) {
                add_linkerd_network(*pod.linkerd, found->second);
            }
        }
    }
}

} // namespace

netemu::DesiredState compile_network(const store::Store& store, const ClusterConfig& config) {
    const auto cluster = view_cluster(store, config);
    if (cluster.topology != nullptr) {
        auto state = compile_on_topology(cluster, config);
        add_host_ports(cluster, state);
        add_sidecars(cluster, state);
        return state;
    }
    const auto members = list_members(cluster);
    netemu::DesiredState state;
    state.namespaces.emplace(kUnderlayNamespace, make_underlay(members, cluster.underlay_mtu));
    if (config.bridge_netfilter) {
        state.namespaces.at(kUnderlayNamespace).sysctls = bridge_sysctls("0");
    }
    const auto first_node =
        cluster.nodes.empty() ? std::vector<IpPrefix>{} : cluster.nodes.front().underlay;
    auto external = make_member(members, members.front(), first_node, cluster.underlay_mtu);
    external.role = netemu::NamespaceRole::External;
    external.sysctls = external_sysctls(cluster.external);
    state.namespaces.emplace(kExternalNamespace, std::move(external));
    const auto sysctls = node_sysctls(cluster.pod_cidrs, config);
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
        const auto& member = members.at(i + 1);
        auto node = make_member(members, member, cluster.external, cluster.underlay_mtu);
        node.role = netemu::NamespaceRole::Node;
        node.sysctls = sysctls;
        state.namespaces.emplace(member.ns, std::move(node));
        cluster.profile->add(cluster, i, state);
    }
    add_ways_from_outside(cluster, state.namespaces.at(kExternalNamespace));
    add_node_caches(store, config, state);
    add_host_ports(cluster, state);
    add_sidecars(cluster, state);
    if (config.underlay_userspace) {
        carry_in_userspace(state);
    }
    return state;
}

std::string node_namespace(const std::string& node) {
    return "node/" + node;
}

std::string pod_namespace(const std::string& ns, const std::string& name) {
    return "pod/" + ns + "/" + name;
}

} // namespace labctl::compile
