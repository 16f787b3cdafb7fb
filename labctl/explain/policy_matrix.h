#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/policy_world.h"
#include "services/policy_evaluator.h"

/// The truth table of a cluster: who reaches whom on which port. Which pairs there are is the same
/// for the model and for probes on the wire.
namespace labctl::explain {

/// A row and a column of the table: a pod, or all pods of a workload.
struct MatrixEnd {
    std::string name; // "prod/web-1", or "prod/deployment/web"
    std::vector<const services::PolicyPod*> pods;
};

struct MatrixQuery {
    std::string ns;                             // of the pods; empty: see all_namespaces
    bool all_namespaces = false;                // false without `ns`: all but kube-system
    api::Selector selector;                     // of the pods
    std::vector<compile::FlowPort> ports;       // empty: those that the destinations declare
    std::optional<services::Protocol> protocol; // only ports of this one
    bool by_workload = false;
};

/// The pairs of one port: every end asks; those answer that declare the port, or all if the ports
/// were given. The numbers are indices of `MatrixPlan::ends`.
struct MatrixPlane {
    compile::FlowPort port;
    std::vector<std::size_t> destinations;
};
struct MatrixPlan {
    std::vector<MatrixEnd> ends;     // by name
    std::vector<MatrixPlane> planes; // by port
};
/// Pods with hostNetwork are their nodes (reference 6.6) and take no part. The plan points into
/// `world`.
[[nodiscard]] MatrixPlan plan_matrix(const compile::PolicyWorld& world, const MatrixQuery& query);

/// What the model says about one pair on one port: how many of the flows between its pods (and, in
/// dual-stack labs, their families) are allowed.
struct MatrixCell {
    std::size_t allowed = 0;
    std::size_t flows = 0;           // 0: the ends share no family
    services::PolicyVerdict verdict; // of the first flow that is denied, or of the first
    [[nodiscard]] bool mixed() const { return allowed != 0 && allowed != flows; }
    /// One flow more.
    void add(services::PolicyVerdict flow);
};
[[nodiscard]] MatrixCell evaluate_pair(
    const services::PolicyEvaluator& evaluator,
    const MatrixEnd& from,
    const MatrixEnd& to,
    const compile::FlowPort& port);

/// What decided a cell, for people and as data: "allowed by NetworkPolicy prod/web rule 1",
/// "isolated by NetworkPolicy prod/deny-all (p.yaml:3), no rule matches", "no policy". Rules count
/// from 1.
[[nodiscard]] std::string opinion_text(
    const services::PolicyOpinion& opinion, services::PolicyDirection way, bool with_source = true);
[[nodiscard]] api::Json
opinion_json(const services::PolicyOpinion& opinion, services::PolicyDirection way);
/// The direction that denies, or both if all is allowed: what a person wants to know of a verdict.
[[nodiscard]] std::string
verdict_text(const services::PolicyVerdict& verdict, bool with_source = true);

} // namespace labctl::explain
