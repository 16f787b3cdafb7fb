#pragma once

#include <map>
#include <string>

#include "labctl/api/object.h"
#include "labctl/explain/connection.h"
#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"
#include "services/ingress.h"

/// What sidecars do with a connection or a request, in the order in which it happens.
namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::explain {

/// Whether the question's `to` is a URL of a Service or pod, or an address of one of them or of a
/// node, so that what becomes of it is what becomes of the connection, and of the request in a
/// mesh. What an Ingress of `ingresses` has a rule for, or its controller's address, is not. Pure.
[[nodiscard]] bool is_service_url(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const std::map<std::string, services::IngressTable>& ingresses,
    const ExplainQuestion& question);

/// The question about the connection that a request for a URL is made over; any other as it is.
[[nodiscard]] ExplainQuestion connection_question(const ExplainQuestion& question);

/// What a mesh is told of from.
struct MeshSources {
    const store::Store& store;
    const compile::ClusterConfig& config;
    const mesh::SidecarTable& table;
};

/// Adds "mesh" to what explain_path, explain_ways, explain_sources and explain_policies made of the
/// connection of `question`, if it is TCP, and FROM or who is at its end has a sidecar, or the
/// question is about a URL:
/// {"request": {"method", "path", "host", "tls", "assumed": no URL says so} (of HTTP), "from":
/// {"name", "sidecar", "id" or "why"}, "outbound": {"kind": "cluster", "passthrough" or
/// "application", "why", "redirect", "cluster", "protocol", "protocolWhy", "spoken", "sni",
/// "serverIds", "route" (of a VirtualService or DestinationRule): {"virtualService",
/// "destinationRule", "route", "match", "lines": [[name, text]]}}, "endpoints": [{"address", "pod",
/// "node", "share", "tls": "mTLS" or "plaintext", "why"}], "inbound": [explain_arrival, and
/// "pods"], pods with the same story together, "hints":
/// [{"text", "remedy"}], "outcome": "endpoint", "denied", "partly" or "no-endpoints", "text": the
/// verdict in a sentence}. `outcome` and `summary` of the explanation then say what the mesh says,
/// unless the connection does not come that far. Pure.
void explain_mesh(
    api::Json& explanation, const MeshSources& sources, const ExplainQuestion& question);

} // namespace labctl::explain
