#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/policy.h"

/// What policies are evaluated against and compiled from.
namespace services {

/// Every policy and everything that a policy can speak of, at one moment. A plain value that the
/// evaluator, the compiler and tests share. Keys are (namespace, name); a cluster-wide policy has
/// an empty namespace and its kind in front: ("", "AdminNetworkPolicy/NAME").
struct PolicyCluster {
    using Key = std::pair<std::string, std::string>;
    std::map<Key, PolicyPtr> policies;
    std::map<Key, PolicyPod> pods;
    std::map<std::string, PolicyNamespace> namespaces;
    std::map<std::string, PolicyNode> nodes;
};
[[nodiscard]] PolicyCluster::Key policy_key(const Policy& policy);
/// The order in which policies are asked: by tier, by priority, then by namespace, name and kind
/// (reference 8.1; 8.2 leaves equal priorities open, and here the name decides).
[[nodiscard]] bool asked_before(const Policy& left, const Policy& right);

/// One end of a connection: a pod, a node, or an address that is neither. With `pod`, `address` is
/// the one of its addresses that the packet carries.
struct PolicyEnd {
    const PolicyPod* pod = nullptr;   // nullptr: no pod
    const PolicyNode* node = nullptr; // the node, if the end is one (or a hostNetwork pod on it)
    IpAddress address;
};

/// A new connection as the nodes see it: the destination and its port after DNAT (reference 6.7).
struct PolicyFlow {
    PolicyEnd from;
    PolicyEnd to;
    Protocol protocol = Protocol::Tcp;
    std::uint16_t port = 0; // 1-65535
};

/// Why a direction was decided as it was.
enum class PolicyReason : std::uint8_t {
    NoPolicy,  // nothing selects this end in this direction, or every tier passed
    Self,      // a pod to itself (6.1)
    NotAPod,   // this end is no pod, so no policy applies to it
    LocalNode, // from or to the pod's own node (6.3, 6.4)
    Rule,      // `policy` and `rule` decided
    Isolated,  // NetworkPolicies select this end, and none of their rules matches
};

/// How one direction was decided. The pointers go into the cluster that was asked.
struct PolicyOpinion {
    bool allowed = true;
    PolicyReason reason = PolicyReason::NoPolicy;
    PolicyTier tier = PolicyTier::Baseline; // of `policy`
    const Policy* policy = nullptr; // of Rule: the one that decided; of Isolated: the first by name
    std::size_t rule = 0;           // of Rule: index in policy->rules(direction)
    std::vector<const Policy*> isolating; // of Isolated: every NetworkPolicy that selects this end
};

/// allowed = self or (egress of the source and ingress of the destination), reference section 1.
struct PolicyVerdict {
    bool allowed = true;
    PolicyOpinion egress;
    PolicyOpinion ingress;
};

} // namespace services
