#pragma once

#include <span>
#include <string>
#include <vector>

#include "services/proxy_input.h"
#include "services/tracer.h"

/// Why a new connection to a service port ends where it ends: the chain of objects and rules, as
/// values that can be printed.
namespace services {

struct ExplainStep {
    std::string what;   // "map lookup", "random choice 2 of 3", "destination NAT", "reject"
    std::string where;  // "ip kube-proxy services"
    std::string rule;   // as `nft list` writes it; "" for what is no rule
    std::string detail; // the element that was found, the endpoint that was chosen
    std::string comment;
    bool operator==(const ExplainStep&) const = default;
};

/// One way that the connection may take.
struct ExplainBranch {
    double probability = 1.0;
    std::string result; // "10.244.1.7:8080", "DROP", "REJECT", "CLOSE", or "" (goes on)
    std::string pod;    // "ns/name" of the endpoint, if it is one
    std::string node;
    bool terminating = false; // the endpoint is on its way out (2.14)
    bool masqueraded = false;
    bool relayed = false;           // see TraceOutcome
    std::vector<ExplainStep> steps; // behind the common ones
};

struct Explanation {
    std::string service;             // "ns/name:port", or "" if no service port has the address
    std::vector<ExplainStep> common; // what every branch goes through
    std::vector<ExplainBranch> branches;
    std::string summary; // one sentence; whose address the endpoint sees is not in it
};

/// Explains `packet` in the tables of one node. `input` is the service port that it is for, or
/// null; `node` decides what "local" is.
[[nodiscard]] Explanation explain_connection(
    const NftTracer& tracer,
    const TracePacket& packet,
    const ServicePortInput* input,
    const ProxyNode& node);

/// The same for outcomes that were traced already, of whatever rules; there is at least one.
[[nodiscard]] Explanation explain_outcomes(
    const std::vector<TraceOutcome>& outcomes,
    const ServicePortInput* input,
    const ProxyNode& node);

/// Whose address this is: the service port among `ports` that has the destination as cluster IP,
/// external IP or VIP with that port, or whose node port it is on the node's primary address.
[[nodiscard]] const ServicePortInput* find_service_port(
    std::span<const ServicePortUpdate> ports, const TracePacket& packet, const ProxyNode& node);

} // namespace services
