#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netemu/kernel/kernel.h"

namespace netemu::test {

/// A kernel in memory. It refuses what Linux refuses (SysError with the same errno) and lets go
/// along what Linux lets go along: the peer of a deleted veth, tunnels on a deleted link, secondary
/// addresses with their primary, routes of a link that goes down. Sysctls are remembered only.
class FakeKernel : public Kernel {
public:
    using Kernel::apply;
    void apply(const Plan& plan, const Progress& progress) override;
    /// Neighbours come in one list, as a real observation gives them.
    ObservedState observe() override;
    NamespaceInfo observe_namespace(const std::string& ns) override {
        return observe().namespaces.at(ns);
    }
    /// An empty one.
    void adopt_namespace(const std::string& ns, UniqueFd /*fd*/) override {
        namespaces_.try_emplace(ns);
    }
    /// Those that `add_connection` gave it.
    std::vector<Connection> udp_connections(const std::string& ns) override;
    std::vector<Connection> connections(const std::string& ns) override;
    std::size_t
    delete_connections(const std::string& ns, const std::vector<Connection>& connections) override;
    void add_connection(const std::string& ns, const Connection& connection);
    /// No counters: no packets cross this kernel.
    std::vector<NftRuleInfo>
    read_rules(const std::string& ns, NftFamily family, const std::string& table) override;
    std::vector<NftElementInfo> read_elements(
        const std::string& ns,
        NftFamily family,
        const std::string& table,
        const std::string& set) override;
    /// No counters either.
    std::vector<VirtualServerInfo> virtual_servers(const std::string& ns) override;
    std::vector<RouteSpec> read_routes(const std::string& ns, std::uint8_t protocol) override;
    /// Nothing ever changes by itself: a closed descriptor.
    UniqueFd watch_routes(const std::string& /*ns*/) override { return UniqueFd(); }
    /// An ordinary socket of the calling process, if that namespace exists.
    UniqueFd open_socket(const std::string& ns, int domain, int type, int protocol) override;
    UniqueFd tun_descriptor(const std::string& ns, const std::string& link) override;
    /// It needs none: nothing is encrypted here.
    void keep_wireguard_key(
        const WireguardKey& /*public_key*/,
        std::span<const std::uint8_t, WireguardKey::kBytes> /*private_key*/) override {}
    [[nodiscard]] int namespace_fd(const std::string& /*ns*/) const override { return -1; }

    /// The operation after `count` further ones fails with `error_number`, once. Of those after it
    /// `carried_on` are still tried, as the kernel does with messages of the same batch.
    void fail_after(std::size_t count, int error_number, std::size_t carried_on = 0);
    /// The same contents as `other`, without its failure.
    void copy_from(const FakeKernel& other);

    [[nodiscard]] std::size_t operations() const { return operations_; }
    [[nodiscard]] const std::vector<SysctlSpec>& sysctls(const std::string& ns) const;

private:
    struct Failure {
        std::size_t left = 0;
        int error_number = 0;
        std::size_t carried_on = 0;
    };
    struct Link {
        LinkInfo info;
        std::string peer_ns; // of a veth, with peer_name
        std::string peer_name;
    };
    struct Namespace {
        NamespaceRole role = NamespaceRole::Pod;
        std::vector<SysctlSpec> sysctls;
        std::map<std::string, Link> links;
        std::set<RouteSpec> routes;
        std::map<std::pair<std::string, IpAddress>, MacAddress> neighbours; // by link and address
        std::set<FdbSpec> fdb;
        std::vector<NftTableInfo> tables;
        std::vector<Connection> connections;
        std::map<VirtualServerKey, VirtualServer> virtual_servers;
    };
    Namespace& at(const std::string& ns);
    class Executor;

    std::map<std::string, Namespace> namespaces_;
    std::optional<Failure> failure_;
    std::size_t operations_ = 0;
};

} // namespace netemu::test
