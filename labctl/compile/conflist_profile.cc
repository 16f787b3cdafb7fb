#include "labctl/compile/conflist_profile.h"

#include <algorithm>

#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/network.h"

namespace labctl::compile {

namespace {

/// What the plugins make is as on a host where nobody has changed a setting: a node asks for its
/// pods from its bridge's link-local address, which our own devices have not. And addresses are
/// there at once: without, duplicates are looked for (RFC 4862) for a second or two, and for as
/// long a node does not find its pods.
void prepare_for_plugins(const ClusterView& cluster, netemu::NamespaceSpec& spec) {
    const bool v6 = std::any_of(
        cluster.pod_cidrs.begin(), cluster.pod_cidrs.end(), [](const netemu::IpPrefix& range) {
            return range.address.is_v6();
        });
    if (v6) {
        spec.sysctls.push_back({"net/ipv6/conf/default/addr_gen_mode", "0"});
        spec.sysctls.push_back({"net/ipv6/conf/default/accept_dad", "0"});
    }
}

void add_conflist_wiring(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state) {
    const auto& node = cluster.nodes.at(position);
    auto& here = state.namespaces.at(node_namespace(node.name));
    prepare_for_plugins(cluster, here);
    add_overlay(cluster, node, here);
    for (const auto& pod : node.pods) {
        netemu::NamespaceSpec spec;
        spec.role = netemu::NamespaceRole::Pod;
        prepare_for_plugins(cluster, spec);
        netemu::LinkSpec loopback;
        loopback.name = "lo";
        loopback.index = kLoopbackIndex;
        spec.links.push_back(std::move(loopback));
        state.namespaces.emplace(pod_namespace(pod.ns, pod.name), std::move(spec));
    }
}

} // namespace

const CniProfile kConflistProfile{
    .name = kConflist,
    .bridge = "cni0", // what the plugin bridge calls its own where nothing is said
    .ports = "veth*",
    .tunnel = "vxlan1",
    .vni = 1,
    .port = 4789, // RFC 7348
    .enforces_policies = true,
    .always_checks_sources = false,
    .add = add_conflist_wiring,
    .wireguard = "wg0",
    .wireguard_annotation = "labctl.dev/wireguard-public-key",
};

} // namespace labctl::compile
