#include "labctl/compile/network_view.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/conflist_profile.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_mtu.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/compile/topology.h"
#include "labctl/compile/wireguard.h"
#include "labctl/store/store.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;

/// Offsets in a range up to this become part of an interface index; beyond it, in IPv6, a hash
/// does.
constexpr std::uint64_t kIndexOffsetMax = 1U << 24U;
constexpr std::uint32_t kHashedIndexFirst = 1U << 25U;

/// Of a node of a topology, what that has given it, as soon as the Node object has an address.
std::vector<IpPrefix> topology_addresses(const std::string& node, const Topology& topology) {
    if (const auto* device = topology.find(DeviceKind::Node, node)) {
        for (const auto& interface : device->interfaces) {
            if (interface.name == kEth0) {
                return interface.addresses;
            }
        }
    }
    return {};
}

std::vector<IpPrefix> underlay_addresses(const api::Json& node, const ClusterConfig& config) {
    const auto has_address = [&] {
        const auto& list = api::at(node, "status.addresses");
        return std::any_of(list.begin(), list.end(), [](const api::Json& entry) {
            return api::string_at(entry, "type") == "InternalIP";
        });
    };
    if (config.topology) {
        return has_address()
                   ? topology_addresses(api::string_at(node, "metadata.name"), *config.topology)
                   : std::vector<IpPrefix>{};
    }
    std::vector<IpPrefix> result;
    for (const auto& range : config.underlay_cidrs) {
        for (const auto& entry : api::at(node, "status.addresses")) {
            const auto address = api::string_at(entry, "type") == "InternalIP"
                                     ? IpAddress::parse(api::string_at(entry, "address"))
                                     : std::nullopt;
            if (address && range.contains(*address)) {
                result.push_back({*address, range.length});
                break;
            }
        }
    }
    return result;
}

std::vector<IpPrefix> pod_ranges(const api::Json& node) {
    std::vector<IpPrefix> result;
    for (const auto& entry : api::at(node, "spec.podCIDRs")) {
        if (const auto range = IpPrefix::parse(entry.is_string() ? entry.get<std::string>() : "")) {
            result.push_back(range->network());
        }
    }
    if (const auto single = IpPrefix::parse(api::string_at(node, "spec.podCIDR"));
        single && result.empty()) {
        result.push_back(single->network());
    }
    return result;
}

} // namespace

std::vector<NodeView> view_nodes(const store::Store& store, const ClusterConfig& config) {
    std::vector<NodeView> nodes;
    for (const auto& object : store.list("Node")) {
        NodeView node;
        node.underlay = underlay_addresses(object->body, config);
        node.pod_cidrs = pod_ranges(object->body);
        if (node.underlay.empty() || node.pod_cidrs.empty()) {
            continue;
        }
        node.name = object->name();
        const auto& primary = node.underlay.front();
        node.port_index =
            kFirstPortIndex +
            static_cast<std::uint32_t>(primary.address.distance_from(primary.network().address));
        node.key = wireguard_key(config, node.name);
        nodes.push_back(std::move(node));
    }
    std::sort(nodes.begin(), nodes.end(), [](const NodeView& a, const NodeView& b) {
        return a.underlay < b.underlay;
    });
    return nodes;
}

namespace {

bool has_own_network(const api::Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false)) {
        return false;
    }
    const auto& phase = api::at(pod, "status.phase");
    return phase != "Succeeded" && phase != "Failed";
}

std::vector<IpAddress> pod_addresses(const api::Json& pod) {
    std::vector<IpAddress> result;
    for (const auto& entry : api::at(pod, "status.podIPs")) {
        if (const auto address = IpAddress::parse(api::string_at(entry, "ip"))) {
            result.push_back(*address);
        }
    }
    if (result.empty()) {
        if (const auto single = IpAddress::parse(api::string_at(pod, "status.podIP"))) {
            result.push_back(*single);
        }
    }
    return result;
}

void check_addresses(const PodView& pod, const NodeView& node) {
    for (const auto& address : pod.addresses) {
        const bool inside =
            std::any_of(node.pod_cidrs.begin(), node.pod_cidrs.end(), [&](const IpPrefix& range) {
                return range.contains(address);
            });
        if (!inside) {
            throw netemu::Error(
                "pod " + pod.ns + "/" + pod.name + ": its address " + address.to_string() +
                " is not in the ranges of its node " + node.name);
        }
    }
}

void check_unique(const NodeView& node) {
    std::map<IpAddress, const PodView*> owners;
    for (const auto& pod : node.pods) {
        for (const auto& address : pod.addresses) {
            const auto [entry, added] = owners.emplace(address, &pod);
            if (!added) {
                throw netemu::Error(
                    "pods " + entry->second->ns + "/" + entry->second->name + " and " + pod.ns +
                    "/" + pod.name + " both have the address " + address.to_string());
            }
        }
    }
}

