#pragma once

#include <string>
#include <vector>

#include "netemu/base/address.h"

namespace mesh::linkerd {

/// Addresses of clients: those of `cidr` without those of `except`.
struct Network {
    netemu::IpPrefix cidr;
    std::vector<netemu::IpPrefix> except;
    bool operator==(const Network&) const = default;
};

[[nodiscard]] bool contains(const Network& network, const netemu::IpAddress& address);
[[nodiscard]] bool contains(const std::vector<Network>& networks, const netemu::IpAddress& address);
/// "10.0.0.0/8 except 10.1.0.0/16, 192.168.0.0/16"
[[nodiscard]] std::string to_string(const std::vector<Network>& networks);

/// 0.0.0.0/0 and ::/0.
[[nodiscard]] const std::vector<Network>& all_networks();
/// What `clusterNetworks` of Linkerd's chart is unless it is set: 10/8, 100.64/10, 172.16/12,
/// 192.168/16, fd00::/8 (linkerd/linkerd2 charts/linkerd-control-plane/values.yaml).
[[nodiscard]] const std::vector<Network>& cluster_networks();

} // namespace mesh::linkerd
