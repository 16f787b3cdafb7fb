#pragma once

#include <random>
#include <string>

#include "services/policy_cluster.h"

namespace services::test {

/// Random policies that speak of the pods and labels of a cluster: of all tiers, with every kind of
/// peer and port, few enough of each that they meet.
class RandomPolicies {
public:
    explicit RandomPolicies(unsigned seed) : random_(seed) {}

    /// A policy whose name is one of a few, so that it may replace another.
    [[nodiscard]] Policy policy(const PolicyCluster& cluster);
    /// The cluster with some of its policies, labels, pods and namespaces changed.
    void change(PolicyCluster& cluster);

    [[nodiscard]] unsigned below(unsigned limit) {
        return static_cast<unsigned>(random_() % limit);
    }
    [[nodiscard]] bool one_in(unsigned limit) { return below(limit) == 0; }

private:
    [[nodiscard]] LabelSelector selector(const char* key);
    [[nodiscard]] PodSelection pods(const std::string& ns);
    [[nodiscard]] PolicyPeer peer(const std::string& ns, const PolicyCluster& cluster);
    [[nodiscard]] AddressBlock block(const PolicyCluster& cluster);
    [[nodiscard]] PolicyPort port();
    [[nodiscard]] PolicyRule rule(const Policy& policy, const PolicyCluster& cluster);
    [[nodiscard]] std::optional<std::vector<PolicyRule>>
    rules(const Policy& policy, const PolicyCluster& cluster);

    std::mt19937 random_;
};

} // namespace services::test
