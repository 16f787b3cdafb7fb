#pragma once

#include <vector>

#include "labctl/api/object.h"
#include "netemu/model/ipvs.h"
#include "services/explain.h"
#include "services/tracer.h"

/// What is different about explaining the ipvs mode. Internal to this folder.
namespace labctl::explain {

/// IPVS behind the rules: an outcome that is delivered to the node itself, where a virtual server
/// has the packet's address and port, becomes one for each real server that takes new connections,
/// all as likely; without any the kernel rejects (reference 3.3). Others stay as they are.
[[nodiscard]] std::vector<services::TraceOutcome> through_virtual_servers(
    std::vector<services::TraceOutcome> outcomes,
    const services::TracePacket& packet,
    const std::vector<netemu::VirtualServerInfo>& servers);

/// Adds "connections", "packets" and "bytes" to the step of a real server.
void add_ipvs_counters(
    api::Json& step,
    const services::ExplainStep& of,
    const std::vector<netemu::VirtualServerInfo>& servers);

} // namespace labctl::explain
