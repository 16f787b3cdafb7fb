#include "services/nftables_scale.h"

#include "services/nftables_names.h"
#include "services/nftables_parts.h"

namespace services {
namespace {

using namespace netemu;

constexpr std::string_view kScaleEndpoints = "service-endpoints";
constexpr std::string_view kScaleNodePortEndpoints = "nodeport-endpoints";
constexpr std::string_view kScaleHairpins = "hairpin-pairs";

std::string count_chain(std::string_view prefix, std::size_t count) {
    return std::string{prefix} + std::to_string(count);
}

/// Whether a choice among the endpoints of the cluster set is all that it takes.
bool flat(const ServicePortInput& input, const PortDecision& decision) {
    return input.affinity_seconds == 0 && !input.uses_local_endpoints() && decision.cluster_chain &&
           decision.sets.cluster.size() <= kScaleEndpointsMax;
}

void add_flat_endpoints(
    const ServicePortInput& input, const PortDecision& decision, NftCollector& collector) {
    const auto protocol = protocol_number(input.name.protocol);
    const auto comment = nft_comment(input.name);
    std::vector<IpAddress> addresses{input.cluster_ip};
    addresses.insert(addresses.end(), input.external_ips.begin(), input.external_ips.end());
    addresses.insert(addresses.end(), input.vips.begin(), input.vips.end());
    std::uint32_t number = 0;
    for (const auto* endpoint : decision.sets.cluster) {
        const auto target = NftBytes().address(endpoint->endpoint.address).port(endpoint->port);
        for (const auto& address : addresses) {
            const auto key =
                NftBytes().number(number).address(address).protocol(protocol).port(input.port);
            collector.add(kScaleEndpoints, nft_data(key, target, comment));
        }
        if (input.node_port != 0) {
            const auto key = NftBytes().number(number).protocol(protocol).port(input.node_port);
            collector.add(kScaleNodePortEndpoints, nft_data(key, target, comment));
        }
        ++number;
    }
}

NftSet
data_map(std::string_view name, const NftKeyType& key, NftType address, const char* comment) {
    NftSet map{std::string{name}, key};
    map.data = {address, NftType::Port};
    map.comment = comment;
    return map;
}

/// Sources that are no pods are masqueraded for all cluster IPs at once.
std::optional<NftRule> internal_masquerade(Family family, const ProxyConfig& config) {
    const NftMatchSet to_cluster_ip{{NftField::Destination}, std::string{kNftClusterIps}, false};
    if (config.masquerade_all) {
        return NftRule{{to_cluster_ip, nft_jump(kNftMarkChain)}, "masquerade all"};
    }
    if (const auto* pods = config.cluster_cidr(family)) {
        return NftRule{
            {to_cluster_ip, nft_source(*pods, true), nft_jump(kNftMarkChain)},
            "masquerade what comes from no pod"};
    }
    return std::nullopt;
}

} // namespace

NftLayout choose_nft_layout(std::size_t service_ports) {
    return service_ports > kReadableServicePortsMax ? NftLayout::Scale : NftLayout::Readable;
}

NftTable nft_scale_table(Family family, const ProxyNode& node, const ProxyConfig& config) {
    auto table = nft_proxy_table(family, node, config);
    const auto address = nft_address_type(family);
    table.sets.push_back(data_map(
        kScaleEndpoints,
        {NftType::Number, address, NftType::Protocol, NftType::Port},
        address,
        "number of the endpoint . service address -> endpoint"));
    table.sets.push_back(data_map(
        kScaleNodePortEndpoints,
        {NftType::Number, NftType::Protocol, NftType::Port},
        address,
        "number of the endpoint . node port -> endpoint"));
    NftSet hairpins{std::string{kScaleHairpins}, {address, address}};
    hairpins.comment = "endpoints of this node that reach themselves";
    table.sets.push_back(std::move(hairpins));
    for (auto& chain : table.chains) {
        if (chain.name == "services") {
            if (auto rule = internal_masquerade(family, config)) {
                chain.rules.insert(chain.rules.begin(), std::move(*rule));
            }
        } else if (chain.name == "masquerading") {
            const NftMatchSet itself{
                {NftField::Source, NftField::Destination}, std::string{kScaleHairpins}, false};
            chain.rules.insert(
                chain.rules.begin(), NftRule{{itself, nft_jump(kNftMarkChain)}, "hairpin"});
        }
    }
    return table;
}

NftContents nft_scale_contents(
    const ServicePortInput& input, const ProxyNode& node, const ProxyConfig& config) {
    const auto decision = decide(input, node);
    if (decision.sets.has_any && !flat(input, decision)) {
        return nft_port_contents(input, node, config);
    }
    NftCollector collector;
    const auto count = decision.sets.cluster.size();
    nft_add_addresses(
        input,
        decision,
        {count_chain("dispatch-", count),
         count_chain("external-", count),
         count_chain("nodeport-", count)},
        collector);
    if (decision.restricted) {
        nft_add_firewall(input, node, collector);
    }
    if (decision.sets.has_any) {
        add_flat_endpoints(input, decision, collector);
    }
    return collector.take();
}

NftScaleNeeds nft_scale_needs(const ServicePortInput& input, const ProxyNode& node) {
    NftScaleNeeds needs;
    const auto decision = decide(input, node);
    if (!flat(input, decision)) {
        return needs;
    }
    needs.count = decision.sets.cluster.size();
    for (const auto* endpoint : decision.sets.cluster) {
        const auto& on = endpoint->endpoint.node;
        if (on.empty() || on == node.name) {
            needs.hairpins.push_back(endpoint->endpoint.address);
        }
    }
    return needs;
}

NftContents nft_scale_chains(std::size_t count) {
    const auto by_address = [](std::uint32_t modulus) {
        return NftDnatMap{
            {NftField::Random,
             NftField::Destination,
             NftField::Protocol,
             NftField::DestinationPort},
            modulus,
            std::string{kScaleEndpoints}};
    };
    const auto by_port = [](std::uint32_t modulus) {
        return NftDnatMap{
            {NftField::Random, NftField::Protocol, NftField::DestinationPort},
            modulus,
            std::string{kScaleNodePortEndpoints}};
    };
    const auto comment = "services with " + std::to_string(count) + " endpoints";
    const NftRule mark{{nft_jump(kNftMarkChain)}, comment};
    NftContents contents;
    contents.chains = {
        {count_chain("dispatch-", count), {}, {}},
        {count_chain("external-", count), {}, {mark}},
        {count_chain("nodeport-", count), {}, {mark}},
    };
    const auto translate = [&](std::uint32_t modulus, const std::string& why) {
        contents.chains[0].rules.push_back({{by_address(modulus)}, why});
        contents.chains[1].rules.push_back({{by_address(modulus)}, why});
        contents.chains[2].rules.push_back({{by_port(modulus)}, why});
    };
    translate(static_cast<std::uint32_t>(count), comment);
    if (count > 1) {
        // A packet that came here before the last endpoint went, and looks it up after that.
        translate(1, "while endpoints change");
    }
    return contents;
}

NftContents nft_scale_hairpin(const IpAddress& address) {
    NftCollector collector;
    collector.add(kScaleHairpins, nft_member(NftBytes().address(address).address(address)));
    return collector.take();
}

} // namespace services
