#pragma once

#include "labctl/explain/mesh_inbound.h"

/// What a pod of Linkerd does with a connection that comes to it. Internal to this folder.
namespace labctl::explain {

/// {"sidecar": false, ...} as explain_arrival has it, also where the port passes the proxy by; or
/// {"sidecar": true, "redirect": 4143, "id", "port", "protocol": proxyProtocol, "spoken": "HTTP" or
/// "TCP", "governs": "Server NS/NAME" or "", "default": default or access policy, "others": Servers
/// that select the port too, "identity" (null: none), "routes": [{"route", "rules", "takes"}],
/// "policies": [{"policy", "matches", "text"}], "ignored": ["AuthorizationPolicy NS/NAME: why"],
/// "verdict": {"allowed", "text", "by", "answer"}, "application": {"client"}}. Pure.
[[nodiscard]] api::Json explain_linkerd_arrival(
    const compile::MeshView& view, const MeshArrival& arrival, const MeshSpeech& speech);

} // namespace labctl::explain
