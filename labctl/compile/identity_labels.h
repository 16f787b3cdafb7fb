#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

/// What of a pod makes its identity: the labels that are relevant to security.
namespace labctl::compile {

/// "k8s:app=web", sorted: the pod's labels, its namespace's name and labels, its ServiceAccount and
/// the name of the cluster, as Cilium puts them together (pkg/k8s, GetPodMetadata), without those
/// that Cilium leaves out by default because they tell pods of one kind apart (docs.cilium.io,
/// "Limiting Identity-Relevant Labels"). `ns_labels` are those of the Namespace.
[[nodiscard]] std::vector<std::string>
identity_labels(const api::Object& pod, const api::Labels& ns_labels);

/// Whether a label of a pod is relevant to security.
[[nodiscard]] bool is_identity_label(std::string_view key);

} // namespace labctl::compile
