#pragma once

#include <cstddef>
#include <vector>

#include "labctl/check/assertion.h"
#include "labctl/check/world.h"

/// The built-in check: the three rules of the Kubernetes network model
/// (https://kubernetes.io/docs/concepts/services-networking/#the-kubernetes-network-model).
namespace labctl::check {

/// Up to this many running pods every ordered pair of them is probed; likewise nodes times pods up
/// to its square. Beyond, a sample that is the same for the same pods: each pod sends to and
/// receives from equally many others, and every ordered pair of nodes is crossed. The record's
/// notes say so.
inline constexpr std::size_t kFullMatrixPodsMax = 100;
/// Probes of one rule in a sample, about; crossing every pair of nodes may add some.
inline constexpr std::size_t kSampleProbesMax = 10000;

/// The assertions that apply to a world: every running pod has an address of its own, and is what
/// answers at it; any pod reaches any pod, which sees the sender's own address (asked of a TCP port
/// that the pod serves, otherwise ICMP, which can only show that it is reached); every node reaches
/// every pod. Pods on the host's network are left out, they have no address of their own. Without
/// running pods there are no assertions; with one there is no second rule.
std::vector<Assertion> network_model_assertions(const World& world);

} // namespace labctl::check
