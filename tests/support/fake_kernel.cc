#include "tests/support/fake_kernel.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/model/cable.h"
#include "netemu/model/interface_name.h"
#include "netemu/model/nft_text.h"

namespace netemu::test {

namespace {

constexpr std::uint32_t kMtuMin = 68;
constexpr std::uint32_t kMtuMinV6 = 1280;

/// What one operation does; the executor puts the operation's own words in front.
struct Refusal {
    int error_number;
};

void require(bool condition, int error_number) {
    if (!condition) {
        throw Refusal{error_number};
    }
}

std::uint32_t overhead(const VxlanSpec& vxlan) {
    return vxlan.local.is_v4() ? 50 : 70;
}

bool is_multicast(const MacAddress& mac) {
    return (mac.bytes[0] & 1U) != 0;
}

} // namespace

class FakeKernel::Executor {
public:
    explicit Executor(std::map<std::string, Namespace>& namespaces) : namespaces_(namespaces) {}

    void operator()(const CreateNamespace& op) {
        require(!namespaces_.contains(op.ns), EEXIST);
        for (const auto& sysctl : op.sysctls) {
            require(sysctl.key.starts_with("net/"), ENOENT);
        }
        auto& ns = namespaces_[op.ns];
        ns.role = op.role;
        ns.sysctls = op.sysctls;
        auto& loopback = ns.links["lo"].info;
        loopback.name = "lo";
        loopback.index = 1;
        loopback.mtu = 65536;
    }

    void operator()(const DeleteNamespace& op) {
        auto& ns = find(op.ns);
        while (ns.links.size() > 1) {
            const auto victim =
                std::find_if(ns.links.begin(), ns.links.end(), [](const auto& each) {
                    return each.first != "lo";
                });
            remove_link(op.ns, std::string(victim->first)); // the key goes with the link
        }
        namespaces_.erase(op.ns);
    }

    void operator()(const CreateLink& op) {
        auto& ns = find(op.ns);
        if (std::holds_alternative<LoopbackSpec>(op.link.kind)) {
            require(op.link.name == "lo", EINVAL);
            set_flags(ns, ns.links.at("lo").info, op.link.up);
        } else if (std::holds_alternative<VethPeerSpec>(op.link.kind)) {
            auto& link = find(ns, op.link.name);
            require(
                link.info.kind == "veth" && link.info.index == op.link.index &&
                    link.info.mac == op.link.mac,
                EINVAL);
            change(ns, link, op.link);
        } else {
            create(op.ns, ns, op.link);
        }
    }

    void operator()(const ChangeLink& op) {
        auto& ns = find(op.ns);
        change(ns, find(ns, op.link.name), op.link);
    }

    void operator()(const DeleteLink& op) {
        require(op.name != "lo", EOPNOTSUPP);
        if (find(op.ns).links.contains(op.name)) {
            remove_link(op.ns, op.name);
        }
    }

    void operator()(const SetShaper& op) {
        auto& info = find(find(op.ns), op.link).info;
        require(op.shaper != Shaper::None || info.shaper != Shaper::None, ENOENT);
        info.shaper = op.shaper;
        info.impairment = op.impairment;
    }

    void operator()(const SetPortVlans& op) {
        auto& ns = find(op.ns);
        auto& info = find(ns, op.link).info;
        require(!info.master.empty() && find(ns, info.master).info.vlan_filtering, EOPNOTSUPP);
        for (const auto id : op.gone) {
            require(
                std::erase_if(info.vlans, [&](const auto& each) { return each.id == id; }) > 0,
                ENOENT);
        }
        for (const auto& vlan : op.added) {
            require(vlan.id >= kVlanIdMin && vlan.id <= kVlanIdMax, EINVAL);
            std::erase_if(info.vlans, [&](const auto& each) { return each.id == vlan.id; });
            for (auto& each : info.vlans) {
                each.pvid = each.pvid && !vlan.pvid;
            }
            info.vlans.push_back(vlan);
        }
        std::sort(info.vlans.begin(), info.vlans.end());
    }

