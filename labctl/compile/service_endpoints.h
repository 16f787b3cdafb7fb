#pragma once

#include <string>
#include <vector>

#include "labctl/compile/cluster_state.h"
#include "services/slices.h"

/// What a Service's selector finds, as values. Internal to this folder.
namespace labctl::compile {

/// `spec.ports` with their targets.
std::vector<services::ServiceTarget> service_targets(const api::Json& service);
/// Ports of the containers and restartable init containers of a pod, in order.
std::vector<services::ContainerPort> container_ports(const api::Json& pod);

/// A pod behind a Service in one family.
struct ServicePod {
    const PodInfo* pod = nullptr;
    services::PlacedEndpoint endpoint; // conditions, node, zone, hostname; without hints
    std::vector<services::SlicePort> ports;
};

/// The pods that the selector matches and that have an address of the family and have not ended
/// (ShouldPodBeInEndpoints), oldest first.
std::vector<ServicePod>
service_pods(const ClusterState& state, const api::Object& service, netemu::Family family);

/// The families of a Service, the primary first.
std::vector<netemu::Family> service_families(const api::Json& service);

} // namespace labctl::compile
