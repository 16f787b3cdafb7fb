#pragma once

#include <map>
#include <memory>
#include <vector>

#include "services/pod_sets.h"
#include "services/policy_cluster.h"

/// The model of all policies: whether a connection is allowed, and which policy and rule decided.
/// Source: reference netpol.md, sections 1 to 6 and 8; its rows are named in the comments.
namespace services {

/// Answers flows over one cluster. It is made once, with every selection resolved and the rules of
/// each pod laid out in the order in which they are asked; a verdict then takes about as many steps
/// as the pods at both ends have rules. The cluster must live as long, and stay as it is: after a
/// change, make another one. A const evaluator may be asked by several threads.
class PolicyEvaluator {
public:
    explicit PolicyEvaluator(const PolicyCluster& cluster);
    ~PolicyEvaluator();
    PolicyEvaluator(const PolicyEvaluator&) = delete;
    PolicyEvaluator& operator=(const PolicyEvaluator&) = delete;

    /// Throws std::out_of_range if an end is a pod that is not of the cluster. A pod with
    /// hostNetwork counts as its node (6.6).
    [[nodiscard]] PolicyVerdict evaluate(const PolicyFlow& flow) const;

    /// Who has this address: a pod, a node, or neither.
    [[nodiscard]] PolicyEnd end_of(const IpAddress& address) const;

    /// The policies that have a say about the pod in this direction, in the order in which they are
    /// asked: all of Admin, then the NetworkPolicies, then all of Baseline.
    [[nodiscard]] std::vector<const Policy*>
    policies_of(const PolicyPod& pod, PolicyDirection way) const;

    /// Whether the rule `number` of the policy speaks of this flow, whose other end in the rule's
    /// direction is the flow's source (Ingress) or destination (Egress). Says nothing about whether
    /// the policy selects the subject.
    [[nodiscard]] bool rule_matches(
        const Policy& policy,
        PolicyDirection way,
        std::size_t number,
        const PolicyFlow& flow) const;

    [[nodiscard]] const PodSets& pods() const { return pods_; }
    /// The pods that the selection has; kept, so that asking again is cheap.
    [[nodiscard]] const PodBits& resolve(const PodSelection& selection);

private:
    struct Rule;
    struct Compiled;
    struct Ladder;
    struct Peer;

    void add_policy(const PolicyPtr& policy);
    void add_rules(std::vector<Rule>& made, const std::vector<PolicyRule>& rules);
    [[nodiscard]] Rule make_rule(const PolicyRule& rule);
    void make_ladders(PolicyDirection way);
    [[nodiscard]] PolicyOpinion opinion(
        PolicyDirection way, const Ladder* ladder, const Peer& peer, const PolicyFlow& flow) const;

    const PolicyCluster& cluster_;
    PodSets pods_;
    std::map<PodSelection, std::unique_ptr<PodBits>> sets_;
    std::map<std::vector<const PodBits*>, std::unique_ptr<PodBits>> unions_;
    std::vector<std::unique_ptr<Compiled>> policies_; // in the order of `asked_before`
    std::map<const Policy*, const Compiled*> by_policy_;
    std::vector<std::unique_ptr<Ladder>> ladders_;
    std::vector<const Ladder*> ingress_; // by pod; nullptr: no policy
    std::vector<const Ladder*> egress_;
    std::map<IpAddress, PolicyEnd> ends_;
};

} // namespace services
