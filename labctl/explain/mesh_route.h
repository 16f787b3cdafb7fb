#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/explain/mesh_inbound.h"
#include "mesh/sidecar/table.h"

/// What VirtualServices and DestinationRules make of a request, where it begins. Internal to this
/// folder; see explain_mesh for the JSON.
namespace labctl::explain {

struct MeshRouteEnd {
    const mesh::SidecarService* service = nullptr;
    const mesh::SidecarEndpoint* endpoint = nullptr;
    double share = 0; // of all requests
    bool mtls = false;
    std::string tls_by{}; // the DestinationRule that says so, "NAMESPACE/NAME"; "": none does
};

struct MeshRoute {
    /// {"virtualService", "destinationRule", "route", "match", "lines": [[name, text]]}
    api::Json story;
    std::vector<MeshRouteEnd> ends{};
    MeshSpeech sent{}; // as the destination gets it; fields of the route alone are looked at
    /// What the client's own sidecar answers in everybody's place; "" if it does not.
    std::string answer{};
    bool answer_is_meant = false; // a redirect, say, and no mistake
};

/// nullopt: nothing says anything about requests (or bytes) from `client` to `service`.
[[nodiscard]] std::optional<MeshRoute> explain_route(
    const compile::MeshView& view,
    const std::string& client, // "NAMESPACE/NAME"
    const mesh::SidecarService& service,
    const MeshSpeech& speech);

} // namespace labctl::explain
