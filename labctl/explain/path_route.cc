#include "labctl/explain/path_route.h"

#include <algorithm>

namespace labctl::explain {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::RouteSpec;

bool holds(const NamespaceSpec& ns, const IpAddress& address) {
    return std::any_of(ns.links.begin(), ns.links.end(), [&](const LinkSpec& link) {
        return std::any_of(link.addresses.begin(), link.addresses.end(), [&](const IpPrefix& each) {
            return each.address == address;
        });
    });
}

const LinkSpec* link_named(const NamespaceSpec& ns, const std::string& name) {
    const auto found = std::find_if(
        ns.links.begin(), ns.links.end(), [&](const LinkSpec& each) { return each.name == name; });
    return found == ns.links.end() ? nullptr : &*found;
}

std::optional<RouteSpec> route_to(const NamespaceSpec& ns, const IpAddress& to) {
    std::optional<RouteSpec> best;
    const auto offer = [&](const RouteSpec& route) {
        if (route.destination.contains(to) &&
            (!best || route.destination.length > best->destination.length)) {
            best = route;
        }
    };
    for (const auto& link : ns.links) {
        for (const auto& address : link.addresses) {
            if (link.up) {
                offer({address.network(), {}, link.name, false});
            }
        }
    }
    for (const auto& route : ns.routes) {
        offer(route);
    }
    return best;
}

std::string route_text(const RouteSpec& route) {
    auto text = route.is_blackhole() ? std::string("blackhole ") : std::string();
    text += route.destination.length == 0 ? "default" : route.destination.to_string();
    if (route.gateway) {
        text += " via " + route.gateway->to_string();
    }
    return text + (route.is_blackhole() ? "" : " dev " + route.link) +
           (route.encap ? " encap id " + std::to_string(route.encap->id) + " dst " +
                              route.encap->remote.to_string()
                        : "") +
           (route.onlink ? " onlink" : "") +
           (route.more.empty()
                ? ""
                : " (one of " + std::to_string(route.more.size() + 1) + " equal ways)");
}

} // namespace labctl::explain
