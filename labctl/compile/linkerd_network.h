#pragma once

#include "labctl/compile/linkerd_objects.h"
#include "netemu/model/network.h"

namespace labctl::compile {

/// Ports that pass a pod's proxy by.
struct SkippedPorts {
    std::vector<PortRange> inbound;
    std::vector<PortRange> outbound;
    bool operator==(const SkippedPorts&) const = default;
};

/// What leads the connections of a pod to its proxy: the rules of linkerd-init, with the names of
/// its chains (linkerd/linkerd2-proxy-init pkg/iptables/iptables.go), as one table of nftables, and
/// a mark where Linkerd has the user ID of the proxy's process. Only TCP.
void add_linkerd_network(const SkippedPorts& skipped, netemu::NamespaceSpec& pod);

} // namespace labctl::compile
