#pragma once

#include <string>

#include "labctl/api/object.h"

/// A node that the control plane does not hear from, as the node lifecycle controller leaves it:
/// condition Ready "Unknown" and a taint that keeps new pods away. Internal to this folder.
/// Source: Kubernetes documentation, "Nodes" and "Taints and Tolerations".
namespace labctl::compile {

inline constexpr const char* kUnreachableTaint = "node.kubernetes.io/unreachable";

/// The node, unheard of or healthy again. `now` is a metav1.Time.
api::Object with_node_ready(const api::Object& node, bool ready, const std::string& now);

/// Removes the taint from a Node's spec.
void remove_unreachable_taint(api::Json& spec);

} // namespace labctl::compile
