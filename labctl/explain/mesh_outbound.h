#pragma once

#include <cstdint>

#include "labctl/explain/mesh_inbound.h"

/// What becomes of a connection where it begins. Internal to this folder; see explain_mesh for the
/// JSON.
namespace labctl::explain {

/// FROM has no sidecar.
[[nodiscard]] api::Json explain_application(const MeshSpeech& speech);
/// Its sidecar knows nobody at the target.
[[nodiscard]] api::Json
explain_passthrough(const compile::MeshView& view, const netemu::Endpoint& target);
/// Its sidecar knows whom it means.
[[nodiscard]] api::Json explain_cluster(
    const compile::MeshView& view, const mesh::SidecarService& service, const MeshSpeech& speech);

/// The same for Linkerd: {"kind", "redirect", "chain", "cluster", "protocol", "protocolWhy",
/// "spoken"}, or "why" where it is passed through.
[[nodiscard]] api::Json
explain_linkerd_outbound(const mesh::SidecarService* service, const MeshSpeech& speech);

/// The port of the Service that a cluster is of.
[[nodiscard]] std::uint16_t cluster_port(const mesh::SidecarService& service);

} // namespace labctl::explain
