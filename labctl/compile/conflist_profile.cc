#include "labctl/compile/conflist_profile.h"

#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/network.h"

namespace labctl::compile {

namespace {

void add_conflist_wiring(
    const ClusterView& cluster, std::size_t position, netemu::DesiredState& state) {
    const auto& node = cluster.nodes.at(position);
    add_overlay(cluster, node, state.namespaces.at(node_namespace(node.name)));
    for (const auto& pod : node.pods) {
        netemu::NamespaceSpec spec;
        spec.role = netemu::NamespaceRole::Pod;
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
