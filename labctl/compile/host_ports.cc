#include "labctl/compile/host_ports.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include <netinet/in.h>

#include "labctl/api/containers.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "netemu/model/nft.h"

namespace labctl::compile {

namespace {

using api::Json;
using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::NftChain;
using netemu::NftMatchAddress;
using netemu::NftRule;

constexpr int kHostPortDestinationNat = -100; // NF_IP_PRI_NAT_DST
constexpr int kHostPortSourceNat = 100;       // NF_IP_PRI_NAT_SRC
constexpr const char* kAllHostPorts = "hostports_all";
constexpr const char* kHostPortsOfAddress = "hostip_hostports";
constexpr const char* kHostPorts = "hostports";

std::uint8_t protocol_of(std::string_view name) {
    return name == "UDP" ? IPPROTO_UDP : name == "SCTP" ? IPPROTO_SCTP : IPPROTO_TCP;
}

void add_mappings(const Json& container, std::vector<HostPortMapping>& mappings) {
    for (const auto& port : api::at(container, "ports")) {
        const auto host = api::int_at(port, "hostPort", 0);
        if (host == 0) {
            continue;
        }
        mappings.push_back(
            {protocol_of(api::string_at(port, "protocol", "TCP")),
             static_cast<std::uint16_t>(host),
             static_cast<std::uint16_t>(api::int_at(port, "containerPort", 0)),
             IpAddress::parse(api::string_at(port, "hostIP"))});
    }
}

NftRule jump(const char* chain) {
    return {{netemu::NftSetVerdict{netemu::NftVerdict::Jump, chain}}, ""};
}

NftRule jump_if_local(const IpPrefix& loopback) {
    return {
        {netemu::NftMatchLocal{},
         NftMatchAddress{NftMatchAddress::Field::Destination, loopback, true},
         netemu::NftSetVerdict{netemu::NftVerdict::Jump, kAllHostPorts}},
        ""};
}

NftChain base_chain(const char* name, netemu::NftHook hook, int priority) {
    netemu::NftBase base;
    base.type = "nat";
    base.hook = hook;
    base.priority = priority;
    return {name, base, {}};
}

NftRule
translation(const HostPortMapping& mapping, const IpAddress& to, const std::string& comment) {
    NftRule rule;
    if (mapping.host_ip && !mapping.host_ip->is_unspecified()) {
        rule.statements.emplace_back(NftMatchAddress{
            NftMatchAddress::Field::Destination, IpPrefix::host(*mapping.host_ip), false});
    }
    rule.statements.emplace_back(netemu::NftMatchProtocol{mapping.protocol});
    rule.statements.emplace_back(netemu::NftMatchPort{
        netemu::NftMatchPort::Side::Destination, mapping.host_port, mapping.host_port, false});
    rule.statements.emplace_back(netemu::NftCounter{});
    rule.statements.emplace_back(netemu::NftDnat{to, mapping.container_port});
    rule.comment = comment;
    return rule;
}

/// A pod that calls its own port by the node would otherwise get packets from itself.
NftRule hairpin(const IpAddress& pod, const std::string& comment) {
    return {
        {NftMatchAddress{NftMatchAddress::Field::Source, IpPrefix::host(pod), false},
         NftMatchAddress{NftMatchAddress::Field::Destination, IpPrefix::host(pod), false},
         netemu::NftCounter{},
         netemu::NftMasquerade{}},
        comment};
}

/// The chains that hold a rule for each mapping, or for each pod.
struct HostPortChains {
    NftChain of_address{kHostPortsOfAddress, {}, {}};
    NftChain of_any{kHostPorts, {}, {}};
    NftChain leaving = base_chain("masquerading", netemu::NftHook::Postrouting, kHostPortSourceNat);
};

void add_pod(const PodView& pod, const IpAddress& address, HostPortChains& chains) {
    const auto comment = pod.ns + "/" + pod.name;
    for (const auto& mapping : pod.host_ports) {
        if (mapping.host_ip && mapping.host_ip->family() != address.family()) {
            continue;
        }
        const bool any = !mapping.host_ip || mapping.host_ip->is_unspecified();
        auto& chain = any ? chains.of_any : chains.of_address;
        chain.rules.push_back(translation(mapping, address, comment));
    }
    chains.leaving.rules.push_back(hairpin(address, comment));
}

std::optional<netemu::NftTable> host_port_table(const NodeView& node, netemu::Family family) {
    const bool v4 = family == netemu::Family::V4;
    HostPortChains chains;
    for (const auto& pod : node.pods) {
        for (const auto& address : pod.addresses) {
            if (address.family() == family && !pod.host_ports.empty()) {
                add_pod(pod, address, chains);
            }
        }
    }
    auto& [of_address, of_any, leaving] = chains;
    if (leaving.rules.empty()) {
        return std::nullopt;
    }
    const auto loopback = IpPrefix::parse(v4 ? "127.0.0.0/8" : "::1/128").value();
    auto arriving = base_chain("prerouting", netemu::NftHook::Prerouting, kHostPortDestinationNat);
    arriving.rules.push_back(jump_if_local(loopback));
    auto own = base_chain("output", netemu::NftHook::Output, kHostPortDestinationNat);
    own.rules.push_back(jump_if_local(loopback));
    NftChain all{kAllHostPorts, {}, {jump(kHostPortsOfAddress), jump(kHostPorts)}};
    return netemu::NftTable{
        v4 ? netemu::NftFamily::Ip : netemu::NftFamily::Ip6,
        kHostPortTable,
        {std::move(of_address),
         std::move(of_any),
         std::move(all),
         std::move(arriving),
         std::move(own),
         std::move(leaving)}};
}

/// Where a rule leads a UDP connection to; nothing where it has no business with it.
std::optional<netemu::Endpoint>
destination_of(const NftRule& rule, const netemu::Connection& connection) {
    for (const auto& statement : rule.statements) {
        const auto* address = std::get_if<NftMatchAddress>(&statement);
        const auto* protocol = std::get_if<netemu::NftMatchProtocol>(&statement);
        const auto* port = std::get_if<netemu::NftMatchPort>(&statement);
        if ((address != nullptr && !address->prefix.contains(connection.destination.address)) ||
            (protocol != nullptr && protocol->protocol != connection.protocol) ||
            (port != nullptr && port->first != connection.destination.port)) {
            return std::nullopt;
        }
        if (const auto* to = std::get_if<netemu::NftDnat>(&statement)) {
            return netemu::Endpoint{to->address, to->port};
        }
    }
    return std::nullopt;
}

bool leads_elsewhere(const netemu::NftTable& table, const netemu::Connection& connection) {
    for (const auto& chain : table.chains) {
        for (const auto& rule : chain.rules) {
            if (const auto to = destination_of(rule, connection)) {
                return *to != connection.reply_source;
            }
        }
    }
    return false;
}

} // namespace

bool HostPortMapping::leads_from(const IpAddress& address) const {
    return !host_ip || *host_ip == address ||
           (host_ip->is_unspecified() && host_ip->family() == address.family());
}

std::vector<netemu::Connection> stale_host_port_connections(
    const netemu::NftTable& table,
    std::span<const IpAddress> own,
    std::span<const netemu::Connection> connections) {
    const auto family =
        table.family == netemu::NftFamily::Ip ? netemu::Family::V4 : netemu::Family::V6;
    std::vector<netemu::Connection> stale;
    std::ranges::copy_if(connections, std::back_inserter(stale), [&](const auto& connection) {
        const auto& address = connection.destination.address;
        return connection.protocol == IPPROTO_UDP && address.family() == family &&
               std::ranges::find(own, address) != own.end() && leads_elsewhere(table, connection);
    });
    return stale;
}

std::vector<HostPortMapping> host_port_mappings(const Json& pod) {
    std::vector<HostPortMapping> mappings;
    for (const Json& container : api::running_containers(pod)) {
        add_mappings(container, mappings);
    }
    return mappings;
}

void add_host_ports(const ClusterView& cluster, netemu::DesiredState& state) {
    for (const auto& node : cluster.nodes) {
        const auto found = state.namespaces.find(node_namespace(node.name));
        if (found == state.namespaces.end()) {
            continue;
        }
        for (const auto family : {netemu::Family::V4, netemu::Family::V6}) {
            if (auto table = host_port_table(node, family)) {
                found->second.tables.push_back(*std::move(table));
            }
        }
    }
}

} // namespace labctl::compile
