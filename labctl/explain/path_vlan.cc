#include "labctl/explain/path_vlan.h"

#include <algorithm>

namespace labctl::explain {

namespace {

using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::PortVlan;

bool filters(const NamespaceSpec& ns, const LinkSpec& port) {
    return std::any_of(ns.links.begin(), ns.links.end(), [&](const LinkSpec& each) {
        const auto* bridge = std::get_if<netemu::BridgeSpec>(&each.kind);
        return bridge != nullptr && each.name == port.master && bridge->vlan_filtering;
    });
}

const PortVlan* vlan_of(const LinkSpec& port, std::uint16_t id) {
    const auto found =
        std::find_if(port.vlans.begin(), port.vlans.end(), [&](const PortVlan& each) {
            return id == 0 ? each.pvid : each.id == id;
        });
    return found == port.vlans.end() ? nullptr : &*found;
}

} // namespace

std::optional<std::uint16_t>
vlan_at_port(const NamespaceSpec& ns, const LinkSpec& port, std::uint16_t tag) {
    if (!filters(ns, port)) {
        return tag;
    }
    const auto* vlan = vlan_of(port, tag);
    return vlan == nullptr ? std::nullopt : std::optional(vlan->id);
}

std::optional<std::uint16_t>
tag_at_port(const NamespaceSpec& ns, const LinkSpec& port, std::uint16_t network) {
    if (!filters(ns, port)) {
        return network;
    }
    const auto* vlan = network == 0 ? nullptr : vlan_of(port, network);
    if (vlan == nullptr) {
        return std::nullopt;
    }
    return vlan->untagged ? std::uint16_t{0} : vlan->id;
}

const LinkSpec* taker_of(const NamespaceSpec& ns, const LinkSpec& link, std::uint16_t tag) {
    if (tag == 0) {
        return &link;
    }
    const auto found = std::find_if(ns.links.begin(), ns.links.end(), [&](const LinkSpec& each) {
        const auto* vlan = std::get_if<netemu::VlanSpec>(&each.kind);
        return vlan != nullptr && vlan->parent == link.name && vlan->id == tag && each.up;
    });
    return found == ns.links.end() ? nullptr : &*found;
}

} // namespace labctl::explain
