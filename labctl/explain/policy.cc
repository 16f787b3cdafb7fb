#include "labctl/explain/policy.h"

#include "labctl/compile/network.h"
#include "labctl/explain/policy_matrix.h"

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;
using services::PolicyOpinion;
using services::PolicyReason;
using services::PolicyVerdict;

services::Protocol explained_protocol(const std::string& text) {
    return compile::parse_flow_port("1/" + text).protocol;
}

/// Where a branch ends; where a rule rejects or drops it, what was called.
netemu::Endpoint branch_end(const Json& branch, const netemu::Endpoint& called) {
    return netemu::Endpoint::parse(string_at(branch, "result")).value_or(called);
}

/// What a proxy's rules refuse, policies may have refused before.
bool is_refused(const Json& branch) {
    const auto result = string_at(branch, "result");
    return !result.empty() && !netemu::Endpoint::parse(result);
}

/// What a branch is judged by.
struct JudgedBranch {
    const services::PolicyEvaluator& evaluator;
    const std::vector<PathHop>& way;
    netemu::IpAddress source; // FROM's
    netemu::Endpoint called;  // what it has called
    netemu::Endpoint end;
    services::Protocol protocol = services::Protocol::Tcp;

    [[nodiscard]] PolicyVerdict
    ask(const netemu::IpAddress& from, const netemu::IpAddress& to) const {
        const auto port = to == end.address ? end.port : called.port;
        return evaluator.evaluate({evaluator.end_of(from), evaluator.end_of(to), protocol, port});
    }

    [[nodiscard]] bool is_pod_of(const netemu::IpAddress& address, const std::string& ns) const {
        const auto* pod = evaluator.end_of(address).pod;
        return pod != nullptr && compile::node_namespace(pod->node) == ns;
    }
};

/// Nothing is asked of what a pod's own node sends to it or takes from it (6.3, 6.4).
PolicyOpinion opinion_of_own_node() {
    PolicyOpinion opinion;
    opinion.reason = PolicyReason::LocalNode;
    return opinion;
}

PolicyOpinion opinion_of_no_pod() {
    PolicyOpinion opinion;
    opinion.reason = PolicyReason::NotAPod;
    return opinion;
}

/// Each node that passes it on asks the policies of its own pods.
PolicyVerdict verdict_on_way(const JudgedBranch& branch) {
    if (branch.way.size() < 2) { // it is not known, or never leaves
        return branch.ask(branch.source, branch.end.address);
    }
    PolicyVerdict verdict{true, opinion_of_no_pod(), opinion_of_no_pod()};
    for (const auto& hop : branch.way) {
        const bool sends = branch.is_pod_of(hop.source, hop.ns);
        const bool takes = branch.is_pod_of(hop.destination, hop.ns);
        if (!hop.forwarded) {
            verdict.egress = sends ? opinion_of_own_node() : verdict.egress;
            verdict.ingress = takes ? opinion_of_own_node() : verdict.ingress;
            continue;
        }
        auto asked = branch.ask(hop.source, hop.destination);
        if (sends) {
            verdict.egress = std::move(asked.egress);
        }
        if (takes) {
            verdict.ingress = std::move(asked.ingress);
        }
    }
    verdict.allowed = verdict.egress.allowed && verdict.ingress.allowed;
    return verdict;
}

/// Which address was matched, where it is not FROM's.
std::string source_note(const Json& explanation, const Json& branch, const PolicyVerdict& verdict) {
    const auto source = string_at(branch, "source");
    const bool matters = verdict.ingress.policy != nullptr && verdict.egress.allowed;
    return !matters || source.empty() || source == string_at(explanation, "from.address")
               ? std::string()
               : ", which is asked about " + source;
}

} // namespace

void explain_policies(
    Json& explanation, const services::PolicyEvaluator& evaluator, const BranchWays& ways) {
    const auto source = netemu::IpAddress::parse(string_at(explanation, "from.address"));
    const auto called = netemu::Endpoint::parse(string_at(explanation, "to.address"));
    if (!source || !called) {
        return;
    }
    const auto protocol = explained_protocol(string_at(explanation, "to.protocol"));
    std::size_t ends = 0;
    std::string denial; // of the first branch that is denied
    std::size_t denied = 0;
    auto& branches = explanation["branches"];
    for (std::size_t i = 0; i < branches.size(); ++i) {
        auto& branch = branches[i];
        static const std::vector<PathHop> kNoWay;
        const auto& way = i < ways.size() ? ways[i] : kNoWay;
        const bool refused = is_refused(branch);
        if (refused && way.empty()) {
            continue;
        }
        const auto verdict = verdict_on_way(
            {evaluator, way, *source, *called, branch_end(branch, *called), protocol});
        if (refused && verdict.allowed) {
            continue;
        }
        const auto text = verdict_text(verdict) + source_note(explanation, branch, verdict);
        branch["policy"] = {
            {"allowed", verdict.allowed},
            {"text", text},
            {"egress", opinion_json(verdict.egress, services::PolicyDirection::Egress)},
            {"ingress", opinion_json(verdict.ingress, services::PolicyDirection::Ingress)}};
        ++ends;
        if (!verdict.allowed && denied++ == 0) {
            denial = text;
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