    void operator()(const SetWireguard& op) {
        auto& device = find_wireguard(op.ns, op.link);
        device.key = op.key;
        device.port = op.port;
        std::erase_if(device.peers, [&](const auto& each) { return each.key == op.key; });
    }

    void operator()(const SetWireguardPeer& op) {
        auto& device = find_wireguard(op.ns, op.link);
        require(op.peer.key != device.key, EINVAL);
        std::erase_if(device.peers, [&](const auto& each) { return each.key == op.peer.key; });
        for (auto& each : device.peers) { // an address is one peer's
            std::erase_if(each.allowed, [&](const IpPrefix& range) {
                return std::find(op.peer.allowed.begin(), op.peer.allowed.end(), range) !=
                       op.peer.allowed.end();
            });
        }
        device.peers.push_back(op.peer);
        std::sort(device.peers.begin(), device.peers.end(), [](const auto& a, const auto& b) {
            return a.key < b.key;
        });
    }

    void operator()(const RemoveWireguardPeer& op) {
        std::erase_if(find_wireguard(op.ns, op.link).peers, [&](const auto& each) {
            return each.key == op.key;
        });
    }

    void operator()(const AddAddress& op) {
        auto& info = find(find(op.ns), op.link).info;
        require(op.address.address.is_v4() || info.mtu >= kMtuMinV6, EINVAL);
        require(
            std::find(info.addresses.begin(), info.addresses.end(), op.address) ==
                info.addresses.end(),
            EEXIST);
        info.addresses.push_back(op.address);
    }

    void operator()(const DeleteAddress& op) {
        auto& ns = find(op.ns);
        auto& list = find(ns, op.link).info.addresses;
        const auto found = std::find(list.begin(), list.end(), op.address);
        if (found == list.end()) {
            return;
        }
        const auto same_subnet = [&](const IpPrefix& each) {
            return each.network() == op.address.network();
        };
        const bool v4 = op.address.address.is_v4();
        const bool primary = v4 && std::find_if(list.begin(), list.end(), same_subnet) == found;
        if (primary) {
            std::erase_if(list, same_subnet);
        } else {
            list.erase(found);
        }
        const bool last = std::none_of(
            list.begin(), list.end(), [](const auto& each) { return each.address.is_v4(); });
        if (v4 && last) {
            forget_routes(ns, op.link, true);
            forget_neighbours(ns, op.link, true);
        }
    }

    void operator()(const AddRoute& op) {
        auto& ns = find(op.ns);
        require(op.route.destination.network() == op.route.destination, EINVAL);
        for (const auto& route : ns.routes) {
            require(route.destination != op.route.destination, EEXIST);
        }
        if (op.route.is_blackhole()) {
            require(!op.route.gateway, EINVAL);
            ns.routes.insert(op.route);
            return;
        }
        const auto& info = find(ns, op.route.link).info;
        require(info.up, ENETDOWN);
        if (op.route.gateway && !op.route.onlink) {
            const auto& gateway = *op.route.gateway;
            const auto link_local = *IpPrefix::parse("fe80::/10");
            const bool reachable =
                link_local.contains(gateway) ||
                std::any_of(
                    info.addresses.begin(),
                    info.addresses.end(),
                    [&](const IpPrefix& each) {
                        return each.contains(gateway) && each.address != gateway;
                    }) ||
                std::any_of(ns.routes.begin(), ns.routes.end(), [&](const RouteSpec& route) {
                    return route.link == op.route.link && !route.gateway &&
                           route.destination.contains(gateway);
                });
            require(reachable, gateway.is_v4() ? ENETUNREACH : EHOSTUNREACH);
        }
        ns.routes.insert(op.route);
    }

    void operator()(const DeleteRoute& op) {
        require(find(op.ns).routes.erase(op.route) > 0, ESRCH);
    }

