#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "services/policy_cluster.h"

namespace services::test {

/// Up to 3 nodes, 4 namespaces, 10 pods and 8 policies of all four kinds. Every attribute is drawn
/// from few values, so that labels, ranges, ports and priorities overlap: selectors with all
/// operators, blocks with excepts, named ports of the wrong protocol, pods with hostNetwork, two
/// families, Pass rules, rules without peers, lists that are empty.
PolicyCluster random_policies(std::mt19937& random);

/// The ends that flows of this cluster can have: every address of every pod and node, and some that
/// nobody has. The pointers go into the cluster.
std::vector<PolicyEnd> ends_of(const PolicyCluster& cluster);

/// The ports of the flows that the policies can tell apart, and some more.
struct FlowPort {
    Protocol protocol;
    std::uint16_t port;
};
std::vector<FlowPort> flow_ports();

/// Takes away policies, rules, peers, ports, requirements, pods and namespaces as long as `fails`
/// stays true; what is left cannot lose anything more.
PolicyCluster shrink(PolicyCluster cluster, const std::function<bool(const PolicyCluster&)>& fails);

/// Everything in it, for people.
std::string to_text(const PolicyCluster& cluster);
std::string to_text(const PolicyFlow& flow);

} // namespace services::test
