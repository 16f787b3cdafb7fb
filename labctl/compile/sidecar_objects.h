#pragma once

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"

/// What a sidecar of Istio is among the objects of a lab.
namespace labctl::compile {

inline constexpr const char* kMeshProfileIstio = "istio";
inline constexpr const char* kMeshNamespace = "istio-system"; // the root namespace
inline constexpr const char* kSidecarContainer = "istio-proxy";

/// Whether a sidecar was injected into the pod, by us or by `istioctl kube-inject`. Not into one
/// that uses its node's network.
[[nodiscard]] bool has_sidecar(const api::Json& pod);

/// Whether the webhook gives a new pod one: namespace label istio-injection, then label and
/// annotation sidecar.istio.io/inject. Never to a pod that uses its node's network. Source:
/// istio/istio manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml,
/// pkg/kube/inject/inject.go (reference 5.1).
[[nodiscard]] bool wants_sidecar(const store::Store& store, const api::Json& pod);

/// What is told of a pod where its requests are counted; with addresses only if it `is_member`.
/// Source: istio/istio pkg/config/labels (canonical service and revision), pkg/kube/controllers
/// (GetDeployMetaFromPod).
[[nodiscard]] mesh::SidecarPodLabels sidecar_pod_labels(const api::Object& pod, bool is_member);
/// Adds those of all endpoints of the table that are pods and not there yet.
void add_endpoint_labels(const store::Store& store, mesh::SidecarTable& table);

/// What the webhook adds: the container, and what tells others of it.
void inject_sidecar(api::Json& pod);

} // namespace labctl::compile
