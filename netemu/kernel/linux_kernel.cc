#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/conntrack.h"
#include "netemu/kernel/executor.h"
#include "netemu/kernel/ipvs_codec.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/namespace_table.h"
#include "netemu/kernel/nft_tables.h"
#include "netemu/kernel/observer.h"
#include "netemu/kernel/route_list.h"

namespace netemu {

namespace {

/// Closes the netlink sockets in pods at the end of a scope.
class PodSocketsCloser {
public:
    explicit PodSocketsCloser(NamespaceTable& table) noexcept : table_(table) {}
    PodSocketsCloser(const PodSocketsCloser&) = delete;
    PodSocketsCloser& operator=(const PodSocketsCloser&) = delete;
    ~PodSocketsCloser() { table_.close_pod_sockets(); }

private:
    NamespaceTable& table_;
};

class LinuxKernel final : public Kernel {
public:
    using Kernel::apply;

    void apply(const Plan& plan, const Progress& progress) override {
        const PodSocketsCloser closer(table_);
        Executor(table_, plan, progress).run();
    }

    ObservedState observe() override {
        ObservedState state;
        Batch request;
        for (auto& [name, ns] : table_.all()) {
            state.namespaces.emplace_hint(
                state.namespaces.end(), name, netemu::observe_namespace(table_, ns, request));
            if (ns.role == NamespaceRole::Pod) {
                ns.route.close();
                ns.nft.close();
                ns.wireguard.close();
            }
        }
        return state;
    }

    NamespaceInfo observe_namespace(const std::string& ns) override {
        const PodSocketsCloser closer(table_);
        Batch request;
        return netemu::observe_namespace(table_, table_.at(ns), request);
    }

    void adopt_namespace(const std::string& ns, UniqueFd fd) override {
        NamespaceScope scope(table_.home());
        scope.enter(fd.get());
        NetlinkSocket route(NETLINK_ROUTE);
        scope.leave();
        table_.add(ns, NamespaceRole::Pod, {std::move(fd), std::move(route)});
    }

    std::vector<Connection> udp_connections(const std::string& ns) override {
        return list_udp_nat_connections(table_.nft(table_.at(ns)));
    }

    std::vector<Connection> connections(const std::string& ns) override {
        return list_connections(table_.nft(table_.at(ns)));
    }

    std::size_t
    delete_connections(const std::string& ns, const std::vector<Connection>& connections) override {
        return netemu::delete_connections(table_.nft(table_.at(ns)), connections);
    }

    std::vector<NftRuleInfo>
    read_rules(const std::string& ns, NftFamily family, const std::string& table) override {
        return read_table_rules(table_.nft(table_.at(ns)), family, table);
    }

    std::vector<NftElementInfo> read_elements(
        const std::string& ns,
        NftFamily family,
        const std::string& table,
        const std::string& set) override {
        return read_set_elements(table_.nft(table_.at(ns)), family, table, set);
    }

    std::vector<VirtualServerInfo> virtual_servers(const std::string& ns) override {
        LiveNamespace& live = table_.at(ns);
        NetlinkSocket& socket = table_.ipvs(live);
        return list_virtual_servers(socket, live.ipvs_family);
    }

    std::vector<RouteSpec> read_routes(const std::string& ns, std::uint8_t protocol) override {
        return list_routes(table_, table_.at(ns), protocol);
    }

    UniqueFd watch_routes(const std::string& ns) override {
        auto socket = open_socket(ns, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
        join_route_groups(socket.get());
        return socket;
    }

    UniqueFd open_socket(const std::string& ns, int domain, int type, int protocol) override {
        const LiveNamespace& live = table_.at(ns);
        NamespaceScope scope(table_.home());
        scope.enter(live.fd.get());
        UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
        if (!socket) {
            throw SysError("open a socket in " + ns, errno);
        }
        return socket;
    }

    UniqueFd tun_descriptor(const std::string& ns, const std::string& link) override {
        const LiveNamespace& live = table_.at(ns);
        const auto found = live.tuns.find(link);
        if (found == live.tuns.end()) {
            throw Error(ns + " has no TUN device " + link);
        }
        return UniqueFd(check_syscall(
            "duplicate the descriptor of " + link,
            ::fcntl(found->second.fd.get(), F_DUPFD_CLOEXEC, 0)));
    }

    void keep_wireguard_key(
        const WireguardKey& public_key,
        std::span<const std::uint8_t, WireguardKey::kBytes> private_key) override {
        table_.keys().keep(public_key, private_key);
    }

    [[nodiscard]] int namespace_fd(const std::string& ns) const override {
        const LiveNamespace* live = table_.find(ns);
        return live == nullptr ? -1 : live->fd.get();
    }

private:
    NamespaceTable table_;
};

} // namespace

std::unique_ptr<Kernel> make_linux_kernel() {
    return std::make_unique<LinuxKernel>();
}

} // namespace netemu
