#include "netemu/model/plan_links.h"

#include <algorithm>

#include "netemu/base/error.h"
#include "netemu/model/cable.h"

namespace netemu {

namespace {

struct SameKind {
    const LinkInfo& info;
    bool operator()(const LoopbackSpec&) const { return true; }
    bool operator()(const BridgeSpec& bridge) const {
        return info.kind == "bridge" && info.vlan_filtering == bridge.vlan_filtering;
    }
    bool operator()(const VethSpec&) const { return info.kind == "veth"; }
    bool operator()(const VethPeerSpec&) const { return info.kind == "veth"; }
    bool operator()(const VxlanSpec& vxlan) const {
        return info.kind == "vxlan" && info.vxlan == vxlan;
    }
    bool operator()(const ExternalTunnelSpec& tunnel) const {
        return info.kind == kind_of(tunnel) && info.external == tunnel;
    }
    bool operator()(const IpipSpec& ipip) const { return info.kind == "ipip" && info.ipip == ipip; }
    bool operator()(const DummySpec&) const { return info.kind == "dummy"; }
    bool operator()(const TunSpec& tun) const { return info.kind == "tun" && info.tun == tun; }
    bool operator()(const WireguardSpec&) const { return info.wireguard.has_value(); }
    bool operator()(const VlanSpec& vlan) const { return info.vlan == vlan; }
    bool operator()(const TapSpec& tap) const {
        return info.kind == "tun" && info.tun == tun_of(tap);
    }
};

bool can_stay(const LinkSpec& spec, const LinkInfo& info) {
    if (std::holds_alternative<LoopbackSpec>(spec.kind)) {
        return true;
    }
    return spec.index == info.index && spec.mac == info.mac &&
           std::visit(SameKind{info}, spec.kind);
}

void match_by_attributes(NamespaceDiff& ns) {
    ns.links.resize(ns.spec->links.size());
    if (ns.info == nullptr) {
        return;
    }
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        const auto found = ns.info->links.find(spec.name);
        if (found != ns.info->links.end() && can_stay(spec, found->second)) {
            ns.links[i].kept = &found->second;
        }
    }
}

std::size_t position_of(const NamespaceSpec& spec, std::string_view link) {
    const auto found = std::find_if(
        spec.links.begin(), spec.links.end(), [&](const auto& each) { return each.name == link; });
    return static_cast<std::size_t>(found - spec.links.begin());
}

LinkState* find_state(std::vector<NamespaceDiff>& all, const VethSpec& veth) {
    const auto found = std::lower_bound(
        all.begin(), all.end(), veth.peer_namespace, [](const auto& ns, const auto& name) {
            return *ns.name < name;
        });
    if (found == all.end() || *found->name != veth.peer_namespace) {
        return nullptr;
    }
    const auto position = position_of(*found->spec, veth.peer_name);
    return position == found->links.size() ? nullptr : &found->links[position];
}

/// A pair stays only if both ends do.
void match_pairs(std::vector<NamespaceDiff>& all) {
    for (auto& ns : all) {
        for (std::size_t i = 0; i < ns.links.size(); ++i) {
            const auto* veth = std::get_if<VethSpec>(&ns.spec->links[i].kind);
            if (veth == nullptr) {
                continue;
            }
            auto* peer = find_state(all, *veth);
            if (peer == nullptr) {
                throw Error(
                    "veth " + ns.spec->links[i].name + " of " + *ns.name + ": its peer " +
                    veth->peer_name + " of " + veth->peer_namespace + " is not wanted");
            }
            if (ns.links[i].kept == nullptr || peer->kept == nullptr) {
                ns.links[i].kept = nullptr;
                peer->kept = nullptr;
            }
        }
    }
}

/// The link that a device stands on; nullptr: on none.
const std::string* carrier_of(const LinkSpec& link) {
    if (const auto* vxlan = std::get_if<VxlanSpec>(&link.kind)) {
        return &vxlan->underlay;
    }
    const auto* vlan = std::get_if<VlanSpec>(&link.kind);
    return vlan == nullptr ? nullptr : &vlan->parent;
}

/// The kernel deletes a device together with the link that carries it.
void match_carriers(NamespaceDiff& ns) {
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        const auto* name = carrier_of(spec);
        if (name == nullptr) {
            continue;
        }
        const auto carrier = position_of(*ns.spec, *name);
        if (carrier == ns.links.size()) {
            throw Error(
                "device " + spec.name + " of " + *ns.name + ": the link " + *name +
                " that it stands on is not wanted");
        }
        if (ns.links[carrier].kept == nullptr) {
            ns.links[i].kept = nullptr;
        }
    }
}

