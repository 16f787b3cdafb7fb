#include <algorithm>

#include "netemu/model/cable.h"
#include "netemu/model/plan.h"
#include "netemu/model/plan_ipvs.h"

namespace netemu {

namespace {

constexpr std::uint32_t kLoopbackMtu = 65536;

std::string kind_text(const LinkKind& kind) {
    struct Visitor {
        std::string operator()(const LoopbackSpec&) const { return {}; }
        std::string operator()(const BridgeSpec&) const { return "bridge"; }
        std::string operator()(const VethSpec&) const { return "veth"; }
        std::string operator()(const VethPeerSpec&) const { return "veth"; }
        std::string operator()(const VxlanSpec&) const { return "vxlan"; }
        std::string operator()(const IpipSpec&) const { return "ipip"; }
        std::string operator()(const DummySpec&) const { return "dummy"; }
        std::string operator()(const TunSpec&) const { return "tun"; }
        std::string operator()(const WireguardSpec&) const { return "wireguard"; }
        std::string operator()(const VlanSpec&) const { return "vlan"; }
        std::string operator()(const TapSpec&) const { return "tun"; }
        std::string operator()(const ExternalTunnelSpec& tunnel) const { return kind_of(tunnel); }
    };
    return std::visit(Visitor{}, kind);
}

LinkInfo expected_link(const LinkSpec& spec) {
    LinkInfo info;
    info.name = spec.name;
    info.index = spec.index;
    info.kind = kind_text(spec.kind);
    info.mac = spec.mac;
    info.mtu = spec.mtu;
    info.up = spec.up;
    info.master = spec.master;
    info.hairpin = spec.hairpin && !spec.master.empty();
    info.vlans = spec.vlans;
    info.addresses = spec.addresses;
    info.shaper = spec.shaper;
    info.impairment = shaped_by(spec.shaper, spec.impairment);
    if (const auto* vxlan = std::get_if<VxlanSpec>(&spec.kind)) {
        info.vxlan = *vxlan;
    }
    info.tun = tun_of(spec.kind);
    if (const auto* tunnel = std::get_if<ExternalTunnelSpec>(&spec.kind)) {
        info.external = *tunnel;
    }
    if (const auto* ipip = std::get_if<IpipSpec>(&spec.kind)) {
        info.ipip = *ipip;
    }
    if (const auto* wireguard = std::get_if<WireguardSpec>(&spec.kind)) {
        info.wireguard = *wireguard;
        info.wireguard->roams = false;
    }
    if (const auto* vlan = std::get_if<VlanSpec>(&spec.kind)) {
        info.vlan = *vlan;
    }
    if (const auto* bridge = std::get_if<BridgeSpec>(&spec.kind)) {
        info.vlan_filtering = bridge->vlan_filtering;
    }
    if (std::holds_alternative<LoopbackSpec>(spec.kind)) {
        info.index = 1;
        info.mac = MacAddress{};
        info.mtu = kLoopbackMtu;
    }
    return info;
}

template <typename T>
std::vector<T> sorted(std::vector<T> list) {
    std::sort(list.begin(), list.end());
    return list;
}

NamespaceInfo expected_namespace(const NamespaceSpec& spec) {
    NamespaceInfo info;
    info.role = spec.role;
    LinkInfo loopback; // every namespace is born with one that is down
    loopback.name = "lo";
    loopback.index = 1;
    loopback.mtu = kLoopbackMtu;
    info.links.emplace("lo", std::move(loopback));
    for (const auto& link : spec.links) {
        info.links.insert_or_assign(link.name, expected_link(link));
    }
    info.routes = sorted(spec.routes);
    info.neighbours = sorted(spec.neighbours);
    info.segment_neighbours = spec.segment_neighbours;
    info.fdb = sorted(spec.fdb);
    info.virtual_servers = sorted_servers(spec.virtual_servers);
    for (const auto& table : spec.tables) {
        auto identity = nft_identity(table);
        info.tables.push_back(
            {table.family,
             table.name,
             std::move(identity.digest),
             identity.counts,
             std::make_shared<const NftTable>(table)});
    }
    return info;
}

} // namespace

ObservedState expected_observation(const DesiredState& desired) {
    ObservedState observed;
    for (const auto& [name, spec] : desired.namespaces) {
        observed.namespaces.emplace_hint(observed.namespaces.end(), name, expected_namespace(spec));
    }
    return observed;
}

} // namespace netemu
