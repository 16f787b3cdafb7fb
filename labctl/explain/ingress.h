#pragma once

#include <map>
#include <string>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/explain/connection.h"
#include "labctl/store/store.h"
#include "services/ingress.h"

namespace labctl::explain {

/// Which rule of which Ingress takes a request for the question's `to` ("http://HOST[:PORT]/PATH",
/// or https), why, and who answers: {"from": {"name", "address", "node"}, "url", "scheme", "host",
/// "path", "controller": {"name", "addresses", "pods": [{"pod", "node", "address"}]}, "rule":
/// {"host", "kind"} (absent: no rule has the host), "paths": [{"path", "type", "ingress",
/// "backend", "matches", "chosen"}] in the order in which they are tried, "certificate" (of https),
/// "backend": {"name", "problem"}, "endpoints":
/// [{"address", "pod", "node", "probability"}], "outcome": "endpoint", "no-endpoints", "no-rule" or
/// "bad-request"}. Of several controllers, the one that has a rule for the host. Throws
/// netemu::UsageError for a URL that is none, a FROM that is not there, or when no controller has
/// an Ingress. Pure.
[[nodiscard]] api::Json explain_ingress(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const std::map<std::string, services::IngressTable>& tables,
    const ExplainQuestion& question);

} // namespace labctl::explain