bool loses_v4(const LinkSpec& spec, const LinkInfo& info) {
    return std::any_of(info.addresses.begin(), info.addresses.end(), [&](const auto& address) {
        return address.address.is_v4() &&
               std::find(spec.addresses.begin(), spec.addresses.end(), address) ==
                   spec.addresses.end();
    });
}

void find_consequences(NamespaceDiff& ns) {
    if (ns.info == nullptr) {
        return;
    }
    std::size_t staying = 0;
    bool lists_loopback = false;
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        auto& state = ns.links[i];
        lists_loopback = lists_loopback || spec.name == "lo";
        if (state.kept != nullptr) {
            ++staying;
            // On a dummy no address depends on another: each is a subnet of its own.
            state.renews_v4 =
                !std::holds_alternative<DummySpec>(spec.kind) && loses_v4(spec, *state.kept);
            state.goes_down = state.kept->up && !spec.up;
            ns.disturbed = ns.disturbed || state.renews_v4 || state.goes_down;
        }
    }
    const std::size_t loopback = !lists_loopback && ns.info->links.contains("lo") ? 1 : 0;
    if (staying + loopback == ns.info->links.size()) {
        return;
    }
    for (const auto& [name, info] : ns.info->links) {
        const auto position = position_of(*ns.spec, name);
        const bool stays = position < ns.links.size() && ns.links[position].kept != nullptr;
        if (!stays && name != "lo") {
            ns.removed.push_back(&info);
        }
    }
    ns.disturbed = ns.disturbed || !ns.removed.empty();
}

} // namespace

bool NamespaceDiff::loses(std::string_view link) const {
    return std::any_of(
        removed.begin(), removed.end(), [&](const auto* each) { return each->name == link; });
}

bool NamespaceDiff::renews_v4(std::string_view link) const {
    const auto position = position_of(*spec, link);
    return position < links.size() && links[position].renews_v4;
}

bool NamespaceDiff::loses_neighbours(const NeighbourSpec& entry) const {
    const auto position = position_of(*spec, entry.link);
    if (position < links.size() && links[position].kept != nullptr) {
        return links[position].goes_down || (links[position].renews_v4 && entry.address.is_v4());
    }
    return loses(entry.link);
}

std::vector<NamespaceDiff> match_links(const DesiredState& desired, const ObservedState& observed) {
    std::vector<NamespaceDiff> all;
    all.reserve(desired.namespaces.size());
    auto there = observed.namespaces.begin();
    for (const auto& [name, spec] : desired.namespaces) {
        while (there != observed.namespaces.end() && there->first < name) {
            ++there;
        }
        auto& ns = all.emplace_back();
        ns.name = &name;
        ns.spec = &spec;
        if (there != observed.namespaces.end() && there->first == name &&
            there->second.role == spec.role) {
            ns.info = &there->second;
        }
        match_by_attributes(ns);
    }
    match_pairs(all);
    for (auto& ns : all) {
        match_carriers(ns);
        find_consequences(ns);
    }
    return all;
}

bool needs_change(const NamespaceDiff& ns, const LinkSpec& spec, const LinkInfo& info) {
    if (std::holds_alternative<LoopbackSpec>(spec.kind)) {
        return spec.up != info.up;
    }
    const bool masterless = info.master.empty() || (ns.disturbed && ns.loses(info.master));
    return spec.mtu != info.mtu || spec.up != info.up ||
           (masterless ? !spec.master.empty() : spec.master != info.master) ||
           (!spec.master.empty() && spec.hairpin != info.hairpin);
}

} // namespace netemu