    void operator()(const AddNeighbours& op) {
        auto& ns = find(op.ns);
        require(op.entries != nullptr && !op.entries->empty(), EINVAL);
        for (const auto& entry : *op.entries) {
            (void)find(ns, entry.link);
            ns.neighbours[{entry.link, entry.address}] = entry.mac;
        }
    }

    void operator()(const DeleteNeighbour& op) {
        require(find(op.ns).neighbours.erase({op.entry.link, op.entry.address}) > 0, ENOENT);
    }

    void operator()(const AddFdb& op) {
        auto& ns = find(op.ns);
        require(find(ns, op.entry.link).info.vxlan.has_value(), EOPNOTSUPP);
        require(ns.fdb.insert(op.entry).second, EEXIST);
    }

    void operator()(const DeleteFdb& op) { require(find(op.ns).fdb.erase(op.entry) > 0, ENOENT); }

    void operator()(const ReplaceTable& op) {
        auto& tables = find(op.ns).tables;
        erase_table(tables, op.table.family, op.table.name);
        tables.push_back(
            {op.table.family, op.table.name, table_digest(op.table), nft_counts(op.table)});
    }

    void operator()(const ChangeTable& op) {
        auto& tables = find(op.ns).tables;
        const auto found = std::find_if(tables.begin(), tables.end(), [&](const auto& each) {
            return each.family == op.change->family && each.name == op.change->table;
        });
        require(found != tables.end(), ENOENT);
        found->digest = op.after.digest;
        found->counts = op.after.counts;
    }

    void operator()(const DeleteTable& op) {
        require(erase_table(find(op.ns).tables, op.family, op.name), ENOENT);
    }

    void operator()(const AddVirtualServer& op) {
        auto& servers = find(op.ns).virtual_servers;
        require(!servers.contains(op.server.key), EEXIST);
        auto& made = servers[op.server.key];
        made = op.server;
        made.servers.clear();
        for (const auto& real : op.server.servers) {
            add_real(made, real);
        }
    }

    void operator()(const ChangeVirtualServer& op) {
        auto& server = find_server(op.ns, op.server.key);
        server.scheduler = op.server.scheduler;
        server.persistence_seconds = op.server.persistence_seconds;
    }

    void operator()(const DeleteVirtualServer& op) { find(op.ns).virtual_servers.erase(op.key); }

    void operator()(const AddRealServer& op) { add_real(find_server(op.ns, op.key), op.server); }

    void operator()(const ChangeRealServer& op) {
        auto& servers = find_server(op.ns, op.key).servers;
        const auto found = find_real(servers, op.server.address);
        require(found != servers.end(), ENOENT);
        found->weight = op.server.weight;
    }

    void operator()(const DeleteRealServer& op) {
        auto& servers = find(op.ns).virtual_servers;
        if (const auto server = servers.find(op.key); server != servers.end()) {
            std::erase_if(server->second.servers, [&](const auto& each) {
                return each.address == op.server.address;
            });
        }
    }

private:
    WireguardSpec& find_wireguard(const std::string& ns, const std::string& link) {
        auto& info = find(find(ns), link).info;
        require(info.wireguard.has_value(), EOPNOTSUPP);
        return *info.wireguard;
    }

    VirtualServer& find_server(const std::string& ns, const VirtualServerKey& key) {
        auto& servers = find(ns).virtual_servers;
        require(servers.contains(key), ESRCH);
        return servers.at(key);
    }

    static std::vector<RealServer>::iterator
    find_real(std::vector<RealServer>& servers, const Endpoint& address) {
        return std::find_if(servers.begin(), servers.end(), [&](const auto& each) {
            return each.address == address;
        });
    }

    static void add_real(VirtualServer& server, const RealServer& real) {
        require(find_real(server.servers, real.address) == server.servers.end(), EEXIST);
        server.servers.push_back(real);
    }

    Namespace& find(const std::string& name) {
        const auto found = namespaces_.find(name);
        require(found != namespaces_.end(), ENOENT);
        return found->second;
    }

    static Link& find(Namespace& ns, const std::string& name) {
        const auto found = ns.links.find(name);
        require(found != ns.links.end(), ENODEV);
        return found->second;
    }

