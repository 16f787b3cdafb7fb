#include "services/nftables_mode.h"
#include "services/nftables_names.h"
#include "services/nftables_parts.h"

namespace services {
namespace {

using namespace netemu;

constexpr int kPriorityPreDnat = -110;
constexpr int kPriorityDnat = -100;
constexpr int kPriorityFilter = 0;
constexpr int kPrioritySnat = 100;

NftChain base_chain(
    std::string name, std::string type, NftHook hook, int priority, std::vector<NftRule> rules) {
    return {
        std::move(name),
        NftBase{std::move(type), hook, priority, NftVerdict::Accept},
        std::move(rules)};
}

NftRule plain_rule(std::vector<NftStatement> statements, std::string comment = {}) {
    return {std::move(statements), std::move(comment)};
}

/// Rules are looked at for new connections only: a dying Service does not cut existing flows (3.3).
NftRule check_new(std::string_view chain) {
    return plain_rule({NftMatchCtState{nft_ct_state::kNew}, nft_jump(chain)});
}

std::vector<NftChain> base_chains() {
    const auto filter =
        [](const char* name, NftHook hook, int priority, std::vector<NftRule> rules) {
            return base_chain(name, "filter", hook, priority, std::move(rules));
        };
    const auto nat = [](const char* name, NftHook hook, int priority, const char* chain) {
        return base_chain(name, "nat", hook, priority, {plain_rule({nft_jump(chain)})});
    };
    const auto firewall = check_new("firewall-check");
    const auto services = check_new("service-endpoints-check");
    const auto node_ports = check_new("nodeport-endpoints-check");
    const auto cluster_ips = check_new("cluster-ips-check");
    return {
        filter("filter-prerouting-pre-dnat", NftHook::Prerouting, kPriorityPreDnat, {firewall}),
        filter("filter-output-pre-dnat", NftHook::Output, kPriorityPreDnat, {firewall}),
        nat("nat-prerouting", NftHook::Prerouting, kPriorityDnat, "services"),
        nat("nat-output", NftHook::Output, kPriorityDnat, "services"),
        filter("filter-input", NftHook::Input, kPriorityFilter, {node_ports, services}),
        filter("filter-forward", NftHook::Forward, kPriorityFilter, {services, cluster_ips}),
        filter("filter-output", NftHook::Output, kPriorityFilter, {services, cluster_ips}),
        nat("nat-postrouting", NftHook::Postrouting, kPrioritySnat, "masquerading"),
    };
}

const NftKey kByAddress{NftField::Destination, NftField::Protocol, NftField::DestinationPort};
const NftKey kByPort{NftField::Protocol, NftField::DestinationPort};

NftRule by_address(std::string_view map) {
    return plain_rule({NftVerdictMap{kByAddress, 0, std::string{map}}});
}

NftRule by_node_port(std::string_view map) {
    return plain_rule(
        {NftMatchSet{{NftField::Destination}, std::string{kNftNodePortIps}, false},
         NftVerdictMap{kByPort, 0, std::string{map}}});
}

NftChain cluster_ips_check(Family family, const ProxyConfig& config) {
    NftChain chain{"cluster-ips-check", {}, {}};
    chain.rules.push_back(plain_rule(
        {NftMatchSet{{NftField::Destination}, std::string{kNftClusterIps}, false},
         NftReject{false}},
        "Reject traffic to invalid ports of ClusterIPs"));
    NftMatchAddresses unallocated{NftMatchAddress::Field::Destination, false, {}};
    for (const auto& cidr : config.service_cidrs) {
        if (cidr.address.family() == family) {
            unallocated.prefixes.push_back(cidr.network());
        }
    }
    if (!unallocated.prefixes.empty()) {
        chain.rules.push_back(plain_rule(
            {std::move(unallocated), NftSetVerdict{NftVerdict::Drop, {}}},
            "Drop traffic to unallocated ClusterIPs"));
    }
    return chain;
}

std::vector<NftChain> shared_chains(Family family, const ProxyConfig& config) {
    using How = NftSetMark::How;
    return {
        {"services", {}, {by_address(kNftServiceIps), by_node_port(kNftServiceNodePorts)}},
        {"firewall-check", {}, {by_address(kNftFirewallIps)}},
        {"service-endpoints-check", {}, {by_address(kNftNoEndpointServices)}},
        {"nodeport-endpoints-check", {}, {by_node_port(kNftNoEndpointNodePorts)}},
        cluster_ips_check(family, config),
        {std::string{kNftMarkChain}, {}, {plain_rule({NftSetMark{How::Or, kMasqueradeMark}})}},
        {"masquerading",
         {},
         {plain_rule(
              {NftMatchMark{kMasqueradeMark, 0, false}, NftSetVerdict{NftVerdict::Return, {}}}),
          plain_rule({NftSetMark{How::Xor, kMasqueradeMark}}),
          plain_rule({NftMasquerade{true}})}},
        {std::string{kNftRejectChain}, {}, {plain_rule({NftReject{false}})}},
    };
}

std::vector<NftSet> shared_sets(Family family, const ProxyNode& node) {
    const auto address = nft_address_type(family);
    const NftKeyType by_address{address, NftType::Protocol, NftType::Port};
    const NftKeyType by_port{NftType::Protocol, NftType::Port};
    const auto set = [&](std::string_view name, const char* comment) {
        NftSet made{std::string{name}, {address}};
        made.comment = comment;
        return made;
    };
    const auto map = [](std::string_view name, const NftKeyType& key, const char* comment) {
        NftSet made{std::string{name}, key};
        made.verdicts = true;
        made.comment = comment;
        return made;
    };
    auto node_port_ips = set(kNftNodePortIps, "IPs that accept NodePort traffic");
    if (const auto* primary = node.primary(family)) {
        node_port_ips.elements.push_back(nft_member(NftBytes().address(*primary)));
    }
    return {
        set(kNftClusterIps, "Active ClusterIPs"),
        node_port_ips,
        map(kNftServiceIps, by_address, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        map(kNftServiceNodePorts, by_port, "NodePort traffic"),
        map(kNftNoEndpointServices, by_address, "drop or reject: services with no endpoints"),
        map(kNftNoEndpointNodePorts, by_port, "drop or reject: node ports with no endpoints"),
        map(kNftFirewallIps, by_address, "destinations with loadBalancerSourceRanges"),
    };
}

} // namespace

NftTable nft_proxy_table(Family family, const ProxyNode& node, const ProxyConfig& config) {
    NftTable table;
    table.family = nft_family(family);
    table.name = kNftProxyTable;
    table.chains = base_chains();
    for (auto& chain : shared_chains(family, config)) {
        table.chains.push_back(std::move(chain));
    }
    table.sets = shared_sets(family, node);
    return table;
}

} // namespace services
