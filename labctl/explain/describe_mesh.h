#pragma once

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"

namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::explain {

/// What a mesh makes of an object, for `labctl describe`; null in a lab without a mesh, and for
/// other kinds and objects that are not there. Pure.
/// Of a Pod {"sidecar", "why" (there is none), "id", "ports": [{"port", "protocol", "mode",
/// "policy", "scope"}], "others": {"mode", "policy", "scope"}, "policies": [{"policy", "action",
/// "dryRun"}]}.
/// Of a PeerAuthentication {"pods": [{"pod", "decides": whether it does for any port, "by": who
/// does else}], "without": [pods that it selects and that have no sidecar], "note"}.
/// Of an AuthorizationPolicy {"pods": [{"pod"}], "without", "note"}.
/// Of a VirtualService {"services": ["HOST:PORT"]}, of a DestinationRule {"subsets": {NAME:
/// [pods]}}.
[[nodiscard]] api::Json describe_mesh(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const mesh::SidecarTable& table,
    const api::ObjectKey& key);

} // namespace labctl::explain
