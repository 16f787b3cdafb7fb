#include "services/nftables_parts.h"

#include <algorithm>

#include "services/nftables_names.h"

namespace services {

using namespace netemu;

NftType nft_address_type(Family family) {
    return family == Family::V4 ? NftType::Ipv4 : NftType::Ipv6;
}

NftStatement nft_jump(std::string_view chain) {
    return NftSetVerdict{NftVerdict::Jump, std::string{chain}};
}

NftStatement nft_goto(std::string_view chain) {
    return NftSetVerdict{NftVerdict::Goto, std::string{chain}};
}

NftStatement nft_source(const IpPrefix& range, bool negate) {
    return NftMatchAddress{NftMatchAddress::Field::Source, range, negate};
}

NftBytes nft_address_key(const IpAddress& address, Protocol protocol, std::uint16_t port) {
    return NftBytes().address(address).protocol(protocol_number(protocol)).port(port);
}

NftBytes nft_port_key(Protocol protocol, std::uint16_t port) {
    return NftBytes().protocol(protocol_number(protocol)).port(port);
}

void NftCollector::add(std::string_view set, NftElement element) {
    auto& lists = contents.elements;
    auto found =
        std::find_if(lists.begin(), lists.end(), [&](const auto& l) { return l.set == set; });
    if (found == lists.end()) {
        found = lists.insert(lists.end(), {std::string{set}, {}});
    }
    found->elements.push_back(std::move(element));
}

NftContents NftCollector::take() {
    for (auto& list : contents.elements) { // a table keeps them
        list.elements.shrink_to_fit();
    }
    contents.elements.shrink_to_fit();
    return std::move(contents);
}

namespace {

/// Adds the entries of one address or node port: the chain that it leads to, and the answer if
/// nothing can be reached.
class NftEntries {
public:
    NftEntries(const ServicePortInput& input, NftCollector& collector)
        : comment_(nft_comment(input.name)), collector_(collector) {}

    void lead(std::string_view map, const NftBytes& key, const std::string& chain) {
        collector_.add(map, nft_verdict(key, NftVerdict::Goto, chain, comment_));
    }
    void refuse(std::string_view map, const NftBytes& key, NoEndpointAnswer answer) {
        if (answer == NoEndpointAnswer::Reject) {
            lead(map, key, std::string{kNftRejectChain});
        } else if (answer == NoEndpointAnswer::Drop) {
            collector_.add(map, nft_verdict(key, NftVerdict::Drop, {}, comment_));
        }
    }

private:
    std::string comment_;
    NftCollector& collector_;
};

} // namespace

void nft_add_addresses(
    const ServicePortInput& input,
    const PortDecision& decision,
    const NftEntryChains& chains,
    NftCollector& collector) {
    NftEntries entries{input, collector};
    const auto key = [&](const IpAddress& address) {
        return nft_address_key(address, input.name.protocol, input.port);
    };
    if (input.owns_cluster_ip) {
        collector.add(
            kNftClusterIps,
            nft_member(
                NftBytes().address(input.cluster_ip),
                input.name.name_space + "/" + input.name.name));
    }
    if (decision.internal_works()) {
        entries.lead(kNftServiceIps, key(input.cluster_ip), chains.internal);
    }
    entries.refuse(kNftNoEndpointServices, key(input.cluster_ip), decision.internal);
    for (const auto* addresses : {&input.external_ips, &input.vips}) {
        for (const auto& address : *addresses) {
            if (decision.external_chain) {
                entries.lead(kNftServiceIps, key(address), chains.external);
            }
            entries.refuse(kNftNoEndpointServices, key(address), decision.external);
        }
    }
    if (input.node_port != 0) {
        const auto port = nft_port_key(input.name.protocol, input.node_port);
        if (decision.external_chain) {
            const auto& chain = chains.node_port.empty() ? chains.external : chains.node_port;
            entries.lead(kNftServiceNodePorts, port, chain);
        }
        entries.refuse(kNftNoEndpointNodePorts, port, decision.external);
    }
}

void nft_add_firewall(
    const ServicePortInput& input, const ProxyNode& node, NftCollector& collector) {
    const auto name = nft_port_chain("firewall-", input.name);
    const NftMatchAddresses others{
        NftMatchAddress::Field::Source, true, allowed_vip_sources(input, node)};
    NftChain chain{name, {}, {}};
    chain.rules.push_back(
        {{others, NftSetVerdict{NftVerdict::Drop, {}}},
         nft_comment(input.name, "only loadBalancerSourceRanges")});
    collector.contents.chains.push_back(std::move(chain));
    for (const auto& vip : input.vips) {
        collector.add(
            kNftFirewallIps,
            nft_verdict(
                nft_address_key(vip, input.name.protocol, input.port),
                NftVerdict::Goto,
                name,
                nft_comment(input.name)));
    }
}

} // namespace services
