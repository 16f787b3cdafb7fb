#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/address.h"
#include "netemu/model/connection.h"
#include "netemu/model/network.h"

namespace labctl::compile {

struct ClusterView;

/// A port of a pod's node that leads to a port of the pod (hostPort of a container).
struct HostPortMapping {
    std::uint8_t protocol = 0; // IPPROTO_*
    std::uint16_t host_port = 0;
    std::uint16_t container_port = 0;
    /// None: any address of the node; 0.0.0.0: any of IPv4; ::: any of IPv6 (forwardPorts of CNI's
    /// plugin portmap).
    std::optional<netemu::IpAddress> host_ip{};

    /// Whether connections to this address of the node are led to the pod.
    [[nodiscard]] bool leads_from(const netemu::IpAddress& address) const;
    bool operator==(const HostPortMapping&) const = default;
};

/// Of the containers of a pod with a network of its own, init containers that go on (sidecars)
/// among them.
[[nodiscard]] std::vector<HostPortMapping> host_port_mappings(const api::Json& pod);

/// The rules for them on every node, as CNI's plugin portmap writes them with nftables: tables
/// `cni_hostport`, with the pod's name as comment (reference services-dns.md 9.5). Loopback
/// addresses of the node lead nowhere. A lab whose plugins are real (conflist) has their rules.
void add_host_ports(const ClusterView& cluster, netemu::DesiredState& state);

inline constexpr const char* kHostPortTable = "cni_hostport";

/// Of a node's UDP connections, those to one of its `own` addresses which began before such a table
/// was as it is, and lead elsewhere than its rules: a client that keeps its source port would never
/// reach the pod that has come back, since connection tracking repeats what it once decided
/// (deletePortmapStaleConnections of CNI's portmap).
[[nodiscard]] std::vector<netemu::Connection> stale_host_port_connections(
    const netemu::NftTable& table,
    std::span<const netemu::IpAddress> own,
    std::span<const netemu::Connection> connections);

} // namespace labctl::compile