    static bool
    erase_table(std::vector<NftTableInfo>& tables, NftFamily family, const std::string& name) {
        return std::erase_if(tables, [&](const auto& each) {
                   return each.family == family && each.name == name;
               }) > 0;
    }

    static void require_free(
        const Namespace& ns, const std::string& name, std::uint32_t index, const MacAddress& mac) {
        require(is_valid_interface_name(name) && index > 1, EINVAL);
        require(!is_multicast(mac), EADDRNOTAVAIL);
        require(!ns.links.contains(name), EEXIST);
        for (const auto& [other, link] : ns.links) {
            require(link.info.index != index, EBUSY);
        }
    }

    static void set_master(Namespace& ns, LinkInfo& info, const std::string& master) {
        if (!master.empty()) {
            require(find(ns, master).info.kind == "bridge", EOPNOTSUPP);
            require(info.kind != "bridge", ELOOP);
        }
        if (info.master != master) {
            info.vlans.clear();
        }
        info.master = master;
    }

    static void forget_routes(Namespace& ns, const std::string& link, bool v4_only) {
        std::erase_if(ns.routes, [&](const RouteSpec& route) {
            return route.link == link && (!v4_only || route.destination.address.is_v4());
        });
    }

    static void forget_neighbours(Namespace& ns, const std::string& link, bool v4_only) {
        std::erase_if(ns.neighbours, [&](const auto& entry) {
            return entry.first.first == link && (!v4_only || entry.first.second.is_v4());
        });
    }

    static void set_flags(Namespace& ns, LinkInfo& info, bool up) {
        if (info.up && !up) {
            forget_routes(ns, info.name, false);
            forget_neighbours(ns, info.name, false);
            std::erase_if(info.addresses, [](const auto& each) { return !each.address.is_v4(); });
        }
        info.up = up;
    }

    static void change(Namespace& ns, Link& link, const LinkSpec& spec) {
        auto& info = link.info;
        if (spec.name != "lo") {
            require(spec.mtu >= kMtuMin, EINVAL);
            if (info.vxlan) {
                const auto& carrier = find(ns, info.vxlan->underlay).info;
                require(spec.mtu + overhead(*info.vxlan) <= carrier.mtu, EINVAL);
            }
            set_master(ns, info, spec.master);
            info.hairpin = spec.hairpin && !spec.master.empty();
            info.mtu = spec.mtu;
        }
        set_flags(ns, info, spec.up);
    }

    void create(const std::string& ns_name, Namespace& ns, const LinkSpec& spec) {
        require_free(ns, spec.name, spec.index, spec.mac);
        require(spec.mtu >= kMtuMin, EINVAL);
        Link link;
        link.info.name = spec.name;
        link.info.index = spec.index;
        link.info.mac = spec.mac;
        link.info.mtu = spec.mtu;
        link.info.up = spec.up;
        if (const auto* veth = std::get_if<VethSpec>(&spec.kind)) {
            link.info.kind = "veth";
            link.peer_ns = veth->peer_namespace;
            link.peer_name = veth->peer_name;
            set_master(ns, link.info, spec.master);
            create_peer(ns_name, spec, *veth);
        } else if (const auto* vxlan = std::get_if<VxlanSpec>(&spec.kind)) {
            link.info.kind = "vxlan";
            link.info.vxlan = *vxlan;
            create_tunnel(ns, link.info);
            set_master(ns, link.info, spec.master);
        } else if (const auto* tunnel = std::get_if<ExternalTunnelSpec>(&spec.kind)) {
            link.info.kind = kind_of(*tunnel);
            link.info.external = *tunnel;
        } else if (const auto* ipip = std::get_if<IpipSpec>(&spec.kind)) {
            link.info.kind = "ipip";
            link.info.ipip = *ipip;
        } else if (std::holds_alternative<WireguardSpec>(spec.kind)) {
            link.info.kind = "wireguard";
            link.info.wireguard.emplace();
        } else if (const auto* vlan = std::get_if<VlanSpec>(&spec.kind)) {
            require(spec.mtu <= find(ns, vlan->parent).info.mtu, ERANGE);
            link.info.kind = "vlan";
            link.info.vlan = *vlan;
        } else if (std::holds_alternative<DummySpec>(spec.kind)) {
            link.info.kind = "dummy";
        } else if (const auto tun = tun_of(spec.kind)) {
            link.info.kind = "tun";
            link.info.tun = tun;
            set_master(ns, link.info, spec.master);
        } else {
            link.info.kind = "bridge";
            link.info.vlan_filtering = std::get<BridgeSpec>(spec.kind).vlan_filtering;
            set_master(ns, link.info, spec.master);
        }
        link.info.hairpin = spec.hairpin && !spec.master.empty();
        ns.links.emplace(spec.name, std::move(link));
    }

