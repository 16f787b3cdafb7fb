#include "netemu/kernel/observer.h"

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "netemu/base/error.h"
#include "netemu/kernel/address_codec.h"
#include "netemu/kernel/fdb_codec.h"
#include "netemu/kernel/ipvs_codec.h"
#include "netemu/kernel/link_codec.h"
#include "netemu/kernel/link_ipip.h"
#include "netemu/kernel/link_wireguard.h"
#include "netemu/kernel/neighbour_codec.h"
#include "netemu/kernel/nft_tables.h"
#include "netemu/kernel/port_vlan_codec.h"
#include "netemu/kernel/qdisc_codec.h"
#include "netemu/kernel/route_codec.h"
#include "netemu/kernel/wireguard_codec.h"
#include "netemu/model/route_protocol.h"

namespace netemu {

namespace {

/// Devices that the kernel itself puts into every namespace while a tunnel module is loaded
/// (Documentation/admin-guide/sysctl/net.rst, fb_tunnels_only_for_init_net). They are down, have no
/// address and cannot be deleted.
class Observer {
public:
    Observer(NamespaceTable& table, LiveNamespace& ns, Batch& request)
        : table_(table), ns_(ns), route_(table.route(ns)), request_(request) {}

    NamespaceInfo run() {
        info_.role = ns_.role;
        read_links();
        read_wireguard_devices();
        read_vlans();
        read_shapers();
        read_addresses();
        read_routes(Family::V4);
        read_routes(Family::V6);
        std::sort(info_.routes.begin(), info_.routes.end());
        read_neighbours();
        read_fdb();
        read_tables();
        read_virtual_servers();
        return std::move(info_);
    }

private:
    void read_links() {
        std::vector<RawLink> links;
        encode_dump_links(request_);
        route_.dump("list links", request_, [&](const nlmsghdr* message) {
            links.push_back(decode_link(message));
        });
        ns_.link_indices.clear();
        for (const RawLink& link : links) {
            names_.emplace(link.info.index, link.info.name);
            ns_.link_indices.emplace(link.info.name, link.info.index);
        }
        for (RawLink& link : links) {
            if (is_fallback_tunnel(link.info)) {
                continue;
            }
            link.info.master = name_of(link.master_index);
            if (link.info.vxlan) {
                link.info.vxlan->underlay = name_of(link.underlay_index);
            }
            if (link.info.vlan) {
                link.info.vlan->parent = name_of(link.underlay_index);
            }
            const std::string name = link.info.name;
            info_.links.emplace(name, std::move(link.info));
        }
    }

    void read_wireguard_devices() {
        for (auto& [name, link] : info_.links) {
            if (link.kind == kWireguardCodec.kind) {
                NetlinkSocket& socket = table_.wireguard(ns_);
                link.wireguard = read_wireguard(socket, ns_.wireguard_family, link.index);
            }
        }
    }

    /// Where no bridge filters, nobody is asked.
    void read_vlans() {
        const bool filtered =
            std::any_of(info_.links.begin(), info_.links.end(), [](const auto& each) {
                return each.second.vlan_filtering;
            });
        if (!filtered) {
            return;
        }
        encode_dump_port_vlans(request_);
        route_.dump("list the VLANs of ports", request_, [&](const nlmsghdr* message) {
            auto port = decode_port_vlans(message);
            const auto link =
                port ? info_.links.find(name_of(port->link_index)) : info_.links.end();
            if (link != info_.links.end()) {
                link->second.vlans = std::move(port->vlans);
            }
        });
    }

    /// Where we have put none, nobody is asked.
    void read_shapers() {
        if (!ns_.shaped) {
            return;
        }
        encode_dump_shapers(request_);
        route_.dump("list queueing disciplines", request_, [&](const nlmsghdr* message) {
            const auto read = decode_shaper(message);
            const auto link =
                read ? info_.links.find(name_of(read->shaper.link_index)) : info_.links.end();
            if (link == info_.links.end()) {
                return;
            }
            link->second.shaper = read->shaper.shaper;
            link->second.impairment = read->shaper.impairment;
            if (read->shaper.shaper == Shaper::Tbf) {
                link->second.impairment.queue = tbf_queue(
                    read->tbf_limit_bytes, read->shaper.impairment.rate_bps, link->second.mtu);
            }
        });
    }

    void read_addresses() {
        encode_dump_addresses(request_);
        route_.dump("list addresses", request_, [&](const nlmsghdr* message) {
            if (const auto address = decode_address(message)) {
                const auto link = info_.links.find(name_of(address->link_index));
                if (link != info_.links.end()) {
                    link->second.addresses.push_back(address->prefix);
                }
            }
        });
    }

    void read_routes(Family family) {
        encode_dump_routes(request_, family);
        route_.dump("list routes", request_, [&](const nlmsghdr* message) {
            const auto route = decode_route(message);
            if (route && route->protocol != kRouteByBird) {
                auto& read = info_.routes.emplace_back(RouteSpec{
                    route->destination,
                    route->gateway,
                    name_of(route->link_index),
                    route->onlink,
                    route->protocol});
                read.encap = route->encap;
                for (const LinkHop& hop : route->more) {
                    read.more.push_back({hop.gateway, name_of(hop.link_index)});
                }
            }
        });
    }

    void read_neighbours() {
        encode_dump_neighbours(request_);
        route_.dump("list neighbours", request_, [&](const nlmsghdr* message) {
            if (const auto entry = decode_neighbour(message)) {
                info_.neighbours.push_back(
                    {entry->address, entry->mac, name_of(entry->link_index)});
            }
        });
        std::sort(info_.neighbours.begin(), info_.neighbours.end());
    }

    void read_fdb() {
        for (const auto& [name, link] : info_.links) {
            if (!link.vxlan) {
                continue;
            }
            encode_dump_fdb(request_, link.index);
            route_.dump("list forwarding entries", request_, [&](const nlmsghdr* message) {
                if (const auto entry = decode_fdb(message)) {
                    info_.fdb.push_back({entry->mac, entry->remote, name_of(entry->link_index)});
                }
            });
        }
        std::sort(info_.fdb.begin(), info_.fdb.end());
    }

    void read_tables() {
        try {
            NetlinkSocket& nft = table_.nft(ns_);
            info_.tables = observe_tables(nft, ns_.tables);
        } catch (const SysError& error) {
            // A kernel without nftables has no tables.
            if (error.error_number() != EPROTONOSUPPORT && error.error_number() != EINVAL &&
                error.error_number() != EOPNOTSUPP) {
                throw;
            }
        }
    }

    /// Where we have made none, nobody is asked: that would take a socket for each namespace.
    void read_virtual_servers() {
        if (ns_.ipvs) {
            for (auto& each : list_virtual_servers(ns_.ipvs, ns_.ipvs_family)) {
                info_.virtual_servers.push_back(std::move(each.server));
            }
        }
    }

    [[nodiscard]] std::string name_of(std::uint32_t index) const {
        const auto found = names_.find(index);
        return found == names_.end() ? std::string() : found->second;
    }

    NamespaceTable& table_;
    LiveNamespace& ns_;
    NetlinkSocket& route_;
    Batch& request_;
    NamespaceInfo info_;
    std::unordered_map<std::uint32_t, std::string> names_;
};

} // namespace

NamespaceInfo observe_namespace(NamespaceTable& table, LiveNamespace& ns, Batch& request) {
    return Observer(table, ns, request).run();
}

} // namespace netemu
