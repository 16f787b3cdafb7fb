#pragma once

#include <span>
#include <string>
#include <vector>

#include "services/proxy_input.h"

/// The ipvs mode as values: virtual servers, the addresses of kube-ipvs0, and the entries of the
/// ipsets that a constant number of iptables rules look into. Source: kube-proxy
/// pkg/proxy/ipvs/proxier.go; reference 8.3. Making them needs a kernel with ip_vs and ip_set.
namespace services {

/// Names of ip_vs schedulers that kube-proxy accepts; the first is the default.
[[nodiscard]] std::span<const std::string_view> ipvs_schedulers();

struct IpvsRealServer {
    netemu::Endpoint address;
    int weight = 1;
    bool operator==(const IpvsRealServer&) const = default;
};

struct IpvsVirtualServer {
    ServicePortName owner;
    netemu::Endpoint address;
    Protocol protocol = Protocol::Tcp;
    std::string scheduler = "rr";
    std::uint32_t persistence_seconds = 0; // 0: none; else ClientIP affinity, of this server alone
    std::vector<IpvsRealServer> servers;
    bool operator==(const IpvsVirtualServer&) const = default;
};

/// An entry of one of kube-proxy's ipsets, as ipset(8) writes it: "10.96.0.1,tcp:80".
struct IpvsSetEntry {
    std::string set; // "KUBE-CLUSTER-IP"
    std::string entry;
    bool operator==(const IpvsSetEntry&) const = default;
    auto operator<=>(const IpvsSetEntry&) const = default;
};

/// What one node holds.
struct IpvsState {
    std::vector<IpvsVirtualServer> servers;
    std::vector<IpAddress> addresses;  // of kube-ipvs0, sorted, each once
    std::vector<IpvsSetEntry> entries; // sorted, each once
    bool operator==(const IpvsState&) const = default;
};

/// A virtual server for each address, and for each address of the node if there is a node port.
/// With the external policy Local and no endpoint here, external addresses get all endpoints: this
/// mode has no drop (3.3). Without any endpoint the server stays empty, and the kernel rejects.
[[nodiscard]] IpvsState ipvs_state(
    std::span<const ServicePortInputPtr> ports,
    const ProxyNode& node,
    std::string_view scheduler = "rr");

} // namespace services
