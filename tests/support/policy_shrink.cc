#include <memory>

#include "tests/support/random_policies.h"

namespace services::test {

namespace {

using Fails = std::function<bool(const PolicyCluster&)>;

/// Tries each item of a map without its rest; what is not needed is gone.
template <class Map>
bool drop_entries(PolicyCluster& cluster, Map PolicyCluster::*member, const Fails& fails) {
    bool dropped = false;
    auto keys = cluster.*member;
    for (const auto& [key, value] : keys) {
        auto smaller = cluster;
        (smaller.*member).erase(key);
        if (fails(smaller)) {
            cluster = std::move(smaller);
            dropped = true;
        }
    }
    return dropped;
}

/// Every policy that is `policy` without one part of it.
class Reductions {
public:
    explicit Reductions(const Policy& policy) : policy_(policy) {
        for (const auto rules : {&Policy::ingress, &Policy::egress}) {
            if (policy.*rules) {
                add([&](Policy& p) { (p.*rules).reset(); });
                for (std::size_t i = 0; i < (policy.*rules)->size(); ++i) {
                    add([&](Policy& p) { erase(*(p.*rules), i); });
                    add_parts_of_rule(rules, i);
                }
            }
        }
        drop_requirements(
            policy.subject.pods, [](Policy & p) -> auto& { return p.subject.pods; });
        drop_requirements(
            policy.subject.namespaces, [](Policy & p) -> auto& { return p.subject.namespaces; });
    }
    std::vector<Policy> made;

private:
    template <class List>
    static void erase(List& list, std::size_t at) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
    }
    template <class Change>
    void add(Change change) {
        change(made.emplace_back(policy_));
    }
    template <class Get>
    void drop_requirements(const LabelSelector& selector, Get get) {
        for (std::size_t i = 0; i < selector.requirements.size(); ++i) {
            add([&](Policy& p) { erase(get(p).requirements, i); });
        }
    }
    void add_parts_of_rule(std::optional<std::vector<PolicyRule>> Policy::*rules, std::size_t at) {
        const auto& rule = (*(policy_.*rules))[at];
        const auto in = [=](Policy& p) -> PolicyRule& { return (*(p.*rules))[at]; };
        if (rule.peers) {
            add([&](Policy& p) { in(p).peers.reset(); });
            for (std::size_t i = 0; i < rule.peers->size(); ++i) {
                add([&](Policy& p) { erase(*in(p).peers, i); });
                if (const auto* pods = std::get_if<PodSelection>(&(*rule.peers)[i])) {
                    const auto peer = [=](Policy& p) -> PodSelection& {
                        return std::get<PodSelection>((*in(p).peers)[i]);
                    };
                    drop_requirements(
                        pods->pods, [=](Policy & p) -> auto& { return peer(p).pods; });
                    drop_requirements(
                        pods->namespaces, [=](Policy & p) -> auto& { return peer(p).namespaces; });
                }
            }
        }
        if (rule.ports) {
            add([&](Policy& p) { in(p).ports.reset(); });
            for (std::size_t i = 0; i < rule.ports->size(); ++i) {
                add([&](Policy& p) { erase(*in(p).ports, i); });
            }
        }
    }

    const Policy& policy_;
};

bool reduce_policies(PolicyCluster& cluster, const Fails& fails) {
    for (const auto& [key, policy] : cluster.policies) {
        for (auto& smaller : Reductions(*policy).made) {
            auto candidate = cluster;
            candidate.policies[key] = std::make_shared<const Policy>(std::move(smaller));
            if (fails(candidate)) {
                cluster = std::move(candidate);
                return true;
            }
        }
    }
    return false;
}

} // namespace

PolicyCluster shrink(PolicyCluster cluster, const Fails& fails) {
    bool progress = true;
    while (progress) {
        progress = drop_entries(cluster, &PolicyCluster::policies, fails);
        progress = drop_entries(cluster, &PolicyCluster::pods, fails) || progress;
        progress = reduce_policies(cluster, fails) || progress;
    }
    return cluster;
}

} // namespace services::test
