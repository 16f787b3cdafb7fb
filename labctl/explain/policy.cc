#include "labctl/explain/policy.h"

#include "labctl/explain/policy_matrix.h"

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;

services::Protocol explained_protocol(const std::string& text) {
    return compile::parse_flow_port("1/" + text).protocol;
}

/// Where a branch ends; nullopt where a rule rejects or drops it.
std::optional<netemu::Endpoint> branch_end(const Json& explanation, const Json& branch) {
    const auto result = string_at(branch, "result");
    return netemu::Endpoint::parse(result.empty() ? string_at(explanation, "to.address") : result);
}

Json policy_json(const services::PolicyVerdict& verdict) {
    return {
        {"allowed", verdict.allowed},
        {"text", verdict_text(verdict)},
        {"egress", opinion_json(verdict.egress, services::PolicyDirection::Egress)},
        {"ingress", opinion_json(verdict.ingress, services::PolicyDirection::Ingress)}};
}

} // namespace

void explain_policies(Json& explanation, const services::PolicyEvaluator& evaluator) {
    const auto source = netemu::IpAddress::parse(string_at(explanation, "from.address"));
    if (!source || string_at(explanation, "outcome") != "endpoint") {
        return;
    }
    const auto protocol = explained_protocol(string_at(explanation, "to.protocol"));
    std::size_t ends = 0;
    std::string denial; // of the first branch that is denied
    std::size_t denied = 0;
    for (auto& branch : explanation["branches"]) {
        const auto end = branch_end(explanation, branch);
        if (!end) {
            continue;
        }
        const auto verdict = evaluator.evaluate(
            {evaluator.end_of(*source), evaluator.end_of(end->address), protocol, end->port});
        branch["policy"] = policy_json(verdict);
        ++ends;
        if (!verdict.allowed && denied++ == 0) {
            denial = verdict_text(verdict);
        }
    }
    if (denied == 0) {
        return;
    }
    const auto way = string_at(explanation, "summary");
    if (denied == ends) {
        explanation["outcome"] = "denied";
        explanation["summary"] = "denied, " + denial + " (" + way + ")";
    } else {
        explanation["summary"] = way + "; policies deny " + std::to_string(denied) + " of " +
                                 std::to_string(ends) + " ways: " + denial;
    }
}

} // namespace labctl::explain
