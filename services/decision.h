#pragma once

#include "services/topology.h"

/// What every rule-making proxy mode decides about one service port on one node before it writes a
/// rule. Source: kube-proxy's syncProxyRules (iptables and nftables agree);
/// reference 3.1, 3.3, 3.5.
namespace services {

/// What becomes of connections to an address that has no usable endpoint (3.3).
enum class NoEndpointAnswer : std::uint8_t { None, Reject, Drop };

struct PortDecision {
    EndpointSets sets;
    NoEndpointAnswer internal = NoEndpointAnswer::None; // for the cluster IP
    NoEndpointAnswer external = NoEndpointAnswer::None; // for node port, external IPs and VIPs
    bool cluster_chain = false;                         // somebody balances over sets.cluster
    bool local_chain = false;                           // somebody balances over sets.local
    bool external_chain = false; // there are external addresses, and an endpoint somewhere
    bool restricted = false;     // VIPs with source ranges

    [[nodiscard]] bool internal_works() const { return internal == NoEndpointAnswer::None; }
    [[nodiscard]] bool external_works() const { return external == NoEndpointAnswer::None; }
};

[[nodiscard]] PortDecision decide(const ServicePortInput& input, const ProxyNode& node);

/// Sources that may use the VIPs: the ranges and, if the node itself is inside one, the VIPs, as a
/// node that holds a VIP on a local interface sends from it (2.5).
[[nodiscard]] std::vector<IpPrefix>
allowed_vip_sources(const ServicePortInput& input, const ProxyNode& node);

/// Whether rules of this service port can differ between nodes: Local policies, hints, and source
/// ranges. If not, what was made for one node serves all.
[[nodiscard]] bool rules_depend_on_node(const ServicePortInput& input);

} // namespace services
