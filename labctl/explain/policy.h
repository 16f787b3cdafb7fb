#pragma once

#include "labctl/api/object.h"

namespace services {
class PolicyEvaluator;
}

namespace labctl::explain {

/// Adds to an Explanation (explain.h) what the policies of both ends say: to each branch that ends
/// at an address `policy` ({allowed, text, egress, ingress}), for the destination and port behind
/// the Services' rules (reference netpol.md 6.7). Where they deny every branch the outcome becomes
/// "denied", and the summary says who denies it. The source is the one that the client has: what is
/// masqueraded on the way is not taken into account.
void explain_policies(api::Json& explanation, const services::PolicyEvaluator& evaluator);

} // namespace labctl::explain
