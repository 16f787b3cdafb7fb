#include "tests/support/state_text.h"

#include <algorithm>
#include <set>

#include "netemu/base/text.h"
#include "netemu/model/nft_text.h"

namespace netemu::test {

namespace {

std::string link_text(const LinkInfo& link) {
    auto text = "link " + link.name + " " + std::to_string(link.index) + " " + link.kind + " " +
                link.mac.to_string() + " mtu " + std::to_string(link.mtu) +
                (link.up ? " up" : " down") + " master '" + link.master + "'" +
                (link.hairpin ? " hairpin" : "") +
                (link.shaper == Shaper::None    ? ""
                 : link.shaper == Shaper::Netem ? " netem " + to_text(link.impairment)
                                                : " tbf " + to_text(link.impairment));
    if (link.vxlan) {
        text += " vni " + std::to_string(link.vxlan->vni) + " local " +
                link.vxlan->local.to_string() + " port " + std::to_string(link.vxlan->port) +
                " on " + link.vxlan->underlay;
    }
    if (link.external) {
        text += " external port " + std::to_string(link.external->port);
    }
    if (link.ipip) {
        text += " local " + link.ipip->local.to_string();
    }
    if (link.wireguard) {
        text += " key " + to_text(link.wireguard->key) + " port " +
                std::to_string(link.wireguard->port);
        for (const auto& peer : link.wireguard->peers) {
            text += " peer " + to_text(peer.key) + " at " + peer.endpoint.to_string();
            for (const auto& range : peer.allowed) {
                text += " " + range.to_string();
            }
        }
    }
    if (link.vlan) {
        text += " vlan " + std::to_string(link.vlan->id) + " of " + link.vlan->parent;
    }
    text += link.vlan_filtering ? " filters" : "";
    for (const auto& vlan : link.vlans) {
        text += " vlan " + std::to_string(vlan.id) + (vlan.pvid ? " pvid" : "") +
                (vlan.untagged ? " untagged" : "");
    }
    auto addresses = link.addresses;
    std::sort(addresses.begin(), addresses.end());
    for (const auto& address : addresses) {
        text += " " + address.to_string();
    }
    return text;
}

std::set<std::string> lines_of(const NamespaceInfo& ns) {
    std::set<std::string> lines;
    lines.insert("role " + std::to_string(static_cast<int>(ns.role)));
    for (const auto& [name, link] : ns.links) {
        lines.insert(link_text(link));
    }
    for (const auto& route : ns.routes) {
        lines.insert(
            "route " + route.destination.to_string() + " via " +
            (route.gateway ? route.gateway->to_string() : "-") + " dev " + route.link +
            (route.onlink ? " onlink" : "") + " proto " + std::to_string(route.protocol) +
            (route.encap ? " encap " + std::to_string(route.encap->id) + " " +
                               route.encap->remote.to_string()
                         : ""));
    }
    auto neighbours = ns.neighbours;
    if (ns.segment_neighbours != nullptr) {
        neighbours.insert(
            neighbours.end(), ns.segment_neighbours->begin(), ns.segment_neighbours->end());
    }
    for (const auto& entry : neighbours) {
        lines.insert(
            "neighbour " + entry.address.to_string() + " " + entry.mac.to_string() + " dev " +
            entry.link);
    }
    for (const auto& entry : ns.fdb) {
        lines.insert(
            "fdb " + entry.mac.to_string() + " " + entry.remote.to_string() + " dev " + entry.link);
    }
    for (const auto& table : ns.tables) {
        lines.insert(
            "table " + std::string(netemu::to_text(table.family)) + " " + table.name + " " +
            table.digest + " chains " + std::to_string(table.counts.chains) + " rules " +
            std::to_string(table.counts.rules) + " sets " + std::to_string(table.counts.sets) +
            " elements " + std::to_string(table.counts.elements));
    }
    for (const auto& server : ns.virtual_servers) {
        auto line = "virtual server " + server.key.to_string() + " " + server.scheduler + " " +
                    std::to_string(server.persistence_seconds);
        for (const auto& real : server.servers) {
            line += " " + real.address.to_string() + "*" + std::to_string(real.weight);
        }
        lines.insert(line);
    }
    return lines;
}

} // namespace

std::string to_text(const ObservedState& state) {
    std::string text;
    for (const auto& [name, ns] : state.namespaces) {
        for (const auto& line : lines_of(ns)) {
            text += name + ": " + line + "\n";
        }
    }
    return text;
}

std::string to_text(const Plan& plan) {
    std::string text;
    for (const auto& operation : plan.operations) {
        text += describe(operation) + "\n";
    }
    return text;
}

std::string first_difference(const std::string& left, const std::string& right) {
    const auto a = split(left, '\n');
    const auto b = split(right, '\n');
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
        const auto in_a = i < a.size() ? a[i] : std::string_view("(end)");
        const auto in_b = i < b.size() ? b[i] : std::string_view("(end)");
        if (in_a != in_b) {
            return "line " + std::to_string(i + 1) + ":\n  < " + std::string(in_a) + "\n  > " +
                   std::string(in_b);
        }
    }
    return {};
}

} // namespace netemu::test
