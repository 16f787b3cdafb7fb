#include "labctl/compile/attached_pod.h"

#include <algorithm>
#include <memory>

#include "labctl/compile/network_view.h"

namespace labctl::compile {

namespace {

using netemu::NeighbourSpec;
using netemu::RouteSpec;

void rename_peer(const AttachedLink& link, netemu::NamespaceSpec& node) {
    for (auto& port : node.links) {
        auto* veth = std::get_if<netemu::VethSpec>(&port.kind);
        if (veth != nullptr && veth->peer_namespace == link.ns) {
            veth->peer_name = link.name;
            veth->peer_index = link.index;
        }
    }
}

void rename_link(const std::string& name, std::vector<NeighbourSpec>& neighbours) {
    for (auto& each : neighbours) {
        each.link = each.link == kEth0 ? name : each.link;
    }
}

/// The routes of the pod, with `ranges` in the place of a default route that somebody else has.
std::vector<RouteSpec> own_routes(
    const AttachedLink& link,
    const std::vector<netemu::IpPrefix>& ranges,
    std::vector<RouteSpec> routes) {
    std::vector<RouteSpec> result;
    for (auto& route : routes) {
        route.link = route.link == kEth0 ? link.name : route.link;
        const bool v4 = route.destination.address.is_v4();
        if (route.destination.length != 0 || !(v4 ? link.has_v4_default : link.has_v6_default)) {
            result.push_back(std::move(route));
            continue;
        }
        for (const auto& range : ranges) {
            const bool taken =
                std::find(link.taken.begin(), link.taken.end(), range) != link.taken.end();
            if (range.address.is_v4() == v4 && !taken) {
                result.push_back(route);
                result.back().destination = range;
            }
        }
    }
    return result;
}

} // namespace

void adapt_attached(
    const AttachedLink& link,
    const std::vector<netemu::IpPrefix>& ranges,
    netemu::DesiredState& state) {
    const auto found = state.namespaces.find(link.ns);
    if (found == state.namespaces.end()) {
        return;
    }
    auto& spec = found->second;
    std::erase_if(spec.links, [](const auto& each) { return each.name != kEth0; });
    for (auto& each : spec.links) {
        each.name = link.name;
        each.index = link.index;
    }
    spec.routes = own_routes(link, ranges, std::move(spec.routes));
    rename_link(link.name, spec.neighbours);
    if (spec.segment_neighbours && link.name != kEth0) {
        auto copy = *spec.segment_neighbours;
        rename_link(link.name, copy);
        spec.segment_neighbours =
            std::make_shared<const std::vector<NeighbourSpec>>(std::move(copy));
    }
    for (auto& [name, ns] : state.namespaces) {
        if (ns.role == netemu::NamespaceRole::Node) {
            rename_peer(link, ns);
        }
    }
}

void forget_foreign(const std::string& link, netemu::NamespaceInfo& info) {
    std::erase_if(info.links, [&](const auto& each) { return each.first != link; });
    std::erase_if(info.routes, [&](const auto& each) { return each.link != link; });
    std::erase_if(info.neighbours, [&](const auto& each) { return each.link != link; });
    info.fdb.clear();
    info.tables.clear();
    info.virtual_servers.clear();
}

} // namespace labctl::compile
