#include "services/ipvs_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "netemu/base/text.h"
#include "services/nftables_mode.h"
#include "services/nftables_names.h"
#include "services/nftables_parts.h"

namespace services {
namespace {

using namespace netemu;

constexpr int kIpvsPriorityDnat = -100;
constexpr int kIpvsPriorityFilter = 0;
constexpr int kIpvsPrioritySnat = 100;
constexpr const char* kIpvsMarkChain = "KUBE-MARK-MASQ";
constexpr const char* kSourceRangeSet = "KUBE-LOAD-BALANCER-SOURCE-CIDR";

/// What the entries of an ipset look like, in ipset's words.
enum class IpvsSetKind : std::uint8_t { Ip, Port, IpPort, IpPortIp };

struct IpvsSetName {
    const char* name;
    IpvsSetKind kind;
    const char* comment;
};

/// kube-proxy's comments (pkg/proxy/ipvs/ipset.go).
constexpr std::array kIpvsSets{
    IpvsSetName{
        "KUBE-LOOP-BACK",
        IpvsSetKind::IpPortIp,
        "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose"},
    IpvsSetName{
        "KUBE-CLUSTER-IP",
        IpvsSetKind::IpPort,
        "Kubernetes service cluster ip + port for masquerade purpose"},
    IpvsSetName{
        "KUBE-EXTERNAL-IP",
        IpvsSetKind::IpPort,
        "Kubernetes service external ip + port for masquerade and filter purpose"},
    IpvsSetName{
        "KUBE-EXTERNAL-IP-LOCAL",
        IpvsSetKind::IpPort,
        "Kubernetes service external ip + port with externalTrafficPolicy=local"},
    IpvsSetName{"KUBE-LOAD-BALANCER", IpvsSetKind::IpPort, "Kubernetes service lb portal"},
    IpvsSetName{
        "KUBE-LOAD-BALANCER-LOCAL",
        IpvsSetKind::IpPort,
        "Kubernetes service load balancer ip + port with externalTrafficPolicy=local"},
    IpvsSetName{
        "KUBE-LOAD-BALANCER-FW",
        IpvsSetKind::IpPort,
        "Kubernetes service load balancer ip + port for load balancer with sourceRange"},
    IpvsSetName{
        "KUBE-LOAD-BALANCER-SOURCE-IP",
        IpvsSetKind::IpPortIp,
        "Kubernetes service load balancer ip + port + source IP for packet filter purpose"},
    IpvsSetName{
        "KUBE-NODE-PORT-TCP",
        IpvsSetKind::Port,
        "Kubernetes nodeport TCP port for masquerade purpose"},
    IpvsSetName{
        "KUBE-NODE-PORT-LOCAL-TCP",
        IpvsSetKind::Port,
        "Kubernetes nodeport TCP port with externalTrafficPolicy=local"},
    IpvsSetName{
        "KUBE-NODE-PORT-UDP",
        IpvsSetKind::Port,
        "Kubernetes nodeport UDP port for masquerade purpose"},
    IpvsSetName{
        "KUBE-NODE-PORT-LOCAL-UDP",
        IpvsSetKind::Port,
        "Kubernetes nodeport UDP port with externalTrafficPolicy=local"},
    IpvsSetName{
        "KUBE-NODE-PORT-SCTP-HASH",
        IpvsSetKind::IpPort,
        "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"},
    IpvsSetName{
        "KUBE-NODE-PORT-LOCAL-SCTP-HASH",
        IpvsSetKind::IpPort,
        "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"},
    IpvsSetName{
        "KUBE-HEALTH-CHECK-NODE-PORT", IpvsSetKind::Port, "Kubernetes health check node port"},
    IpvsSetName{"KUBE-IPVS-IPS", IpvsSetKind::Ip, "Virtual IPs of services"},
};

NftKeyType key_type(IpvsSetKind kind, NftType address) {
    switch (kind) {
    case IpvsSetKind::Ip:
        return {address};
    case IpvsSetKind::Port:
        return {NftType::Port};
    case IpvsSetKind::IpPort:
        return {address, NftType::Protocol, NftType::Port};
    case IpvsSetKind::IpPortIp:
        return {address, NftType::Protocol, NftType::Port, address};
    }
    return {};
}

std::uint16_t port_of(std::string_view text) {
    std::uint16_t port = 0;
    std::from_chars(text.data(), text.data() + text.size(), port);
    return port;
}

std::uint8_t protocol_of(std::string_view text) {
    return protocol_number(
        text == "tcp"   ? Protocol::Tcp
        : text == "udp" ? Protocol::Udp
                        : Protocol::Sctp);
}

/// An entry as ipset writes it: "10.96.0.1,tcp:80,10.244.1.2", "30080". It is our own text.
NftBytes key_of(std::string_view entry) {
    NftBytes key;
    for (const auto part : split(entry, ',')) {
        if (const auto address = IpAddress::parse(part)) {
            key.address(*address);
            continue;
        }
        const auto colon = part.find(':');
        if (colon != std::string_view::npos) {
            key.protocol(protocol_of(part.substr(0, colon)));
        }
        key.port(port_of(part.substr(colon == std::string_view::npos ? 0 : colon + 1)));
    }
    return key;
}

const NftKey kIpvsService{NftField::Destination, NftField::Protocol, NftField::DestinationPort};
const NftKey kIpvsServiceAndSource{
    NftField::Destination, NftField::Protocol, NftField::DestinationPort, NftField::Source};

NftStatement in_set(const char* set, const NftKey& key = kIpvsService) {
    return NftMatchSet{key, set, false};
}
NftStatement ipvs_return() {
    return NftSetVerdict{NftVerdict::Return, {}};
}
NftStatement ipvs_accept() {
    return NftSetVerdict{NftVerdict::Accept, {}};
}

NftChain ipvs_base(
    const char* name,
    const char* type,
    NftHook hook,
    int priority,
    const std::vector<const char*>& jumps) {
    NftChain chain{name, NftBase{type, hook, priority, NftVerdict::Accept}, {}};
    for (const auto* each : jumps) {
        chain.rules.push_back({{nft_jump(each)}, {}});
    }
    return chain;
}

/// Which connections are to be masqueraded, by their marks.
NftChain services_chain(Family family, const ProxyConfig& config) {
    NftChain chain{"KUBE-SERVICES", {}, {}};
    auto& rules = chain.rules;
    rules.push_back({{in_set("KUBE-LOAD-BALANCER"), nft_jump("KUBE-LOAD-BALANCER")}, {}});
    const auto* pods = config.cluster_cidr(family);
    if (config.masquerade_all) {
        rules.push_back({{in_set("KUBE-CLUSTER-IP"), nft_jump(kIpvsMarkChain)}, {}});
    } else if (pods != nullptr) {
        rules.push_back(
            {{in_set("KUBE-CLUSTER-IP"), nft_source(*pods, true), nft_jump(kIpvsMarkChain)},
             "not from a pod"});
    }
    rules.push_back({{in_set("KUBE-EXTERNAL-IP"), nft_jump(kIpvsMarkChain)}, {}});
    for (const auto* set : {"KUBE-EXTERNAL-IP", "KUBE-EXTERNAL-IP-LOCAL"}) {
        rules.push_back({{in_set(set), ipvs_accept()}, {}});
    }
    rules.push_back({{NftMatchLocal{}, nft_jump("KUBE-NODE-PORT")}, {}});
    for (const auto* set : {"KUBE-CLUSTER-IP", "KUBE-LOAD-BALANCER"}) {
        rules.push_back({{in_set(set), ipvs_accept()}, {}});
    }
    return chain;
}

NftChain node_port_chain() {
    NftChain chain{"KUBE-NODE-PORT", {}, {}};
    const NftKey port{NftField::DestinationPort};
    const auto add = [&](Protocol protocol, const char* local, const char* all, const NftKey& key) {
        const NftMatchProtocol match{protocol_number(protocol)};
        chain.rules.push_back({{match, in_set(local, key), ipvs_return()}, {}});
        chain.rules.push_back({{match, in_set(all, key), nft_jump(kIpvsMarkChain)}, {}});
    };
    add(Protocol::Tcp, "KUBE-NODE-PORT-LOCAL-TCP", "KUBE-NODE-PORT-TCP", port);
    add(Protocol::Udp, "KUBE-NODE-PORT-LOCAL-UDP", "KUBE-NODE-PORT-UDP", port);
    add(Protocol::Sctp, "KUBE-NODE-PORT-LOCAL-SCTP-HASH", "KUBE-NODE-PORT-SCTP-HASH", kIpvsService);
    return chain;
}

NftChain postrouting_chain() {
    return {
        "KUBE-POSTROUTING",
        {},
        {{{in_set("KUBE-LOOP-BACK", kIpvsServiceAndSource), NftMasquerade{false}}, {}},
         {{NftMatchMark{kMasqueradeMark, 0, false}, ipvs_return()}, {}},
         {{NftSetMark{NftSetMark::How::Xor, kMasqueradeMark}}, {}},
         {{NftMasquerade{true}}, "kubernetes service traffic requiring SNAT"}}};
}

/// A port of a service address that no Service has: nothing that listens on all addresses of the
/// node may answer (k/k#72236).
NftChain filter_chain(Family family) {
    NftChain chain{"KUBE-IPVS-FILTER", {}, {}};
    for (const auto* set :
         {"KUBE-LOAD-BALANCER", "KUBE-CLUSTER-IP", "KUBE-EXTERNAL-IP", "KUBE-EXTERNAL-IP-LOCAL"}) {
        chain.rules.push_back({{in_set(set), ipvs_return()}, {}});
    }
    chain.rules.push_back(
        {{NftMatchProtocol{protocol_number(Protocol::Tcp)},
          in_set("KUBE-HEALTH-CHECK-NODE-PORT", {NftField::DestinationPort}),
          ipvs_return()},
         {}});
    constexpr std::uint8_t kIcmp = 1;
    constexpr std::uint8_t kIcmp6 = 58;
    chain.rules.push_back(
        {{NftMatchProtocol{family == Family::V4 ? kIcmp : kIcmp6}, ipvs_return()},
         "the address is one of this node's: it answers a ping"});
    chain.rules.push_back(
        {{NftMatchCtState{nft_ct_state::kNew},
          in_set("KUBE-IPVS-IPS", {NftField::Destination}),
          NftReject{false}},
         "Kubernetes ipvs access filter"});
    return chain;
}

/// Who may use addresses of the load balancer that have source ranges.
NftChain source_ranges_chain(const IpvsState& state) {
    NftChain chain{"KUBE-SOURCE-RANGES-FIREWALL", {}, {}};
    for (const auto& [set, entry] : state.entries) {
        if (set != kSourceRangeSet) {
            continue;
        }
        const auto parts = split(entry, ','); // "1.2.3.4,tcp:80,192.0.2.0/24"
        const auto vip = IpAddress::parse(parts.at(0));
        const auto range = IpPrefix::parse(parts.at(2));
        if (!vip || !range) {
            continue;
        }
        const auto colon = parts.at(1).find(':');
        const auto port = port_of(parts.at(1).substr(colon + 1));
        chain.rules.push_back(
            {{NftMatchAddress{NftMatchAddress::Field::Destination, IpPrefix::host(*vip), false},
              NftMatchProtocol{protocol_of(parts.at(1).substr(0, colon))},
              NftMatchPort{NftMatchPort::Side::Destination, port, port},
              nft_source(*range),
              ipvs_return()},
             kSourceRangeSet});
    }
    chain.rules.push_back(
        {{in_set("KUBE-LOAD-BALANCER-SOURCE-IP", kIpvsServiceAndSource), ipvs_return()}, {}});
    chain.rules.push_back({{NftSetVerdict{NftVerdict::Drop, {}}}, {}});
    return chain;
}

std::vector<NftChain>
ipvs_chains(const IpvsState& state, Family family, const ProxyConfig& config) {
    return {
        ipvs_base(
            "nat-prerouting", "nat", NftHook::Prerouting, kIpvsPriorityDnat, {"KUBE-SERVICES"}),
        ipvs_base("nat-output", "nat", NftHook::Output, kIpvsPriorityDnat, {"KUBE-SERVICES"}),
        ipvs_base(
            "nat-postrouting",
            "nat",
            NftHook::Postrouting,
            kIpvsPrioritySnat,
            {"KUBE-POSTROUTING"}),
        ipvs_base(
            "filter-input",
            "filter",
            NftHook::Input,
            kIpvsPriorityFilter,
            {"KUBE-PROXY-FIREWALL", "KUBE-IPVS-FILTER"}),
        ipvs_base(
            "filter-forward",
            "filter",
            NftHook::Forward,
            kIpvsPriorityFilter,
            {"KUBE-PROXY-FIREWALL"}),
        services_chain(family, config),
        {"KUBE-LOAD-BALANCER",
         {},
         {{{in_set("KUBE-LOAD-BALANCER-LOCAL"), ipvs_return()}, {}},
          {{nft_jump(kIpvsMarkChain)}, {}}}},
        node_port_chain(),
        {kIpvsMarkChain, {}, {{{NftSetMark{NftSetMark::How::Or, kMasqueradeMark}}, {}}}},
        postrouting_chain(),
        {"KUBE-PROXY-FIREWALL",
         {},
         {{{in_set("KUBE-LOAD-BALANCER-FW"), nft_jump("KUBE-SOURCE-RANGES-FIREWALL")}, {}}}},
        source_ranges_chain(state),
        filter_chain(family),
    };
}

} // namespace

NftTable ipvs_table(const IpvsState& state, Family family, const ProxyConfig& config) {
    NftTable table;
    table.family = nft_family(family);
    table.name = kNftProxyTable;
    table.chains = ipvs_chains(state, family, config);
    std::map<std::string_view, NftSet*> sets;
    table.sets.reserve(kIpvsSets.size());
    for (const auto& each : kIpvsSets) {
        NftSet set{each.name, key_type(each.kind, nft_address_type(family))};
        set.comment = each.comment;
        table.sets.push_back(std::move(set));
        sets[each.name] = &table.sets.back();
    }
    for (const auto& [set, entry] : state.entries) {
        if (const auto found = sets.find(set); found != sets.end()) {
            found->second->elements.push_back(nft_member(key_of(entry)));
        }
    }
    return table;
}

std::vector<VirtualServer> ipvs_servers(const IpvsState& state) {
    std::vector<VirtualServer> servers;
    servers.reserve(state.servers.size());
    for (const auto& each : state.servers) {
        VirtualServer server{
            {each.address, protocol_number(each.protocol)},
            each.scheduler,
            each.persistence_seconds,
            {}};
        for (const auto& real : each.servers) {
            server.servers.push_back({real.address, static_cast<std::uint32_t>(real.weight)});
        }
        std::sort(server.servers.begin(), server.servers.end());
        servers.push_back(std::move(server));
    }
    std::sort(servers.begin(), servers.end());
    return servers;
}

} // namespace services
