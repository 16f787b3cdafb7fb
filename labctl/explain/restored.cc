#include "labctl/explain/restored.h"

#include <algorithm>

namespace labctl::explain {

namespace {

constexpr const char* kUserspaceProxy = "userspace proxy,";

/// The port of every node that the proxy listens on for a service port; 0: none.
std::uint16_t
portal_of(const services::ServicePortInput& service, const compile::Proxies& proxies) {
    const auto portals = proxies.portals();
    const auto found =
        std::find_if(portals.begin(), portals.end(), [&](const compile::Portal& portal) {
            return portal.input->name == service.name && portal.input->family == service.family;
        });
    return found == portals.end() ? std::uint16_t{0} : found->proxy_port;
}

} // namespace

std::vector<services::TraceOutcome> through_portals(
    std::vector<services::TraceOutcome> outcomes,
    const services::ServicePortInput* service,
    const compile::Proxies& proxies) {
    const auto port = service == nullptr ? std::uint16_t{0} : portal_of(*service, proxies);
    if (port == 0) {
        return outcomes;
    }
    std::vector<const services::ProxyEndpoint*> ready;
    for (const auto& endpoint : service->endpoints) {
        if (endpoint.endpoint.ready) {
            ready.push_back(&endpoint);
        }
    }
    const auto chain = "port " + std::to_string(port);
    std::vector<services::TraceOutcome> result;
    for (auto& outcome : outcomes) {
        if (outcome.verdict != services::TraceVerdict::Accept || !outcome.target ||
            outcome.target->port != port) {
            result.push_back(std::move(outcome));
            continue;
        }
        if (ready.empty()) {
            const bool stream = service->name.protocol == services::Protocol::Tcp;
            outcome.relayed = true;
            outcome.verdict = stream ? services::TraceVerdict::Close : services::TraceVerdict::Drop;
            outcome.steps.push_back(
                {stream ? "accept and close" : "forget",
                 kUserspaceProxy,
                 chain,
                 {},
                 {},
                 "no endpoint is ready"});
            result.push_back(std::move(outcome));
            continue;
        }
        for (const auto* endpoint : ready) {
            auto taken = outcome;
            taken.probability /= static_cast<double>(ready.size());
            taken.target = netemu::Endpoint{endpoint->endpoint.address, endpoint->port};
            taken.relayed = taken.masqueraded = true;
            taken.steps.push_back(
                {"round robin",
                 kUserspaceProxy,
                 chain,
                 {},
                 {},
                 "a new connection to " + endpoint->to_string() +
                     "; the next endpoint if it does not answer"});
            result.push_back(std::move(taken));
        }
    }
    return result;
}

void add_iptables_counters(
    api::Json& step, const services::ExplainStep& of, const services::IptablesTracer& tracer) {
    const auto blank = of.where.find(' ');
    if (of.rule.empty() || blank == std::string::npos) {
        return;
    }
    const auto* rule = tracer.find(of.where.substr(0, blank), of.where.substr(blank + 1), of.rule);
    if (rule != nullptr) {
        step["packets"] = rule->packets;
        step["bytes"] = rule->bytes;
    }
}

} // namespace labctl::explain
