#include "netemu/model/plan_ports.h"

#include <algorithm>

namespace netemu {

namespace {

/// A port that leaves its bridge, or whose bridge goes, is in no network any more.
std::vector<PortVlan>
vlans_left(const NamespaceDiff& ns, const LinkSpec& spec, const LinkInfo* kept) {
    const bool stays = kept != nullptr && kept->master == spec.master && !ns.loses(kept->master);
    return stays ? kept->vlans : std::vector<PortVlan>{};
}

const WireguardPeer* find_peer(const std::vector<WireguardPeer>& peers, const WireguardKey& key) {
    const auto found = std::find_if(
        peers.begin(), peers.end(), [&](const WireguardPeer& each) { return each.key == key; });
    return found == peers.end() ? nullptr : &*found;
}

void plan_device(
    const NamespaceDiff& ns,
    const std::string& link,
    const WireguardSpec& wanted,
    const WireguardSpec& there,
    std::vector<Operation>& out) {
    for (const auto& peer : there.peers) {
        if (find_peer(wanted.peers, peer.key) == nullptr) {
            out.emplace_back(RemoveWireguardPeer{*ns.name, link, peer.key});
        }
    }
    if (there.key != wanted.key || there.port != wanted.port) {
        out.emplace_back(SetWireguard{*ns.name, link, wanted.key, wanted.port});
    }
    for (const auto& peer : wanted.peers) {
        const auto* known = find_peer(there.peers, peer.key);
        if (known == nullptr || !same_peer(*known, peer, wanted.roams)) {
            out.emplace_back(SetWireguardPeer{*ns.name, link, peer});
        }
    }
}

} // namespace

void plan_port_vlans(const NamespaceDiff& ns, std::vector<Operation>& out) {
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        const auto* kept = ns.links[i].kept;
        if (spec.vlans.empty() && (kept == nullptr || kept->vlans.empty())) {
            continue;
        }
        const auto there = vlans_left(ns, spec, kept);
        SetPortVlans change{*ns.name, spec.name, {}, {}};
        for (const auto& each : there) {
            const bool wanted =
                std::any_of(spec.vlans.begin(), spec.vlans.end(), [&](const PortVlan& other) {
                    return other.id == each.id;
                });
            if (!wanted) {
                change.gone.push_back(each.id);
            }
        }
        for (const auto& each : spec.vlans) {
            if (std::find(there.begin(), there.end(), each) == there.end()) {
                change.added.push_back(each);
            }
        }
        if (!change.gone.empty() || !change.added.empty()) {
            out.emplace_back(std::move(change));
        }
    }
}

void plan_wireguard(const NamespaceDiff& ns, std::vector<Operation>& out) {
    static const WireguardSpec kFresh; // as the kernel makes one
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        if (const auto* wanted = std::get_if<WireguardSpec>(&spec.kind)) {
            const auto* kept = ns.links[i].kept;
            plan_device(ns, spec.name, *wanted, kept == nullptr ? kFresh : *kept->wireguard, out);
        }
    }
}

} // namespace netemu
