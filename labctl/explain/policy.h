#pragma once

#include "labctl/api/object.h"
#include "labctl/explain/way.h"

namespace services {
class PolicyEvaluator;
}

namespace labctl::explain {

/// Adds to an Explanation (explain.h) what the policies of both ends say: to each branch that leads
/// to an address `policy` ({allowed, text, egress, ingress, source}). They are asked where they are
/// enforced, by the node of each end that passes the packet on, and with the packet as it is there
/// (reference netpol.md 5.8, 6.7, 6.9): for the destination behind that node's own rules, from the
/// source that the nodes before it have left. Where they deny every branch the outcome becomes
/// "denied", and the summary says who denies it. Without ways it is taken as sent by FROM straight
/// to the end. Ask explain_sources before.
void explain_policies(
    api::Json& explanation,
    const services::PolicyEvaluator& evaluator,
    const BranchWays& ways = {});

} // namespace labctl::explain
