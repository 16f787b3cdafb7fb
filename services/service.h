#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "services/endpoint.h"

/// A Service as the proxy needs it. Source of the fields and defaults: kubernetes/api core/v1
/// types.go and kube-proxy's serviceport.go; reference section 2.
namespace services {

enum class TrafficPolicy : std::uint8_t { Cluster, Local };

/// `status.loadBalancer.ingress[].ipMode`: with Proxy the packets really go to the balancer and the
/// proxy makes no rule for the address (KEP-1860).
enum class IpMode : std::uint8_t { Vip, Proxy };

/// One entry of `status.loadBalancer.ingress` that has an address; hostnames are ignored.
struct LoadBalancerAddress {
    IpAddress address;
    IpMode mode = IpMode::Vip;
    bool operator==(const LoadBalancerAddress&) const = default;
};

/// One entry of `spec.ports`.
struct ServicePort {
    std::string name; // "" only if it is the only port
    Protocol protocol = Protocol::Tcp;
    std::uint16_t port = 0;
    std::uint16_t node_port = 0; // 0: none
    std::string app_protocol;    // carried along, never looked at by a proxy
    bool operator==(const ServicePort&) const = default;
};

inline constexpr std::uint32_t kAffinityTimeoutSecondsDefault = 10800;

/// One Service. Addresses of both families stand side by side in their lists; whoever makes rules
/// takes those of one family (2.15).
struct Service {
    std::string name_space;
    std::string name;
    bool headless = false;              // clusterIP: None
    bool external_name = false;         // type: ExternalName
    std::vector<IpAddress> cluster_ips; // at most one of each family, the primary first
    std::vector<IpAddress> external_ips;
    std::vector<LoadBalancerAddress> load_balancer;
    std::vector<IpPrefix> source_ranges; // loadBalancerSourceRanges, blanks trimmed by the reader
    std::uint16_t health_check_node_port =
        0; // 0: none; LoadBalancer with the external policy Local
    TrafficPolicy external_policy = TrafficPolicy::Cluster;
    TrafficPolicy internal_policy = TrafficPolicy::Cluster;
    bool client_ip_affinity = false; // sessionAffinity: ClientIP
    std::uint32_t affinity_timeout_seconds = kAffinityTimeoutSecondsDefault;
    std::vector<ServicePort> ports;
    bool operator==(const Service&) const = default;

    /// No proxy mode makes rules for headless and ExternalName Services (ShouldSkipService).
    [[nodiscard]] bool skipped_by_proxy() const {
        return headless || external_name || cluster_ips.empty();
    }
};

/// Names a service port: everything in a proxy is keyed by it (2.2).
struct ServicePortName {
    std::string name_space;
    std::string name;
    std::string port; // name of the port, may be empty
    Protocol protocol = Protocol::Tcp;
    auto operator<=>(const ServicePortName&) const = default;

    /// "ns/name:port", or "ns/name" for an unnamed port, as kube-proxy writes it.
    [[nodiscard]] std::string to_string() const;
};

} // namespace services
