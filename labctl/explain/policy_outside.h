#pragma once

#include <set>
#include <string>
#include <vector>

#include "labctl/explain/policy_matrix.h"

namespace labctl::explain {

/// One of the stretches of addresses that ipBlocks tell apart, for none of the cluster's pods or
/// nodes.
struct OutsideEnd {
    std::string name;          // "outside 192.0.2.0/24"; "outside", "outside (IPv6)": all the rest
    netemu::IpAddress address; // one of them: all others fare alike
};

/// The addresses outside, by what the ipBlocks of all policies of these worlds say of them: one for
/// each block and except that is not wholly made of smaller ones, and one for the rest, of each
/// family that some pod has. By family and range.
[[nodiscard]] std::vector<OutsideEnd>
outside_ends(const std::vector<const compile::PolicyWorld*>& worlds);

/// Ports outside to which it makes a difference: the first of each range that an egress rule names,
/// and 443/TCP for all others.
[[nodiscard]] std::set<compile::FlowPort>
outside_ports(const std::vector<const compile::PolicyWorld*>& worlds);

/// As evaluate_pair, with one end outside.
[[nodiscard]] MatrixCell evaluate_from_outside(
    const services::PolicyEvaluator& evaluator,
    const OutsideEnd& from,
    const MatrixEnd& to,
    const compile::FlowPort& port);
[[nodiscard]] MatrixCell evaluate_to_outside(
    const services::PolicyEvaluator& evaluator,
    const MatrixEnd& from,
    const OutsideEnd& to,
    const compile::FlowPort& port);

} // namespace labctl::explain
