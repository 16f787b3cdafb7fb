#pragma once

#include "labctl/compile/mesh_view.h"

namespace labctl::explain {

/// What Linkerd makes of an object, for `labctl describe`; null for other kinds. Internal to this
/// folder.
/// Of a Pod {"linkerd": true, "sidecar", "why", "late" or "id", "ports": [{"port", "protocol",
/// "governs", "default", "authorizations": [title]}], "others": the same}.
/// Of a Server {"pods": [{"pod", "ports", "governs"}], "without": pods without a proxy,
/// "authorizations": [{"name", "text"}], "routes": [{"name", "rules", "authorizations"}],
/// "ignored"}.
/// Of an AuthorizationPolicy {"targets": ["Server NS/NAME" ...], "problem"}.
[[nodiscard]] api::Json describe_linkerd(const compile::MeshView& view, const api::Object& object);

} // namespace labctl::explain
