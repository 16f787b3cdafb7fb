#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/address.h"
#include "netemu/model/network.h"

namespace labctl::compile {

struct ClusterView;

/// A port of a pod's node that leads to a port of the pod (hostPort of a container).
struct HostPortMapping {
    std::uint8_t protocol = 0; // IPPROTO_*
    std::uint16_t host_port = 0;
    std::uint16_t container_port = 0;
    std::optional<netemu::IpAddress> host_ip{}; // none: any address of the node
    bool operator==(const HostPortMapping&) const = default;
};

/// Of the containers of a pod with a network of its own, init containers that go on (sidecars)
/// among them.
[[nodiscard]] std::vector<HostPortMapping> host_port_mappings(const api::Json& pod);

/// The rules for them on every node, as CNI's plugin portmap writes them with nftables: tables
/// `cni_hostport`, with the pod's name as comment (reference services-dns.md 9.5). Loopback
/// addresses of the node lead nowhere. A lab whose plugins are real (conflist) has their rules.
void add_host_ports(const ClusterView& cluster, netemu::DesiredState& state);

} // namespace labctl::compile
