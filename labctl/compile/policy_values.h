#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "services/policy_cluster.h"

/// Policies, and what they speak of, from objects of the store to the values of `services`. One
/// function for each kind, so that a change of one object costs one conversion. Objects have been
/// validated; a field that is missing has its API default here too. Pure.
namespace labctl::compile {

/// NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy.
[[nodiscard]] bool is_policy_kind(std::string_view kind);

/// The policy with its defaults applied (reference netpol.md 3.12, 4.1) and rules of directions
/// that are not in policyTypes left out (3.13). What a rule of an admin kind has that is not known
/// closes it: Allow matches nothing, Deny and Pass deny everything (8.18). `source` is where the
/// object was read. nullptr if the object is of another kind.
[[nodiscard]] services::PolicyPtr policy_value(const api::Object& object);

/// nullopt while the pod has no address, and after it has ended (2.9). Named ports are those of its
/// containers and sidecars.
[[nodiscard]] std::optional<services::PolicyPod> policy_pod(const api::Object& object);
/// Every containerPort of its containers and sidecars, those without a name too; sorted.
[[nodiscard]] std::vector<services::NamedPort> declared_ports(const api::Object& pod);
/// kubernetes.io/metadata.name is always there, and is the name (2.8).
[[nodiscard]] services::PolicyNamespace policy_namespace(const api::Object& ns);
/// Every address of its status, internal or external (8.14).
[[nodiscard]] services::PolicyNode policy_node(const api::Object& node);

/// A labelSelector; null and {} select everything (2.1).
[[nodiscard]] services::LabelSelector policy_selector(const api::Json& selector);

/// All of a store at once.
[[nodiscard]] services::PolicyCluster policy_cluster(const store::Store& store);

} // namespace labctl::compile
