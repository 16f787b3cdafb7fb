#include "services/decision.h"

#include <algorithm>

namespace services {
namespace {

NoEndpointAnswer no_endpoint_answer(TrafficPolicy policy, const EndpointSets& sets) {
    if (!sets.has_any) {
        return NoEndpointAnswer::Reject;
    }
    const bool usable = policy == TrafficPolicy::Cluster || !sets.local.empty();
    return usable ? NoEndpointAnswer::None : NoEndpointAnswer::Drop;
}

} // namespace

PortDecision decide(const ServicePortInput& input, const ProxyNode& node) {
    PortDecision decision;
    decision.sets = categorize_endpoints(input, node.name, node.zone);
    const auto& sets = decision.sets;
    decision.internal = no_endpoint_answer(input.internal_policy, sets);
    decision.external = no_endpoint_answer(input.external_policy, sets);
    decision.cluster_chain = !sets.cluster.empty() && input.uses_cluster_endpoints();
    decision.local_chain = !sets.local.empty() && input.uses_local_endpoints();
    decision.external_chain = sets.has_any && input.externally_accessible();
    decision.restricted = !input.vips.empty() && !input.source_ranges.empty();
    return decision;
}

std::vector<IpPrefix> allowed_vip_sources(const ServicePortInput& input, const ProxyNode& node) {
    auto sources = input.source_ranges;
    const auto* own = node.primary(input.family);
    const auto holds = [&](const IpAddress& address) {
        return std::any_of(sources.begin(), sources.end(), [&](const IpPrefix& range) {
            return range.contains(address);
        });
    };
    if (own != nullptr && holds(*own)) {
        for (const auto& vip : input.vips) {
            if (!holds(vip)) {
                sources.push_back(IpPrefix::host(vip));
            }
        }
    }
    return sources;
}

bool rules_depend_on_node(const ServicePortInput& input) {
    return depends_on_node(input) || (!input.vips.empty() && !input.source_ranges.empty());
}

} // namespace services
