#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "labctl/explain/mesh_inbound.h"

/// Where beginners err with a mesh. Internal to this folder.
namespace labctl::explain {

struct MeshHint {
    std::string text;
    std::string remedy;
    bool operator==(const MeshHint&) const = default;
};

/// Of the pod "NAMESPACE/NAME": that it would have a sidecar if it were made now.
[[nodiscard]] std::vector<MeshHint>
late_sidecar_hints(const compile::MeshView& view, const std::string& name);

/// Of what became of a connection at a pod with a sidecar; `story` is explain_arrival's,
/// `service_port` the one that FROM named (0: none, it called the pod itself).
[[nodiscard]] std::vector<MeshHint> arrival_hints(
    const compile::MeshView& view,
    const MeshArrival& arrival,
    const api::Json& story,
    std::uint16_t service_port);

} // namespace labctl::explain
