#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/compile/explain_mesh_inbound.h"
#include "mesh/sidecar/table.h"

/// What VirtualServices and DestinationRules make of a request, where it begins. Internal to this
/// folder; see explain_mesh for the JSON.
namespace labctl::compile {

struct MeshRouteEnd {
    const mesh::SidecarService* service = nullptr;
    const mesh::SidecarEndpoint* endpoint = nullptr;
    double share = 0; // of all requests
    bool mtls = false;
};

struct MeshRoute {
    /// {"virtualService", "destinationRule", "route", "match", "lines": [[name, text]]}
    api::Json story;
    std::vector<MeshRouteEnd> ends{};
    /// What the client's own sidecar answers in everybody's place; "" if it does not.
    std::string answer{};
    bool answer_is_meant = false; // a redirect, say, and no mistake
};

/// nullopt: nothing says anything about requests (or bytes) from `client` to `service`.
[[nodiscard]] std::optional<MeshRoute> explain_route(
    const MeshView& view,
    const std::string& client, // "NAMESPACE/NAME"
    const mesh::SidecarService& service,
    const MeshSpeech& speech);

} // namespace labctl::compile
