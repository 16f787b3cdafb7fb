#include <algorithm>

#include "labctl/compile/calico_names.h"
#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/cni_pod.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/cni_sources.h"
#include "labctl/compile/network.h"

/// Calico: pods are routed, each by a veth of its own (projectcalico.org, "Calico architecture:
/// the data plane"; cni-plugin and felix).
namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::MacAddress;

/// Every port's on the node; a pod needs no other address of the link layer.
constexpr MacAddress kPortMac{{0xee, 0xee, 0xee, 0xee, 0xee, 0xee}};
/// What a node's own range is marked with: RTPROT 80, which Calico took for itself.
constexpr std::uint8_t kCalicoProtocol = 80;

/// The gateway of every pod: in IPv4 an address that nobody has, in IPv6 the port's own, which
/// follows from its MAC address (RFC 4291, appendix A).
IpAddress gateway_for(netemu::Family family) {
    return *IpAddress::parse(
        family == netemu::Family::V4 ? "169.254.1.1" : "fe80::ecee:eeff:feee:eeee");
}

void add_pod(const PodView& pod, netemu::NamespaceSpec& spec) {
    auto& eth0 = spec.links[1];
    for (const auto& address : pod.addresses) {
        const auto gateway = gateway_for(address.family());
        eth0.addresses.push_back(IpPrefix::host(address));
        if (address.is_v4()) { // one of the link itself needs no route to it
            spec.routes.push_back({IpPrefix::host(gateway), {}, kEth0, false});
        }
        const IpPrefix everywhere = IpPrefix{address, 0}.network();
        spec.routes.push_back({everywhere, gateway, kEth0, false});
        spec.neighbours.push_back({gateway, kPortMac, kEth0});
    }
}

void add_port(const PodView& pod, netemu::LinkSpec port, netemu::NamespaceSpec& spec) {
    const auto& inner = std::get<netemu::VethSpec>(port.kind).peer_mac;
    port.mac = kPortMac;
    for (const auto& address : pod.addresses) {
        if (address.is_v6()) {
            constexpr std::uint8_t kLinkLength = 64;
            port.addresses.push_back({gateway_for(address.family()), kLinkLength});
        }
        spec.routes.push_back({IpPrefix::host(address), {}, port.name, false});
        spec.neighbours.push_back({address, inner, port.name});
    }
    spec.links.push_back(std::move(port));
}

/// What goes to an address of the node's own that no pod has ends here, instead of leaving by the
/// default route and coming back.
void add_blackholes(const NodeView& node, netemu::NamespaceSpec& spec) {
    for (const auto& range : node.pod_cidrs) {
        spec.routes.push_back({range, {}, {}, false, kCalicoProtocol});
    }
}

void add_calico_wiring(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state) {
    const auto& node = cluster.nodes.at(position);
    auto& spec = state.namespaces.at(node_namespace(node.name));
    add_overlay(cluster, node, spec);
    if (!cluster.learned) {
        add_blackholes(node, spec); // otherwise BIRD does
    }
    for (const auto& range : cluster.pod_cidrs) {
        spec.tables.push_back(make_masquerade(range, cluster.profile->name));
    }
    SourceCheck sources(cluster, cluster.profile->ports);
    for (const auto& pod : node.pods) {
        auto pod_spec = make_pod_namespace(pod, cluster.pod_mtu);
        add_pod(pod, pod_spec);
        state.namespaces.emplace(pod_namespace(pod.ns, pod.name), std::move(pod_spec));
        auto port = make_pod_port(pod, calico_port(pod.ns, pod.name), cluster.pod_mtu);
        sources.add(pod, port.name);
        add_port(pod, std::move(port), spec);
    }
    if (cluster.check_sources) {
        spec.tables.push_back(std::move(sources).finish());
    }
    std::sort(spec.neighbours.begin(), spec.neighbours.end());
}

} // namespace

const CniProfile kCalicoProfile{
    .name = "calico",
    .bridge = nullptr,
    .ports = "cali*",
    .tunnel = "vxlan.calico",
    .vni = 4096,
    .port = 4789,
    .enforces_policies = true,
    .always_checks_sources = true,
    .add = add_calico_wiring,
    .ipip = "tunl0",
    .wireguard = "wireguard.cali",
    .wireguard_annotation = "projectcalico.org/WireguardPublicKey",
};

} // namespace labctl::compile
