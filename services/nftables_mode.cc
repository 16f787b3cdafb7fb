#include "services/nftables_mode.h"

#include "services/decision.h"
#include "services/nftables_names.h"
#include "services/nftables_parts.h"

namespace services {
namespace {

using namespace netemu;

/// Writes the part of one service port.
class NftPortWriter {
public:
    NftPortWriter(const ServicePortInput& input, const ProxyNode& node, const ProxyConfig& config)
        : input_(input), node_(node), config_(config), decision_(decide(input, node)),
          service_(nft_port_chain("service-", input.name)),
          local_(nft_port_chain("local-", input.name)),
          external_(nft_port_chain("external-", input.name)) {}

    NftContents write() {
        nft_add_addresses(
            input_, decision_, {policy_chain(input_.internal_policy), external_}, collector_);
        if (decision_.restricted) {
            nft_add_firewall(input_, node_, collector_);
        }
        if (decision_.external_chain) {
            write_external_chain();
        }
        if (decision_.cluster_chain) {
            write_balancing(service_, decision_.sets.cluster, TrafficPolicy::Cluster);
        }
        if (decision_.local_chain) {
            write_balancing(local_, decision_.sets.local, TrafficPolicy::Local);
        }
        for (const auto* endpoint : decision_.sets.reachable()) {
            write_endpoint(*endpoint);
        }
        return collector_.take();
    }

private:
    [[nodiscard]] const std::string& policy_chain(TrafficPolicy policy) const {
        return policy == TrafficPolicy::Local ? local_ : service_;
    }
    [[nodiscard]] NftRule
    rule(std::vector<NftStatement> statements, std::string_view purpose = {}) const {
        return {std::move(statements), nft_comment(input_.name, purpose)};
    }

    void write_external_chain() {
        NftChain chain{external_, {}, {}};
        if (input_.external_policy == TrafficPolicy::Cluster) {
            chain.rules.push_back(rule({nft_jump(kNftMarkChain)}, "masquerade external traffic"));
        } else {
            if (const auto* pods = config_.cluster_cidr(input_.family)) {
                chain.rules.push_back(
                    rule({nft_source(*pods), nft_goto(service_)}, "short-circuit pod traffic"));
            }
            const NftMatchLocal from_node{false, NftMatchAddress::Field::Source};
            chain.rules.push_back(
                rule({from_node, nft_jump(kNftMarkChain)}, "masquerade local traffic"));
            chain.rules.push_back(
                rule({from_node, nft_goto(service_)}, "short-circuit local traffic"));
        }
        if (decision_.external_works()) {
            chain.rules.push_back(rule({nft_goto(policy_chain(input_.external_policy))}));
        }
        collector_.contents.chains.push_back(std::move(chain));
    }

    /// Off-cluster sources of the cluster IP are masqueraded, as the answer must come back this
    /// way.
    void add_internal_masquerade(NftChain& chain) const {
        const auto* pods = config_.cluster_cidr(input_.family);
        const NftMatchAddress to_cluster_ip{
            NftMatchAddress::Field::Destination, IpPrefix::host(input_.cluster_ip), false};
        if (config_.masquerade_all) {
            chain.rules.push_back(rule({to_cluster_ip, nft_jump(kNftMarkChain)}, "masquerade all"));
        } else if (pods != nullptr) {
            chain.rules.push_back(rule(
                {to_cluster_ip, nft_source(*pods, true), nft_jump(kNftMarkChain)},
                "masquerade what comes from no pod"));
        }
    }

    void write_balancing(
        const std::string& name,
        const std::vector<const ProxyEndpoint*>& endpoints,
        TrafficPolicy policy) {
        NftChain chain{name, {}, {}};
        if (decision_.internal_works() && input_.internal_policy == policy) {
            add_internal_masquerade(chain);
        }
        NftRandomGoto choice;
        for (const auto* endpoint : endpoints) {
            choice.chains.push_back(nft_endpoint_chain("endpoint-", input_.name, *endpoint));
            if (input_.affinity_seconds != 0) {
                const auto set = nft_endpoint_chain("affinity-", input_.name, *endpoint);
                chain.rules.push_back(rule(
                    {NftMatchSet{{NftField::Source}, set, false}, nft_goto(choice.chains.back())},
                    "stay with the endpoint"));
            }
        }
        const auto first = choice.chains.front();
        const bool several = choice.chains.size() > 1;
        chain.rules.push_back(rule({std::move(choice)}));
        if (several) {
            // A packet that is in this chain while another generation of it comes into force finds
            // the elements of the old map gone (kernel nft_mapelem_deactivate). kube-proxy lets
            // it fall through, to be refused.
            chain.rules.push_back(rule({nft_goto(first)}, "while endpoints change"));
        }
        collector_.contents.chains.push_back(std::move(chain));
    }

    void write_endpoint(const ProxyEndpoint& endpoint) {
        const auto& address = endpoint.endpoint.address;
        NftChain chain{nft_endpoint_chain("endpoint-", input_.name, endpoint), {}, {}};
        chain.rules.push_back(
            rule({nft_source(IpPrefix::host(address)), nft_jump(kNftMarkChain)}, "hairpin"));
        if (input_.affinity_seconds != 0) {
            NftSet affinity;
            affinity.name = nft_endpoint_chain("affinity-", input_.name, endpoint);
            affinity.key = {nft_address_type(input_.family)};
            affinity.dynamic = true;
            affinity.timeout_seconds = input_.affinity_seconds;
            affinity.size = kNftAffinityClientsMax;
            affinity.comment = nft_comment(input_.name);
            chain.rules.push_back(
                rule({NftUpdateSet{affinity.name, {NftField::Source}, 0}}, "remember the client"));
            collector_.contents.sets.push_back(std::move(affinity));
        }
        chain.rules.push_back(rule(
            {NftMatchProtocol{protocol_number(input_.name.protocol), false},
             NftDnat{address, endpoint.port}}));
        collector_.contents.chains.push_back(std::move(chain));
    }

    const ServicePortInput& input_;
    const ProxyNode& node_;
    const ProxyConfig& config_;
    PortDecision decision_;
    std::string service_;
    std::string local_;
    std::string external_;
    NftCollector collector_;
};

} // namespace

netemu::NftContents
nft_port_contents(const ServicePortInput& input, const ProxyNode& node, const ProxyConfig& config) {
    return NftPortWriter{input, node, config}.write();
}

} // namespace services
