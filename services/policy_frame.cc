#include "services/policy_frame.h"

#include <array>

#include "services/policy_names.h"
#include "services/policy_rules.h"

namespace services {
namespace {

using namespace netemu;

constexpr std::array kFrameTiers{
    PolicyTier::Admin, PolicyTier::NetworkPolicy, PolicyTier::Baseline};
constexpr std::array kFrameDirections{PolicyDirection::Egress, PolicyDirection::Ingress};
/// Before what kube-proxy rejects and drops at 0 (NF_IP_PRI_FILTER): of chains with one priority
/// the one that was loaded last comes first. Calico's chains are before them, too.
constexpr int kEgressPriority = -1;
constexpr int kIngressPriority = 1;
constexpr std::uint8_t kNeighbourDiscoveryFirst = 133; // RFC 4861, section 4
constexpr std::uint8_t kNeighbourDiscoveryLast = 137;

NftSetVerdict accepted() {
    return {NftVerdict::Accept, {}};
}

std::string tier_chain(PolicyDirection way, PolicyTier tier) {
    return std::string(to_text(way)) + "-" + std::string(to_text(tier));
}

class FrameMaker {
public:
    FrameMaker(PolicyDirection way, const std::vector<Family>& families)
        : way_(way), families_(families) {}

    [[nodiscard]] std::vector<NftChain> chains() const {
        NftBase base;
        base.priority = way_ == PolicyDirection::Egress ? kEgressPriority : kIngressPriority;
        NftChain first{std::string(to_text(way_)), base, first_rules()};
        base.hook = NftHook::Output;
        NftChain sent_on{std::string(to_text(way_)) + "-virtual", base, first_rules()};
        sent_on.rules.insert(
            sent_on.rules.begin(),
            {{NftMatchLocal{false, NftMatchAddress::Field::Source}, accepted()},
             "what the node itself sends; the rest comes through virtual servers"});
        NftChain policies{tier_chain(way_, PolicyTier::NetworkPolicy), {}, {}};
        add_maps(PolicyTier::NetworkPolicy, policies);
        policies.rules.push_back(go_to(PolicyTier::Baseline, "no NetworkPolicy has a say"));
        NftChain baseline{tier_chain(way_, PolicyTier::Baseline), {}, {}};
        add_maps(PolicyTier::Baseline, baseline);
        // Explicit: whoever came by `goto` would fall back into the caller.
        baseline.rules.push_back({{accepted()}, "no policy has a say"});
        return {std::move(policies), std::move(baseline), std::move(first), std::move(sent_on)};
    }

private:
    [[nodiscard]] NftRule go_to(PolicyTier tier, const char* why) const {
        return {{NftSetVerdict{NftVerdict::Goto, tier_chain(way_, tier)}}, why};
    }

    /// Where this end of the connection is in the packet.
    [[nodiscard]] NftKey own(Family family) const {
        return {policy_field(way_ == PolicyDirection::Egress, family)};
    }

    void add_maps(PolicyTier tier, NftChain& chain) const {
        for (const auto family : families_) {
            chain.rules.push_back(
                {{NftVerdictMap{own(family), 0, policy_map_name(way_, tier, family)}}, ""});
        }
    }

    [[nodiscard]] std::vector<NftRule> first_rules() const {
        NftChain chain;
        auto& rules = chain.rules;
        rules.push_back(
            {{NftMatchCtState{nft_ct_state::kEstablished | nft_ct_state::kRelated}, accepted()},
             "what was allowed when it began; labctl deletes connections that are no more"});
        for (const auto family : families_) {
            if (family == Family::V6) {
                rules.push_back(
                    {{NftMatchIcmp{family, kNeighbourDiscoveryFirst, kNeighbourDiscoveryLast},
                      accepted()},
                     "neighbour discovery is never filtered"});
            }
        }
        for (const auto family : families_) {
            const NftKey both{policy_field(true, family), policy_field(false, family)};
            rules.push_back(
                {{NftMatchSet{both, self_set_name(family), false}, accepted()},
                 "a pod to itself, through a Service"});
        }
        const PolicyLogPrefix prefix{PolicyLogPrefix::Kind::Invalid, way_, {}, {}, 0};
        for (const auto family : families_) {
            NftRule rule{
                {NftMatchCtState{nft_ct_state::kInvalid},
                 NftMatchSet{own(family), policed_set_name(family), false}},
                "of no connection that is known"};
            const auto drop = policy_drop(to_text(prefix));
            rule.statements.insert(rule.statements.end(), drop.begin(), drop.end());
            rules.push_back(std::move(rule));
        }
        add_maps(PolicyTier::Admin, chain);
        rules.push_back(go_to(PolicyTier::NetworkPolicy, "no admin policy decides"));
        return rules;
    }

    PolicyDirection way_;
    const std::vector<Family>& families_;
};

} // namespace

std::string policy_map_name(PolicyDirection way, PolicyTier tier, Family family) {
    return policy_set_name(tier_chain(way, tier) + "-pods", family);
}

std::string policed_set_name(Family family) {
    return policy_set_name("policed-pods", family);
}

std::string self_set_name(Family family) {
    return policy_set_name("to-itself", family);
}

NftTable policy_frame(const std::vector<Family>& families) {
    NftTable table{NftFamily::Inet, std::string(kPolicyTable), {}};
    for (const auto way : kFrameDirections) {
        for (auto& chain : FrameMaker(way, families).chains()) {
            table.chains.push_back(std::move(chain));
        }
    }
    for (const auto family : families) {
        const auto type = policy_type(family);
        table.sets.push_back({policed_set_name(family), {type}});
        table.sets.push_back({self_set_name(family), {type, type}});
        for (const auto way : kFrameDirections) {
            for (const auto tier : kFrameTiers) {
                NftSet map{policy_map_name(way, tier, family), {type}};
                map.verdicts = true;
                table.sets.push_back(std::move(map));
            }
        }
    }
    return table;
}

} // namespace services
