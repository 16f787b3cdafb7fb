#include "mesh/istio/traffic_scope.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace mesh::istio {

namespace {

template <class Object>
void sort_traffic(std::vector<Object>& objects) {
    std::stable_sort(objects.begin(), objects.end(), [](const auto& left, const auto& right) {
        return std::tie(left.created, left.name, left.ns) <
               std::tie(right.created, right.name, right.ns);
    });
}

} // namespace

void sort_by_age(std::vector<VirtualService>& services) {
    sort_traffic(services);
}

void sort_by_age(std::vector<DestinationRule>& rules) {
    sort_traffic(rules);
}

std::vector<std::uint32_t>
virtual_services_of(const std::vector<VirtualService>& services, const std::string& host) {
    std::vector<std::pair<std::size_t, std::uint32_t>> found; // how close, which
    for (std::size_t i = 0; i < services.size(); ++i) {
        std::size_t closeness = 0;
        for (const auto& pattern : services[i].hosts) {
            closeness = std::max(closeness, host_closeness(pattern, host));
        }
        if (closeness > 0 && services[i].of_mesh && !services[i].http.empty()) {
            found.emplace_back(closeness, static_cast<std::uint32_t>(i));
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
        return left.first > right.first;
    });
    std::vector<std::uint32_t> places;
    places.reserve(found.size());
    for (const auto& [closeness, place] : found) {
        places.push_back(place);
    }
    return places;
}

std::vector<DestinationRule>
destination_rules_of(const std::vector<DestinationRule>& all, const std::string& host) {
    std::map<std::string, std::vector<DestinationRule>> closest; // by namespace
    for (const auto& rule : all) {
        const auto closeness = host_closeness(rule.host, host);
        if (closeness == 0) {
            continue;
        }
        auto& best = closest[rule.ns];
        const auto before = best.empty() ? 0 : host_closeness(best.front().host, host);
        if (closeness > before) {
            best.clear();
        }
        if (closeness >= before) {
            best.push_back(rule);
        }
    }
    std::vector<DestinationRule> merged;
    merged.reserve(closest.size());
    for (const auto& [ns, rules] : closest) {
        merged.push_back(merged_rules(rules));
    }
    return merged;
}

} // namespace mesh::istio