    void create_peer(const std::string& ns_name, const LinkSpec& spec, const VethSpec& veth) {
        require(veth.peer_namespace != ns_name || veth.peer_name != spec.name, EEXIST);
        require(namespaces_.contains(veth.peer_namespace), EINVAL);
        auto& ns = namespaces_.at(veth.peer_namespace);
        require_free(ns, veth.peer_name, veth.peer_index, veth.peer_mac);
        Link peer;
        peer.info.name = veth.peer_name;
        peer.info.index = veth.peer_index;
        peer.info.kind = "veth";
        peer.info.mac = veth.peer_mac;
        peer.info.mtu = spec.mtu;
        peer.peer_ns = ns_name;
        peer.peer_name = spec.name;
        ns.links.emplace(veth.peer_name, std::move(peer));
    }

    static void create_tunnel(Namespace& ns, LinkInfo& info) {
        const auto& carrier = find(ns, info.vxlan->underlay).info;
        for (const auto& [name, other] : ns.links) {
            require(
                !other.info.vxlan || other.info.vxlan->vni != info.vxlan->vni ||
                    other.info.vxlan->port != info.vxlan->port,
                EEXIST);
        }
        info.mtu = std::min(info.mtu, carrier.mtu - overhead(*info.vxlan)); // as the driver does
    }

    void remove_link(const std::string& ns_name, const std::string& name) {
        auto& ns = namespaces_.at(ns_name);
        const auto link = ns.links.at(name);
        ns.links.erase(name);
        forget_routes(ns, name, false);
        forget_neighbours(ns, name, false);
        std::erase_if(ns.fdb, [&](const FdbSpec& entry) { return entry.link == name; });
        std::vector<std::string> tunnels;
        for (auto& [other_name, other] : ns.links) {
            if (other.info.master == name) {
                other.info.master.clear();
                other.info.hairpin = false;
                other.info.vlans.clear();
            }
            if ((other.info.vxlan && other.info.vxlan->underlay == name) ||
                (other.info.vlan && other.info.vlan->parent == name)) {
                tunnels.push_back(other_name);
            }
        }
        for (const auto& tunnel : tunnels) {
            remove_link(ns_name, tunnel);
        }
        if (!link.peer_ns.empty() && namespaces_.at(link.peer_ns).links.contains(link.peer_name)) {
            remove_link(link.peer_ns, link.peer_name);
        }
    }

