#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "services/endpoint.h"

/// How the endpoints of a Service are spread over EndpointSlices. Source: kubernetes/endpointslice
/// reconciler.go and utils.go; reference 2.3, 4.1, 4.2.
namespace services {

/// `--max-endpoints-per-slice` of kube-controller-manager.
inline constexpr std::size_t kEndpointsPerSliceMax = 100;

/// One entry of `containers[].ports`, of containers and restartable init containers, in order.
struct ContainerPort {
    std::string name;
    Protocol protocol = Protocol::Tcp;
    std::uint16_t port = 0;
};

/// One entry of a Service's `spec.ports` with what it leads to.
struct ServiceTarget {
    std::string name;
    Protocol protocol = Protocol::Tcp;
    std::uint16_t port = 0;
    std::uint16_t target = 0; // 0: `target_name`, or, if that is empty too, the same as `port`
    std::string target_name;
    std::string app_protocol;
};

/// The number that a service port reaches on a pod: a number is taken as it is, whatever the pod
/// declares; a name is the first declared port with that name and the same protocol. nullopt: the
/// pod has none of that name. (FindPort of utils.go)
[[nodiscard]] std::optional<std::uint16_t>
find_port(const ServiceTarget& target, std::span<const ContainerPort> declared);

/// The ports that a pod offers to a Service: those that it has, in the order of the Service. Pods
/// with equal lists share slices. (getEndpointPorts)
[[nodiscard]] std::vector<SlicePort>
slice_ports(std::span<const ServiceTarget> targets, std::span<const ContainerPort> declared);

/// What of a pod makes an endpoint's conditions.
struct PodState {
    bool ready = false;       // its Ready condition
    bool terminating = false; // it has a deletion timestamp
    std::string hostname;     // of its spec
    std::string subdomain;    // likewise
};

/// Sets ready, serving, terminating (4.1). With `publish_not_ready` ready is always true.
void set_conditions(Endpoint& endpoint, const PodState& pod, bool publish_not_ready);
/// The pod's hostname if its subdomain is the name of the Service, which must be in the pod's
/// namespace; otherwise "". (ShouldSetHostname)
[[nodiscard]] std::string endpoint_hostname(const PodState& pod, const std::string& service);

/// An endpoint as the controller places it.
struct PlacedEndpoint {
    Endpoint endpoint;
    std::string pod_uid;
    bool operator==(const PlacedEndpoint&) const = default;

    /// The same endpoint before and after a change: address, pod and its uid.
    [[nodiscard]] std::string identity() const;
};

/// A slice of one port set and family. `name` is empty for one that is to be made.
struct PackedSlice {
    std::string name;
    std::vector<PlacedEndpoint> endpoints;
};

/// What to do with the slices of one port set and family. The names in all of them are disjoint.
struct Packing {
    std::vector<PackedSlice> create; // without a name
    std::vector<PackedSlice> update;
    std::vector<std::string> remove; // now empty
    std::vector<std::string> unchanged;
};

/// Few writes rather than perfect packing, and never any rebalancing: (a) endpoints that are gone
/// leave their slices and changed ones are changed where they are; (b) new ones go into slices that
/// are written anyway, fullest first; (c) what is left and is less than a slice goes into the one
/// unchanged slice that it fills best; otherwise new slices are made. `must_write` names slices
/// that are written whatever their endpoints (their labels changed). An endpoint that comes twice
/// in `existing` keeps its first place. (reconcileByPortMapping)
[[nodiscard]] Packing pack_slices(
    std::vector<PackedSlice> existing,
    std::vector<PlacedEndpoint> desired,
    std::span<const std::string> must_write = {},
    std::size_t most = kEndpointsPerSliceMax);

} // namespace services
