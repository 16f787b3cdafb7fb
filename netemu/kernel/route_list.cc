#include "netemu/kernel/route_list.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/route_codec.h"

namespace netemu {

namespace {

using LinkNames = std::unordered_map<std::uint32_t, std::string>;

LinkNames link_names(const LiveNamespace& ns) {
    LinkNames names;
    for (const auto& [name, index] : ns.link_indices) {
        names.emplace(index, name);
    }
    return names;
}

} // namespace

std::vector<RouteSpec>
list_routes(NamespaceTable& table, LiveNamespace& ns, std::uint8_t protocol) {
    std::vector<LinkRoute> found;
    Batch request;
    for (const auto family : {Family::V4, Family::V6}) {
        encode_dump_routes(request, family);
        table.route(ns).dump("list routes", request, [&](const nlmsghdr* message) {
            if (auto route = decode_route(message); route && route->protocol == protocol) {
                found.push_back(std::move(*route));
            }
        });
    }
    auto names = link_names(ns);
    const bool all_known = std::all_of(found.begin(), found.end(), [&](const LinkRoute& route) {
        return route.link_index == 0 || names.contains(route.link_index);
    });
    if (!all_known) {
        ns.link_indices.clear();
        (void)table.find_index(ns, "lo"); // asks for all
        names = link_names(ns);
    }
    std::vector<RouteSpec> routes;
    for (const auto& route : found) {
        const auto name = names.find(route.link_index);
        const auto interface = name == names.end() ? std::string() : name->second;
        routes.push_back(
            {route.destination, route.gateway, interface, route.onlink, route.protocol});
        for (const auto& hop : route.more) {
            auto& other = routes.emplace_back(routes.back());
            other.gateway = hop.gateway;
        }
    }
    std::sort(routes.begin(), routes.end());
    return routes;
}

void join_route_groups(int socket) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
    check_syscall(
        "listen to routes",
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

} // namespace netemu
