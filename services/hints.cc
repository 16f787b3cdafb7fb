#include "services/hints.h"

#include <algorithm>
#include <cmath>

namespace services {

namespace {

constexpr double kOverloadLimit = 0.2;

struct ZoneShare {
    std::string zone;
    double desired = 0;
    std::size_t target = 0;
    std::size_t have = 0;
};

/// Whole numbers that sum up to `count`, each the nearest to its share that leaves the sum right.
bool set_targets(std::vector<ZoneShare>& shares, std::size_t count) {
    std::size_t sum = 0;
    for (auto& share : shares) {
        share.target = static_cast<std::size_t>(std::ceil(share.desired / (1 + kOverloadLimit)));
        sum += share.target;
    }
    if (sum > count) {
        return false;
    }
    for (; sum < count; ++sum) {
        const auto neediest = std::max_element(
            shares.begin(), shares.end(), [](const ZoneShare& left, const ZoneShare& right) {
                return left.desired - static_cast<double>(left.target) <
                       right.desired - static_cast<double>(right.target);
            });
        ++neediest->target;
    }
    return true;
}

ZoneShare* short_of(std::vector<ZoneShare>& shares, const std::string& zone) {
    const auto found = std::find_if(shares.begin(), shares.end(), [&](const ZoneShare& share) {
        return share.zone == zone && share.have < share.target;
    });
    return found == shares.end() ? nullptr : &*found;
}

void clear_hints(std::span<Endpoint* const> endpoints) {
    for (auto* endpoint : endpoints) {
        endpoint->hints = {};
    }
}

/// Gives each endpoint a zone: its own, then the one that it served before, then any that is short.
void assign(std::vector<Endpoint*> ready, std::vector<ZoneShare>& shares) {
    const auto give = [&](const auto& zone_of) {
        std::erase_if(ready, [&](Endpoint* endpoint) {
            auto* share = short_of(shares, zone_of(*endpoint));
            if (share != nullptr) {
                ++share->have;
                endpoint->hints = {{share->zone}, {}};
            }
            return share != nullptr;
        });
    };
    const auto old_zone = [](const Endpoint& endpoint) {
        return endpoint.hints.zones.size() == 1 ? endpoint.hints.zones.front() : std::string{};
    };
    give([&](const Endpoint& endpoint) { // those that move back and forth between syncs would
        return old_zone(endpoint) == endpoint.zone ? endpoint.zone : std::string{}; // churn
    });
    give(old_zone);
    give([](const Endpoint& endpoint) { return endpoint.zone; });
    for (auto* endpoint : ready) {
        const auto needy = std::find_if(shares.begin(), shares.end(), [](const ZoneShare& share) {
            return share.have < share.target;
        });
        ++needy->have;
        endpoint->hints = {{needy->zone}, {}};
    }
}

} // namespace

TrafficDistribution parse_traffic_distribution(std::string_view text) {
    if (text == "PreferSameZone" || text == "PreferClose") {
        return TrafficDistribution::PreferSameZone;
    }
    return text == "PreferSameNode" ? TrafficDistribution::PreferSameNode
                                    : TrafficDistribution::None;
}

void set_distribution_hints(
    std::span<Endpoint* const> endpoints, TrafficDistribution distribution) {
    for (auto* endpoint : endpoints) {
        endpoint->hints = {};
        if (!endpoint->ready || distribution == TrafficDistribution::None) {
            continue;
        }
        if (!endpoint->zone.empty()) {
            endpoint->hints.zones = {endpoint->zone};
        }
        if (distribution == TrafficDistribution::PreferSameNode && !endpoint->node.empty()) {
            endpoint->hints.nodes = {endpoint->node};
        }
    }
}

std::string_view to_text(TopologyRefusal refusal) {
    switch (refusal) {
    case TopologyRefusal::None:
        return "";
    case TopologyRefusal::InsufficientNodeInfo:
        return "Insufficient Node information: allocatable CPU or zone not specified on one or "
               "more nodes";
    case TopologyRefusal::InsufficientEndpoints:
        return "Insufficient number of endpoints";
    case TopologyRefusal::NoZone:
        return "One or more endpoints do not have a zone specified";
    case TopologyRefusal::Overload:
        return "Minimum allocation required by each zone is greater than total number of "
               "endpoints";
    }
    return "";
}

TopologyRefusal set_proportional_hints(
    std::span<Endpoint* const> endpoints, const std::map<std::string, double>& cpu_by_zone) {
    std::vector<Endpoint*> ready;
    std::copy_if(endpoints.begin(), endpoints.end(), std::back_inserter(ready), [](Endpoint* e) {
        return e->ready;
    });
    auto refusal = TopologyRefusal::None;
    std::vector<ZoneShare> shares;
    shares.reserve(cpu_by_zone.size());
    double total = 0;
    for (const auto& [zone, cpu] : cpu_by_zone) {
        total += cpu;
    }
    for (const auto& [zone, cpu] : cpu_by_zone) {
        shares.push_back({zone, cpu / total * static_cast<double>(ready.size()), 0, 0});
    }
    if (shares.size() < 2) {
        refusal = TopologyRefusal::InsufficientNodeInfo;
    } else if (ready.size() < shares.size()) {
        refusal = TopologyRefusal::InsufficientEndpoints;
    } else if (std::any_of(ready.begin(), ready.end(), [](const Endpoint* endpoint) {
                   return endpoint->zone.empty();
               })) {
        refusal = TopologyRefusal::NoZone;
    } else if (!set_targets(shares, ready.size())) {
        refusal = TopologyRefusal::Overload;
    }
    if (refusal != TopologyRefusal::None) {
        clear_hints(endpoints);
        return refusal;
    }
    for (auto* endpoint : endpoints) {
        if (!endpoint->ready) {
            endpoint->hints = {};
        }
    }
    assign(std::move(ready), shares);
    return refusal;
}

} // namespace services
