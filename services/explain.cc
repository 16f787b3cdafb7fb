#include "services/explain.h"

#include <algorithm>

#include "services/decision.h"

namespace services {
namespace {

std::vector<ExplainStep> explain_steps(const std::vector<TraceStep>& steps) {
    std::vector<ExplainStep> made;
    made.reserve(steps.size());
    for (const auto& step : steps) {
        made.push_back(
            {step.what, step.table + " " + step.chain, step.rule, step.element, step.comment});
    }
    return made;
}

const ProxyEndpoint* chosen_endpoint(const ServicePortInput* input, const TraceOutcome& outcome) {
    if (input == nullptr || !outcome.target) {
        return nullptr;
    }
    for (const auto& candidate : input->endpoints) {
        if (candidate.endpoint.address == outcome.target->address &&
            candidate.port == outcome.target->port) {
            return &candidate;
        }
    }
    return nullptr;
}

ExplainBranch explain_branch(const ServicePortInput* input, const TraceOutcome& outcome) {
    ExplainBranch branch;
    branch.probability = outcome.probability;
    branch.result = outcome.to_string();
    branch.masqueraded = outcome.masqueraded;
    branch.relayed = outcome.relayed;
    branch.steps = explain_steps(outcome.steps);
    if (const auto* chosen = chosen_endpoint(input, outcome)) {
        const auto& endpoint = chosen->endpoint;
        branch.node = endpoint.node;
        branch.terminating = endpoint.terminating;
        if (!endpoint.pod_name.empty()) {
            branch.pod = endpoint.pod_namespace + "/" + endpoint.pod_name;
        }
        branch.steps.push_back(
            {"endpoint",
             endpoint.node.empty() ? "unknown node" : "node " + endpoint.node,
             "",
             branch.pod.empty() ? chosen->to_string() : "pod " + branch.pod,
             ""});
    }
    return branch;
}

/// Moves the steps that all branches begin with to `common`.
void split_common(Explanation& explanation) {
    auto& branches = explanation.branches;
    std::size_t shared = branches.front().steps.size();
    for (const auto& branch : branches) {
        const auto& first = branches.front().steps;
        const auto most = std::min(shared, branch.steps.size());
        const auto end = first.begin() + static_cast<std::ptrdiff_t>(most);
        shared = static_cast<std::size_t>(
            std::mismatch(first.begin(), end, branch.steps.begin()).first - first.begin());
    }
    const auto count = static_cast<std::ptrdiff_t>(shared);
    auto& first = branches.front().steps;
    explanation.common.assign(first.begin(), first.begin() + count);
    for (auto& branch : branches) {
        branch.steps.erase(branch.steps.begin(), branch.steps.begin() + count);
    }
}

std::string
no_answer_reason(const ServicePortInput& input, const ProxyNode& node, const std::string& result) {
    if (decide(input, node).sets.has_any) {
        return result == "DROP" ? "no endpoint may be used on this node" : "no rule leads on";
    }
    return "there is no ready endpoint";
}

std::string summary(const Explanation& made, const ServicePortInput* input, const ProxyNode& node) {
    const auto& first = made.branches.front();
    const auto whose = made.service.empty() ? std::string{"no Service"} : made.service;
    if (first.result == "CLOSE") {
        return whose + ": the node's proxy takes it and closes it: there is no ready endpoint";
    }
    if (first.result == "DROP" || first.result == "REJECT") {
        const auto does = first.result == "DROP" ? " drops it: " : " rejects it: ";
        const auto why = input == nullptr ? std::string{"the address belongs to Services"}
                                          : no_answer_reason(*input, node, first.result);
        const bool ranges = !made.common.empty() && made.common.back().rule.ends_with("drop") &&
                            made.common.back().where.find(" firewall-") != std::string::npos;
        return whose + does + (ranges ? "the source is not in loadBalancerSourceRanges" : why);
    }
    if (first.result.empty()) {
        return whose + ": the packet goes on to where it was sent";
    }
    return made.branches.size() == 1
               ? whose + ": " + first.result
               : whose + ": one of " + std::to_string(made.branches.size()) + " endpoints";
}

} // namespace

Explanation explain_connection(
    const NftTracer& tracer,
    const TracePacket& packet,
    const ServicePortInput* input,
    const ProxyNode& node) {
    return explain_outcomes(tracer.trace(packet), input, node);
}

Explanation explain_outcomes(
    const std::vector<TraceOutcome>& outcomes,
    const ServicePortInput* input,
    const ProxyNode& node) {
    Explanation explanation;
    if (input != nullptr) {
        explanation.service = input->name.to_string();
    }
    for (const auto& outcome : outcomes) {
        explanation.branches.push_back(explain_branch(input, outcome));
    }
    split_common(explanation);
    explanation.summary = summary(explanation, input, node);
    return explanation;
}

const ServicePortInput* find_service_port(
    std::span<const ServicePortUpdate> ports, const TracePacket& packet, const ProxyNode& node) {
    const auto holds = [&](const std::vector<IpAddress>& addresses) {
        return std::find(addresses.begin(), addresses.end(), packet.destination) != addresses.end();
    };
    const auto* primary = node.primary(packet.destination.family());
    const bool to_node = primary != nullptr && *primary == packet.destination;
    for (const auto& update : ports) {
        const auto& input = update.now;
        if (input == nullptr || protocol_number(update.name.protocol) != packet.protocol) {
            continue;
        }
        const bool named = input->cluster_ip == packet.destination || holds(input->external_ips) ||
                           holds(input->vips);
        if ((named && input->port == packet.destination_port) ||
            (to_node && input->node_port != 0 && input->node_port == packet.destination_port)) {
            return input.get();
        }
    }
    return nullptr;
}

} // namespace services
