#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/endpoint.h"

/// Policies as the evaluator and the compiler read them: NetworkPolicy, AdminNetworkPolicy,
/// BaselineAdminNetworkPolicy and ClusterNetworkPolicy in one shape. Whoever makes these values
/// from objects has applied the API's defaults (reference 3.12, 4.1, 4.2), so nothing here means
/// "as the default is". Source: networking/v1/types.go; network-policy-api v1alpha1 and v1alpha2;
/// reference netpol.md.
namespace services {

enum class PolicyDirection : std::uint8_t { Ingress, Egress };
/// In the order in which they are asked (reference 8.1).
enum class PolicyTier : std::uint8_t { Admin, NetworkPolicy, Baseline };
/// A NetworkPolicy has Allow only. v1alpha2's Accept is Allow.
enum class PolicyAction : std::uint8_t { Allow, Deny, Pass };

/// One requirement of a label selector. matchLabels are `In` with one value. NotIn also holds where
/// the key is missing (reference 2.4), as k8s.io/apimachinery's Requirement.Matches.
struct LabelRequirement {
    enum class Operator : std::uint8_t { In, NotIn, Exists, DoesNotExist };
    std::string key;
    Operator op = Operator::In;
    std::vector<std::string> values; // sorted, without duplicates; empty for Exists, DoesNotExist
    auto operator<=>(const LabelRequirement&) const = default;
};
/// All requirements must hold; sorted, so that equal selectors compare equal. None: everything.
struct LabelSelector {
    std::vector<LabelRequirement> requirements;
    auto operator<=>(const LabelSelector&) const = default;
};

/// A set of pods: of the namespace `ns` alone, or (`ns` empty) of every namespace whose labels
/// `namespaces` selects. Pods with hostNetwork and finished pods are never in it (6.6, 2.9).
struct PodSelection {
    std::string ns;
    LabelSelector namespaces;
    LabelSelector pods;
    auto operator<=>(const PodSelection&) const = default;
};
/// An ipBlock, or one entry of `networks` (which has no excepts). Host bits are masked (5.5); every
/// except is inside `cidr`.
struct AddressBlock {
    IpPrefix cidr;
    std::vector<IpPrefix> except;
    auto operator<=>(const AddressBlock&) const = default;
};
/// The addresses of the nodes with these labels (8.14).
struct NodeSelection {
    LabelSelector nodes;
    auto operator<=>(const NodeSelection&) const = default;
};
using PolicyPeer = std::variant<PodSelection, AddressBlock, NodeSelection>;

/// Destination ports of one protocol, or of a name that is looked up on the destination pod (4.5).
struct PolicyPort {
    /// nullopt: whatever protocol the name has (v1alpha1 namedPort); only together with `name`.
    std::optional<Protocol> protocol = Protocol::Tcp;
    std::uint16_t first = 0; // 0-65535, both ends count; the whole protocol is 0 to 65535
    std::uint16_t last = 65535;
    std::string name; // if not empty, `first` and `last` mean nothing
    auto operator<=>(const PolicyPort&) const = default;
};

/// Peers are alternatives, ports are alternatives, both must match (3.5). An *empty* optional is
/// "any": any peer, pod or not; any port of any protocol (3.3, 3.4). An empty *list* matches
/// nothing: what is left of a rule whose peers were all of an unknown kind (8.18).
struct PolicyRule {
    PolicyAction action = PolicyAction::Allow;
    std::string name; // of admin rules; may be empty
    std::optional<std::vector<PolicyPeer>> peers;
    std::optional<std::vector<PolicyPort>> ports;
    auto operator<=>(const PolicyRule&) const = default;
};

struct Policy {
    PolicyTier tier = PolicyTier::NetworkPolicy;
    std::string kind = "NetworkPolicy"; // as in the object
    std::string ns;                     // empty for cluster-wide kinds
    std::string name;
    int priority = 0; // 0-1000, lower is asked first, then by name (8.2); 0 in NetworkPolicies
    PodSelection subject;
    /// nullopt: the policy has no say in this direction. Of a NetworkPolicy an empty list isolates
    /// (3.1); of the others it does nothing (8.8). Rules of the admin kinds: the first match
    /// counts.
    std::optional<std::vector<PolicyRule>> ingress;
    std::optional<std::vector<PolicyRule>> egress;
    std::string source; // "manifests/p.yaml:12" where it was read, empty if unknown; not compared

    [[nodiscard]] const std::optional<std::vector<PolicyRule>>& rules(PolicyDirection way) const {
        return way == PolicyDirection::Ingress ? ingress : egress;
    }
    /// "NetworkPolicy prod/deny-all", "AdminNetworkPolicy cluster-control".
    [[nodiscard]] std::string label() const;
    bool operator==(const Policy& other) const;
};
using PolicyPtr = std::shared_ptr<const Policy>;

struct PolicyLabel {
    std::string key;
    std::string value;
    auto operator<=>(const PolicyLabel&) const = default;
};
using PolicyLabels = std::vector<PolicyLabel>; // sorted by key, each key once

/// A declared containerPort that has a name.
struct NamedPort {
    std::string name;
    Protocol protocol = Protocol::Tcp;
    std::uint16_t number = 0;
    auto operator<=>(const NamedPort&) const = default;
};

/// A pod with an address, as policies see it. Finished pods are not handed in (2.9).
struct PolicyPod {
    std::string ns;
    std::string name;
    std::string node;
    PolicyLabels labels;
    std::vector<IpAddress> ips; // every family counts (2.10)
    bool host_network = false;  // then it is its node (6.6)
    std::vector<NamedPort> ports;
    bool operator==(const PolicyPod&) const = default;
};
struct PolicyNamespace {
    std::string name;
    PolicyLabels labels; // kubernetes.io/metadata.name is among them (2.8)
    bool operator==(const PolicyNamespace&) const = default;
};
struct PolicyNode {
    std::string name;
    PolicyLabels labels;
    std::vector<IpAddress> ips;
    bool operator==(const PolicyNode&) const = default;
};

[[nodiscard]] bool matches(const LabelSelector& selector, const PolicyLabels& labels);
/// Whether the selection has this pod, which is of the namespace `ns`.
[[nodiscard]] bool
matches(const PodSelection& selection, const PolicyPod& pod, const PolicyNamespace& ns);

} // namespace services
