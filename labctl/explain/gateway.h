#pragma once

#include <map>
#include <string>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/explain/connection.h"
#include "labctl/store/store.h"

namespace services {
struct GatewayTable;
struct IngressTable;
} // namespace services

namespace labctl::compile {
class Gateways;
} // namespace labctl::compile

namespace labctl::explain {

using GatewayTables = std::map<std::string, services::GatewayTable>;

/// The Gateway ("NS/NAME") that the question's URL is for: whose address it names; or else one that
/// has a route or a listener of its own for the host; or else, where no Ingress has the host and it
/// is none of a Service or pod, any that listens. Empty: none, or it is no URL. Pure.
[[nodiscard]] std::string gateway_of_url(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const GatewayTables& gateways,
    const std::map<std::string, services::IngressTable>& ingresses,
    const ExplainQuestion& question);

/// What becomes of a request for the question's `to` at that Gateway: {"from": {"name", "address",
/// "node"}, "url", "scheme", "host", "path", "port", "gateway": {"name", "addresses", "pods"},
/// "listeners": [{"name", "port", "hostname", "chosen"}] (those of the port), "certificate" (of
/// https; "": the handshake fails), "rules": [{"hostname", "match", "route", "rule" (from 1),
/// "matches", "chosen"}] of the chosen listener, as they are tried, "filters": [text], "backends":
/// [{"name", "share", "status", "problem", "endpoints"}], "location" (of a redirect), "status" that
/// the Gateway itself answers with (0: none), "outcome": "endpoint" (of some share),
/// "no-endpoints", "redirect", "no-certificate",
/// "no-listener", "no-rule", "no-backend", "unsupported" or "bad-request", "notes":
/// [{"object", "path", "text"}] of what is wrong with the Gateway and with routes that want this
/// host}. Throws netemu::UsageError as explain_ingress does. Pure.
[[nodiscard]] api::Json explain_gateway(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const compile::Gateways& gateways,
    const std::string& gateway,
    const ExplainQuestion& question);

} // namespace labctl::explain
