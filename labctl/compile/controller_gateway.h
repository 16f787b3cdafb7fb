#pragma once

#include "labctl/compile/cluster_config.h"

namespace labctl::compile {

class Control;

/// The Gateway controller's part in the objects: GatewayClass `labctl` comes with the first Gateway
/// and is Accepted, each Gateway of our class has a Deployment and a Service, and Gateways and the
/// HTTPRoutes that name them say in their status what has become of them. No effect while nothing
/// has changed. Internal to this folder.
void sync_gateways(Control& control, const ClusterConfig& config);

} // namespace labctl::compile
