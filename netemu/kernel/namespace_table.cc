#include "netemu/kernel/namespace_table.h"

#include <linux/netlink.h>

#include "netemu/base/error.h"
#include "netemu/kernel/ipvs_codec.h"
#include "netemu/kernel/link_codec.h"
#include "netemu/kernel/wireguard_codec.h"

namespace netemu {

LiveNamespace&
NamespaceTable::add(const std::string& name, NamespaceRole role, FreshNamespace fresh) {
    const auto [place, added] = namespaces_.try_emplace(name);
    if (!added) {
        throw Error("there is a namespace " + name + " already");
    }
    LiveNamespace& ns = place->second;
    ns.role = role;
    ns.fd = std::move(fresh.fd);
    ns.route = std::move(fresh.route);
    ns.link_indices.emplace("lo", 1);
    return ns;
}

LiveNamespace& NamespaceTable::at(const std::string& name) {
    const auto found = namespaces_.find(name);
    if (found == namespaces_.end()) {
        throw Error("there is no namespace " + name);
    }
    return found->second;
}

const LiveNamespace* NamespaceTable::find(const std::string& name) const {
    const auto found = namespaces_.find(name);
    return found == namespaces_.end() ? nullptr : &found->second;
}

void NamespaceTable::remove(const std::string& name) {
    namespaces_.erase(name);
}

NetlinkSocket& NamespaceTable::open(LiveNamespace& ns, NetlinkSocket& socket, int protocol) {
    if (!socket) {
        NamespaceScope scope(home_.get());
        scope.enter(ns.fd.get());
        socket = NetlinkSocket(protocol);
    }
    return socket;
}

NetlinkSocket& NamespaceTable::route(LiveNamespace& ns) {
    return open(ns, ns.route, NETLINK_ROUTE);
}

NetlinkSocket& NamespaceTable::nft(LiveNamespace& ns) {
    return open(ns, ns.nft, NETLINK_NETFILTER);
}

NetlinkSocket& NamespaceTable::ipvs(LiveNamespace& ns) {
    if (!ns.ipvs) {
        NetlinkSocket& socket = open(ns, ns.ipvs, NETLINK_GENERIC);
        try {
            ns.ipvs_family = find_ipvs_family(socket);
        } catch (const Error&) {
            socket.close();
            throw;
        }
    }
    return ns.ipvs;
}

NetlinkSocket& NamespaceTable::wireguard(LiveNamespace& ns) {
    if (!ns.wireguard) {
        NetlinkSocket& socket = open(ns, ns.wireguard, NETLINK_GENERIC);
        try {
            ns.wireguard_family = find_wireguard_family(socket);
        } catch (const Error&) {
            socket.close();
            throw;
        }
    }
    return ns.wireguard;
}

void NamespaceTable::close_pod_sockets() noexcept {
    for (auto& [name, ns] : namespaces_) {
        if (ns.role == NamespaceRole::Pod) {
            ns.route.close();
            ns.nft.close();
            ns.wireguard.close();
        }
    }
}

std::optional<std::uint32_t>
NamespaceTable::find_index(LiveNamespace& ns, const std::string& link) {
    auto found = ns.link_indices.find(link);
    if (found == ns.link_indices.end()) {
        Batch request;
        encode_dump_links(request);
        ns.link_indices.clear();
        route(ns).dump("list links", request, [&](const nlmsghdr* message) {
            const RawLink raw = decode_link(message);
            ns.link_indices.insert_or_assign(raw.info.name, raw.info.index);
        });
        found = ns.link_indices.find(link);
    }
    if (found == ns.link_indices.end()) {
        return std::nullopt;
    }
    return found->second;
}

std::uint32_t NamespaceTable::index_of(LiveNamespace& ns, const std::string& link) {
    const auto index = find_index(ns, link);
    if (!index) {
        throw Error("there is no link \"" + link + '"');
    }
    return *index;
}

} // namespace netemu
