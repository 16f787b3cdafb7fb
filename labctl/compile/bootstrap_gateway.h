#pragma once

#include <cstdint>
#include <set>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"

/// What the lab brings for Gateways. Internal to this folder.
namespace labctl::compile {

class Control;

/// A port of a Gateway's pods, and whether they speak TLS there.
struct GatewayPort {
    std::uint16_t port = 0;
    bool tls = false;
    auto operator<=>(const GatewayPort&) const = default;
};

/// The GatewayClass `labctl`, unless there is one of our controller already.
void ensure_gateway_class(Control& control);

/// ServiceAccount, Deployment and Service (LoadBalancer) of a Gateway of ours, in its namespace and
/// owned by it, with these ports; what is there is changed where the ports are others. Without
/// ports there is no Service, which could have none.
void ensure_gateway_workload(
    Control& control,
    const ClusterConfig& config,
    const api::ObjectPtr& gateway,
    const std::set<GatewayPort>& ports);

} // namespace labctl::compile
