#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "labctl/api/object.h"

namespace labctl::report {

struct DescribeOptions {
    std::int64_t now = 0; // seconds since 1970, for ages
    /// Objects that the description may draw on: the Events about the object, the pods of a node,
    /// the ReplicaSets of a Deployment, the EndpointSlices of a Service. What does not
    /// belong to the object is ignored, so the caller may pass all there are.
    std::span<const api::ObjectPtr> related;
    /// The answer of /apis/labctl.dev/v1/identities: a pod's identity, a node's tunnel.
    api::Json identities{};
    /// The answer of /apis/labctl.dev/v1/mesh about the object; null: there is no mesh.
    api::Json mesh{};
};

/// What `kubectl describe` says about an object: Pod, Node, Deployment, ReplicaSet, StatefulSet,
/// DaemonSet, Job, Service, EndpointSlice and Endpoints in kubectl's own layout; policies of a mesh
/// in words, with the pods that they apply to; every other kind as kubectl describes custom
/// resources: all its fields. Ends with the events.
std::string describe_object(const api::Object& object, const DescribeOptions& options);

} // namespace labctl::report