/// 100 plus the offset of the address in its range: it depends on nothing but the pod's own
/// address. Where an IPv6 offset is too large for that, a hash, and the next free one after it.
void give_indexes(NodeView& node) {
    std::map<std::uint32_t, const PodView*> hashed;
    for (auto& pod : node.pods) {
        const auto range =
            std::find_if(node.pod_cidrs.begin(), node.pod_cidrs.end(), [&](const IpPrefix& each) {
                return each.contains(pod.addresses.front());
            });
        const auto offset = pod.addresses.front().distance_from(range->address);
        if (offset <= kIndexOffsetMax) {
            pod.index = kFirstPortIndex + static_cast<std::uint32_t>(offset);
            continue;
        }
        const auto hash = netemu::fnv1a(pod.addresses.front().to_string());
        pod.index = kHashedIndexFirst + (hash & 0xffffffU);
        while (!hashed.emplace(pod.index, &pod).second) {
            ++pod.index;
        }
    }
}

void view_pods(
    const store::Store& store, const ClusterConfig& config, std::vector<NodeView>& nodes) {
    const bool by_plugins = config.cni_profile == kConflist;
    const bool mesh = config.mesh_profile == kMeshProfileIstio;
    const bool linkerd = config.mesh_profile == kMeshProfileLinkerd;
    std::unordered_map<std::string, NodeView*> by_name;
    for (auto& node : nodes) {
        by_name.emplace(node.name, &node);
    }
    for (const auto& object : store.list("Pod")) {
        const auto node = by_name.find(api::string_at(object->body, "spec.nodeName"));
        if (node == by_name.end() || !has_own_network(object->body)) {
            continue;
        }
        PodView pod{object->ns(), object->name(), pod_addresses(object->body)};
        pod.sidecar = mesh && has_sidecar(object->body);
        if (!by_plugins) { // theirs are their own
            pod.host_ports = host_port_mappings(object->body);
        }
        if (linkerd && has_linkerd_proxy(object->body)) {
            pod.linkerd = {
                skipped_inbound_ports(object->body), skipped_outbound_ports(object->body)};
        }
        if (by_plugins) { // they have their namespace first
            node->second->pods.push_back(std::move(pod));
        } else if (!pod.addresses.empty()) {
            check_addresses(pod, *node->second);
            node->second->pods.push_back(std::move(pod));
        }
    }
    for (auto& node : nodes) {
        if (!by_plugins) {
            check_unique(node);
            give_indexes(node);
        }
    }
}

} // namespace

namespace {

Carrier carrier_of(const ClusterConfig& config) {
    if (config.wireguard) {
        return Carrier::Wireguard;
    }
    if (config.overlay == kOverlayNone) {
        return Carrier::Routes;
    }
    if (tunnels_in_userspace(config)) {
        return Carrier::Userspace;
    }
    if (config.overlay == kOverlayIpip) {
        return Carrier::Ipip;
    }
    const bool external = config.overlay == kOverlayGeneve || cni_profile(config).peer_networks;
    return external ? Carrier::External : Carrier::Vxlan;
}

} // namespace

bool share_segment(const Topology* topology, const NodeView& one, const NodeView& other) {
    const auto& address = other.underlay.front().address;
    return topology == nullptr ||
           topology->segment_of(one.underlay.front().address) == topology->segment_of(address);
}

ClusterView view_cluster(const store::Store& store, const ClusterConfig& config) {
    ClusterView view;
    view.pod_mtu = compute_mtu(config);
    view.bridge_netfilter = config.bridge_netfilter;
    view.profile = &cni_profile(config);
    view.carrier = carrier_of(config);
    const auto* tunnel = tunnel_device(config);
    view.tunnel = tunnel == nullptr ? "" : tunnel;
    view.learned = config.bgp.has_value();
    view.outside_learns = config.bgp && config.bgp->outside_as;
    view.cross_subnet = config.cross_subnet;
    view.geneve = config.overlay == kOverlayGeneve;
    view.check_sources = view.profile->always_checks_sources ||
                         (view.profile->enforces_policies && has_policies(store));
    view.underlay_mtu = config.underlay_mtu;
    view.overlay_mtu = std::min(view.pod_mtu, config.underlay_mtu - overlay_overhead(config));
    view.external = external_addresses(config);
    view.topology = config.topology.get();
    view.pod_cidrs = config.pod_cidrs;
    view.nodes = view_nodes(store, config);
    view_pods(store, config, view.nodes);
    return view;
}

netemu::MacAddress outer_mac(netemu::MacAddress inner) {
    inner.bytes[0] = 0x0e; // locally administered, unicast
    return inner;
}

} // namespace labctl::compile