    std::map<std::string, Namespace>& namespaces_;
};

void FakeKernel::apply(const Plan& plan, const Progress& progress) {
    Executor executor(namespaces_);
    std::size_t carry_on = 0;
    std::optional<SysError> error;
    for (std::size_t i = 0; i < plan.operations.size(); ++i) {
        const auto& operation = plan.operations[i];
        try {
            if (failure_ && !error && failure_->left-- == 0) {
                carry_on = failure_->carried_on;
                throw Refusal{std::exchange(failure_, std::nullopt)->error_number};
            }
            std::visit(executor, operation);
            ++operations_;
        } catch (const Refusal& refusal) {
            if (!error) {
                error.emplace(describe(operation), refusal.error_number);
            }
        }
        if (error && carry_on-- == 0) {
            throw SysError(*error);
        }
        if (progress) {
            progress(i + 1);
        }
    }
    if (error) {
        throw SysError(*error);
    }
}

ObservedState FakeKernel::observe() {
    ObservedState state;
    for (const auto& [name, ns] : namespaces_) {
        auto& info = state.namespaces[name];
        info.role = ns.role;
        for (const auto& [link_name, link] : ns.links) {
            info.links.emplace(link_name, link.info);
        }
        info.routes.assign(ns.routes.begin(), ns.routes.end());
        for (const auto& [key, mac] : ns.neighbours) {
            info.neighbours.push_back({key.second, mac, key.first});
        }
        std::sort(info.neighbours.begin(), info.neighbours.end());
        info.fdb.assign(ns.fdb.begin(), ns.fdb.end());
        info.tables = ns.tables;
        for (const auto& each : virtual_servers(name)) {
            info.virtual_servers.push_back(each.server);
        }
    }
    return state;
}

FakeKernel::Namespace& FakeKernel::at(const std::string& ns) {
    const auto found = namespaces_.find(ns);
    if (found == namespaces_.end()) {
        throw Error("there is no namespace " + ns);
    }
    return found->second;
}

std::vector<Connection> FakeKernel::udp_connections(const std::string& ns) {
    return at(ns).connections;
}

std::vector<Connection> FakeKernel::connections(const std::string& ns) {
    return at(ns).connections;
}

std::size_t
FakeKernel::delete_connections(const std::string& ns, const std::vector<Connection>& connections) {
    return std::erase_if(at(ns).connections, [&](const Connection& each) {
        return std::find(connections.begin(), connections.end(), each) != connections.end();
    });
}

void FakeKernel::add_connection(const std::string& ns, const Connection& connection) {
    at(ns).connections.push_back(connection);
}

std::vector<NftRuleInfo>
FakeKernel::read_rules(const std::string& ns, NftFamily, const std::string&) {
    (void)at(ns);
    return {};
}

std::vector<NftElementInfo> FakeKernel::read_elements(
    const std::string& ns, NftFamily, const std::string&, const std::string&) {
    (void)at(ns);
    return {};
}

std::vector<RouteSpec> FakeKernel::read_routes(const std::string& ns, std::uint8_t protocol) {
    std::vector<RouteSpec> routes;
    for (const auto& route : at(ns).routes) {
        if (route.protocol == protocol) {
            routes.push_back(route);
        }
    }
    return routes;
}

std::vector<VirtualServerInfo> FakeKernel::virtual_servers(const std::string& ns) {
    std::vector<VirtualServerInfo> list;
    for (const auto& [key, server] : at(ns).virtual_servers) {
        auto& info = list.emplace_back();
        info.server = server;
        std::sort(info.server.servers.begin(), info.server.servers.end());
        for (const auto& real : info.server.servers) {
            info.servers.push_back({real});
        }
    }
    return list;
}

UniqueFd FakeKernel::open_socket(const std::string& ns, int domain, int type, int protocol) {
    if (!namespaces_.contains(ns)) {
        throw Error("open a socket in " + ns + ": no such namespace");
    }
    return UniqueFd(
        check_syscall("open a socket in " + ns, ::socket(domain, type | SOCK_CLOEXEC, protocol)));
}

UniqueFd FakeKernel::tun_descriptor(const std::string& ns, const std::string& link) {
    throw Error(ns + " has no TUN device " + link + ": no packets cross this kernel");
}

void FakeKernel::fail_after(std::size_t count, int error_number, std::size_t carried_on) {
    failure_ = Failure{count, error_number, carried_on};
}

void FakeKernel::copy_from(const FakeKernel& other) {
    namespaces_ = other.namespaces_;
    failure_.reset();
}

const std::vector<SysctlSpec>& FakeKernel::sysctls(const std::string& ns) const {
    return namespaces_.at(ns).sysctls;
}

} // namespace netemu::test
