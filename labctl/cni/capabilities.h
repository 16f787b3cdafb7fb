#pragma once

#include "labctl/api/object.h"

namespace labctl::cni {

/// The capability arguments of a pod (CNI's CONVENTIONS.md): portMappings of its containers' host
/// ports, bandwidth of the annotations kubernetes.io/ingress-bandwidth and egress-bandwidth (bits
/// per second).
[[nodiscard]] api::Json capability_arguments(const api::Json& pod);

} // namespace labctl::cni
