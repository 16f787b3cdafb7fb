#include "tests/support/policy_random.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace services::test {
namespace {

constexpr std::array kRandomLabels{"a", "b", "c"};
constexpr std::array kRandomPorts{80, 81, 8080};
constexpr std::array kRandomProtocols{Protocol::Tcp, Protocol::Udp, Protocol::Sctp};

template <class List>
auto any_of_list(RandomPolicies& random, const List& list) {
    return *std::next(list.begin(), random.below(static_cast<unsigned>(list.size())));
}

} // namespace

LabelSelector RandomPolicies::selector(const char* key) {
    if (one_in(4)) {
        return {};
    }
    using Operator = LabelRequirement::Operator;
    LabelRequirement requirement{key, Operator::In, {any_of_list(*this, kRandomLabels)}};
    if (one_in(4)) {
        requirement.op = Operator::NotIn;
    } else if (one_in(6)) {
        requirement.op = one_in(2) ? Operator::Exists : Operator::DoesNotExist;
        requirement.values.clear();
    }
    return {{std::move(requirement)}};
}

PodSelection RandomPolicies::pods(const std::string& ns) {
    if (!ns.empty() && one_in(2)) {
        return {ns, {}, selector("pod")};
    }
    return {"", selector("team"), selector("pod")};
}

AddressBlock RandomPolicies::block(const PolicyCluster& cluster) {
    const auto& address = any_of_list(*this, any_of_list(*this, cluster.pods).second.ips);
    const unsigned bits = address.bits();
    const auto length = static_cast<std::uint8_t>(bits - below(12));
    AddressBlock made{IpPrefix{address, length}.network(), {}};
    for (unsigned i = 0; length < bits && i < below(3); ++i) {
        const auto inside = made.cidr.address.plus(below(1U << std::min(bits - length, 11U)));
        const auto longer = static_cast<std::uint8_t>(length + 1 + below(bits - length));
        made.except.push_back(IpPrefix{inside, longer}.network());
    }
    return made;
}

PolicyPeer RandomPolicies::peer(const std::string& ns, const PolicyCluster& cluster) {
    switch (below(6)) {
    case 0:
    case 1:
        return block(cluster);
    case 2:
        return NodeSelection{selector("zone")};
    default:
        return pods(ns);
    }
}

PolicyPort RandomPolicies::port() {
    PolicyPort made;
    made.protocol = kRandomProtocols.at(below(5) / 2);
    switch (below(5)) {
    case 0:
        break; // the whole protocol
    case 1:
        made.first = 80;
        made.last = static_cast<std::uint16_t>(80 + below(3));
        break;
    case 2:
        made.name = one_in(2) ? "web" : "alt";
        if (one_in(4)) {
            made.protocol = std::nullopt;
        }
        break;
    default:
        made.first = static_cast<std::uint16_t>(any_of_list(*this, kRandomPorts));
        made.last = made.first;
    }
    return made;
}

PolicyRule RandomPolicies::rule(const Policy& policy, const PolicyCluster& cluster) {
    PolicyRule made;
    if (policy.tier != PolicyTier::NetworkPolicy) {
        made.action = static_cast<PolicyAction>(below(3));
    }
    if (!one_in(5)) {
        made.peers.emplace();
        for (unsigned i = below(4); i > 0; --i) {
            made.peers->push_back(peer(policy.ns, cluster));
        }
    }
    if (!one_in(3)) {
        made.ports.emplace();
        for (unsigned i = below(4); i > 0; --i) {
            made.ports->push_back(port());
        }
    }
    return made;
}

std::optional<std::vector<PolicyRule>>
RandomPolicies::rules(const Policy& policy, const PolicyCluster& cluster) {
    if (one_in(3)) {
        return std::nullopt;
    }
    std::vector<PolicyRule> made;
    for (unsigned i = below(4); i > 0; --i) {
        made.push_back(rule(policy, cluster));
    }
    return made;
}

Policy RandomPolicies::policy(const PolicyCluster& cluster) {
    Policy made;
    made.name = "p" + std::to_string(below(4));
    if (one_in(3)) {
        made.tier = one_in(2) ? PolicyTier::Admin : PolicyTier::Baseline;
        made.kind = "ClusterNetworkPolicy";
        made.name = (made.tier == PolicyTier::Admin ? "admin-" : "baseline-") + made.name;
        made.priority = static_cast<int>(below(3));
        made.subject = pods("");
    } else {
        made.ns = any_of_list(*this, cluster.namespaces).first;
        made.subject = {made.ns, {}, selector("pod")};
    }
    made.ingress = rules(made, cluster);
    made.egress = rules(made, cluster);
    return made;
}

void RandomPolicies::change(PolicyCluster& cluster) {
    switch (below(5)) {
    case 0:
        if (!cluster.policies.empty()) {
            cluster.policies.erase(std::next(
                cluster.policies.begin(), below(static_cast<unsigned>(cluster.policies.size()))));
        }
        return;
    case 1: {
        auto pod =
            std::next(cluster.pods.begin(), below(static_cast<unsigned>(cluster.pods.size())));
        pod->second.labels = {{"pod", any_of_list(*this, kRandomLabels)}};
        return;
    }
    case 2: {
        auto ns = std::next(
            cluster.namespaces.begin(), below(static_cast<unsigned>(cluster.namespaces.size())));
        ns->second.labels = {{"team", any_of_list(*this, kRandomLabels)}};
        return;
    }
    default: {
        auto made = std::make_shared<const Policy>(policy(cluster));
        cluster.policies[policy_key(*made)] = made;
    }
    }
}

} // namespace services::test
