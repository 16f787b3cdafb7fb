#include "services/topology.h"

#include <algorithm>

namespace services {
namespace {

bool lists(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool serving_terminating(const Endpoint& endpoint) {
    return !endpoint.ready && endpoint.serving && endpoint.terminating;
}

bool before(const ProxyEndpoint& left, const ProxyEndpoint& right) {
    return std::tie(left.endpoint.address, left.port) <
           std::tie(right.endpoint.address, right.port);
}

bool same_target(const ProxyEndpoint& left, const ProxyEndpoint& right) {
    return left.port == right.port && left.endpoint.address == right.endpoint.address;
}

/// All or nothing: one ready endpoint without a hint switches the hints off (2.11).
template <typename Hints>
bool all_hinted_one_here(const ServicePortInput& input, Hints hints, std::string_view here) {
    bool one_here = false;
    for (const auto& [endpoint, port] : input.endpoints) {
        if (endpoint.ready) {
            const auto& names = hints(endpoint.hints);
            if (names.empty()) {
                return false;
            }
            one_here = one_here || lists(names, here);
        }
    }
    return one_here;
}

TopologyMode
topology_mode(const ServicePortInput& input, std::string_view node, std::string_view zone) {
    const auto nodes = [](const EndpointHints& h) -> const auto& {
        return h.nodes;
    };
    const auto zones = [](const EndpointHints& h) -> const auto& {
        return h.zones;
    };
    if (!node.empty() && all_hinted_one_here(input, nodes, node)) {
        return TopologyMode::SameNode;
    }
    if (!zone.empty() && all_hinted_one_here(input, zones, zone)) {
        return TopologyMode::SameZone;
    }
    return TopologyMode::None;
}

bool suits(
    const Endpoint& endpoint, TopologyMode mode, std::string_view node, std::string_view zone) {
    switch (mode) {
    case TopologyMode::SameNode:
        return lists(endpoint.hints.nodes, node);
    case TopologyMode::SameZone:
        return lists(endpoint.hints.zones, zone);
    case TopologyMode::None:
        return true;
    }
    return true;
}

template <typename Condition>
std::vector<const ProxyEndpoint*> pick(const ServicePortInput& input, Condition condition) {
    std::vector<const ProxyEndpoint*> picked;
    for (const auto& candidate : input.endpoints) {
        if (condition(candidate.endpoint)) {
            picked.push_back(&candidate);
        }
    }
    return picked;
}

void fill_cluster(
    const ServicePortInput& input,
    std::string_view node,
    std::string_view zone,
    EndpointSets& sets) {
    sets.mode = topology_mode(input, node, zone);
    sets.cluster = pick(input, [&](const Endpoint& endpoint) {
        return endpoint.ready && suits(endpoint, sets.mode, node, zone);
    });
    if (sets.cluster.empty()) {
        sets.cluster = pick(input, serving_terminating);
        sets.cluster_terminating = !sets.cluster.empty();
    }
    sets.has_any = !sets.cluster.empty();
}

void fill_local(const ServicePortInput& input, std::string_view node, EndpointSets& sets) {
    const auto here = [&](const Endpoint& endpoint) {
        return !node.empty() && endpoint.node == node;
    };
    sets.local = pick(input, [&](const Endpoint& e) { return e.ready && here(e); });
    if (sets.local.empty()) {
        sets.local =
            pick(input, [&](const Endpoint& e) { return serving_terminating(e) && here(e); });
        sets.local_terminating = !sets.local.empty();
    }
    sets.has_any = std::any_of(input.endpoints.begin(), input.endpoints.end(), [](const auto& e) {
        return e.endpoint.ready || serving_terminating(e.endpoint);
    });
}

} // namespace

std::vector<ProxyEndpoint> merge_endpoints(
    std::span<const EndpointSlice* const> slices, const ServicePort& port, Family family) {
    std::vector<std::pair<const EndpointSlice*, std::uint16_t>> found;
    std::size_t count = 0;
    for (const auto* slice : slices) {
        if (slice->family != family) {
            continue;
        }
        for (const auto& slice_port : slice->ports) {
            if (slice_port.name == port.name && slice_port.protocol == port.protocol &&
                slice_port.port.value_or(0) != 0) {
                found.emplace_back(slice, *slice_port.port);
                count += slice->endpoints.size();
            }
        }
    }
    std::vector<ProxyEndpoint> merged; // kept for as long as the Service is there: no byte more
    merged.reserve(count);
    for (const auto& [slice, number] : found) {
        for (const auto& endpoint : slice->endpoints) {
            merged.push_back({endpoint, number});
        }
    }
    std::stable_sort(merged.begin(), merged.end(), [](const auto& left, const auto& right) {
        if (!same_target(left, right)) {
            return before(left, right);
        }
        return !left.endpoint.node.empty() && right.endpoint.node.empty();
    });
    merged.erase(std::unique(merged.begin(), merged.end(), same_target), merged.end());
    return merged;
}

std::vector<const ProxyEndpoint*> EndpointSets::reachable() const {
    std::vector<const ProxyEndpoint*> all;
    // Both are in the order of one array, so their addresses are in order too.
    std::set_union(
        cluster.begin(),
        cluster.end(),
        local.begin(),
        local.end(),
        std::back_inserter(all),
        std::less<>{});
    return all;
}

EndpointSets
categorize_endpoints(const ServicePortInput& input, std::string_view node, std::string_view zone) {
    EndpointSets sets;
    if (input.uses_cluster_endpoints()) {
        fill_cluster(input, node, zone, sets);
    }
    if (input.uses_local_endpoints()) {
        fill_local(input, node, sets);
    }
    return sets;
}

bool depends_on_node(const ServicePortInput& input) {
    const auto hinted = [](const ProxyEndpoint& candidate) {
        return !(candidate.endpoint.hints == EndpointHints{});
    };
    return input.uses_local_endpoints() ||
           std::any_of(input.endpoints.begin(), input.endpoints.end(), hinted);
}

} // namespace services
