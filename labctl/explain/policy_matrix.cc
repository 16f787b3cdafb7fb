#include "labctl/explain/policy_matrix.h"

#include <algorithm>
#include <map>
#include <set>

namespace labctl::explain {

namespace {

using services::PolicyDirection;
using services::PolicyOpinion;
using services::PolicyPod;
using services::PolicyReason;

constexpr const char* kSystemNamespace = "kube-system";

bool takes_part(const PolicyPod& pod, const MatrixQuery& query) {
    api::Labels labels;
    for (const auto& label : pod.labels) {
        labels[label.key] = label.value;
    }
    const bool right_ns =
        query.ns.empty() ? query.all_namespaces || pod.ns != kSystemNamespace : pod.ns == query.ns;
    return right_ns && !pod.host_network && query.selector.matches(labels);
}

std::vector<MatrixEnd> ends_of_matrix(const compile::PolicyWorld& world, const MatrixQuery& query) {
    std::map<std::string, MatrixEnd> ends;
    for (const auto& [key, pod] : world.cluster.pods) {
        if (takes_part(pod, query)) {
            const auto name = query.by_workload ? world.workloads.at(key) : pod.ns + "/" + pod.name;
            auto& end = ends[name];
            end.name = name;
            end.pods.push_back(&pod);
        }
    }
    std::vector<MatrixEnd> list;
    list.reserve(ends.size());
    for (auto& [name, end] : ends) {
        list.push_back(std::move(end));
    }
    return list;
}

std::set<compile::FlowPort> ports_of_end(const compile::PolicyWorld& world, const MatrixEnd& end) {
    std::set<compile::FlowPort> ports;
    for (const auto* pod : end.pods) {
        for (const auto& port : world.flow_ports(*pod)) {
            ports.insert(port);
        }
    }
    return ports;
}

/// Every family that both have.
void evaluate_pods(
    const services::PolicyEvaluator& evaluator,
    const PolicyPod& source,
    const PolicyPod& destination,
    const compile::FlowPort& port,
    MatrixCell& cell) {
    for (const auto& from : source.ips) {
        for (const auto& to : destination.ips) {
            if (from.family() != to.family()) {
                continue;
            }
            cell.add(evaluator.evaluate(
                {{&source, nullptr, from}, {&destination, nullptr, to}, port.protocol, port.port}));
        }
    }
}

const char* reason_word(const PolicyOpinion& opinion) {
    switch (opinion.reason) {
    case PolicyReason::NoPolicy:
        return "noPolicy";
    case PolicyReason::Self:
        return "self";
    case PolicyReason::NotAPod:
        return "notAPod";
    case PolicyReason::LocalNode:
        return "localNode";
    case PolicyReason::Rule:
        return "rule";
    case PolicyReason::Isolated:
        return "isolated";
    }
    return "";
}

std::string label_with_source(const services::Policy& policy, bool with_source) {
    return policy.label() +
           (policy.source.empty() || !with_source ? "" : " (" + policy.source + ")");
}

std::string rule_title(const PolicyOpinion& opinion, PolicyDirection way) {
    const auto& rule = opinion.policy->rules(way).value().at(opinion.rule);
    return "rule " + std::to_string(opinion.rule + 1) +
           (rule.name.empty() ? "" : " \"" + rule.name + "\"");
}

} // namespace

void MatrixCell::add(services::PolicyVerdict flow) {
    allowed += flow.allowed ? 1U : 0U;
    if (flows++ == 0 || (!flow.allowed && verdict.allowed)) {
        verdict = std::move(flow);
    }
}

MatrixPlan plan_matrix(const compile::PolicyWorld& world, const MatrixQuery& query) {
    MatrixPlan plan;
    plan.ends = ends_of_matrix(world, query);
    std::map<compile::FlowPort, std::vector<std::size_t>> planes;
    for (std::size_t i = 0; i < plan.ends.size(); ++i) {
        const auto declared = ports_of_end(world, plan.ends[i]);
        const std::set<compile::FlowPort> given(query.ports.begin(), query.ports.end());
        for (const auto& port : given.empty() ? declared : given) {
            if (!query.protocol || *query.protocol == port.protocol) {
                planes[port].push_back(i);
            }
        }
    }
    for (auto& [port, destinations] : planes) {
        plan.planes.push_back({port, std::move(destinations)});
    }
    return plan;
}

MatrixCell evaluate_pair(
    const services::PolicyEvaluator& evaluator,
    const MatrixEnd& from,
    const MatrixEnd& to,
    const compile::FlowPort& port) {
    MatrixCell cell;
    const bool single = from.pods.size() == 1 && to.pods.size() == 1;
    for (const auto* source : from.pods) {
        for (const auto* destination : to.pods) {
            // Inside a workload, a pod's talk with itself says nothing about the others.
            if (source != destination || single) {
                evaluate_pods(evaluator, *source, *destination, port, cell);
            }
        }
    }
    return cell;
}

std::string opinion_text(const PolicyOpinion& opinion, PolicyDirection way, bool with_source) {
    const auto sure = [&](const char* verb) {
        return std::string(verb) + " by " + label_with_source(*opinion.policy, with_source);
    };
    switch (opinion.reason) {
    case PolicyReason::NoPolicy:
        return "no policy";
    case PolicyReason::Self:
        return "the pod itself";
    case PolicyReason::NotAPod:
        return "not a pod";
    case PolicyReason::LocalNode:
        return "the pod's own node";
    case PolicyReason::Rule:
        return sure(opinion.allowed ? "allowed" : "denied") + " " + rule_title(opinion, way);
    case PolicyReason::Isolated:
        break;
    }
    auto text = std::string("isolated by");
    for (const auto* policy : opinion.isolating) {
        text += (policy == opinion.isolating.front() ? " " : ", ") +
                label_with_source(*policy, with_source);
    }
    return text + ", no rule matches";
}

api::Json opinion_json(const PolicyOpinion& opinion, PolicyDirection way) {
    api::Json json{{"allowed", opinion.allowed}, {"reason", reason_word(opinion)}};
    if (opinion.policy != nullptr) {
        json["policy"] = opinion.policy->label();
        if (!opinion.policy->source.empty()) {
            json["source"] = opinion.policy->source;
        }
    }
    if (opinion.reason == PolicyReason::Rule) {
        json["rule"] = opinion.rule + 1;
        const auto& rule = opinion.policy->rules(way).value().at(opinion.rule);
        if (!rule.name.empty()) {
            json["ruleName"] = rule.name;
        }
    }
    for (const auto* policy : opinion.isolating) {
        json["isolatedBy"].push_back(policy->label());
    }
    return json;
}

std::string verdict_text(const services::PolicyVerdict& verdict, bool with_source) {
    auto egress = opinion_text(verdict.egress, PolicyDirection::Egress, with_source);
    const auto ingress = opinion_text(verdict.ingress, PolicyDirection::Ingress, with_source);
    if (verdict.egress.reason == PolicyReason::Self) {
        return egress;
    }
    if (verdict.allowed && verdict.egress.policy == nullptr && verdict.ingress.policy == nullptr) {
        return "no policy";
    }
    std::string text;
    if (verdict.egress.allowed == verdict.allowed && verdict.egress.policy != nullptr) {
        text = "egress " + egress;
    }
    if (verdict.ingress.allowed == verdict.allowed && verdict.ingress.policy != nullptr) {
        text += (text.empty() ? "" : "; ") + ("ingress " + ingress);
    }
    return text;
}

} // namespace labctl::explain
