#pragma once

#include <vector>

#include "labctl/compile/proxies.h"
#include "labctl/explain/connection.h"
#include "services/explain.h"
#include "services/iptables_tracer.h"

/// What is different about explaining rules that iptables-restore has loaded. Internal to this
/// folder.
namespace labctl::explain {

/// The userspace proxy behind a redirection: an outcome that leads to the socket of `service`
/// becomes one for each endpoint that is ready, since the proxy takes them in turn (reference 8.4).
/// Other outcomes, and all of the iptables mode, stay as they are.
[[nodiscard]] std::vector<services::TraceOutcome> through_portals(
    std::vector<services::TraceOutcome> outcomes,
    const services::ServicePortInput* service,
    const compile::Proxies& proxies);

/// Adds "packets" and "bytes" of the step's rule.
void add_iptables_counters(
    api::Json& step, const services::ExplainStep& of, const services::IptablesTracer& tracer);

} // namespace labctl::explain
