#pragma once

#include <cstdint>
#include <string>

#include "netemu/model/network.h"

/// Objects -> DesiredState: the one place that turns a cluster into namespaces, links and rules.
namespace labctl::store {
class Store;
}

namespace labctl::compile {

struct ClusterConfig;

/// The network that the objects call for: "underlay", "external", "node/NAME" for each Node that
/// has its addresses (spec.podCIDRs, status.addresses), and "pod/NS/NAME" for each Pod that has a
/// node and addresses (spec.nodeName, status.podIPs), uses a network of its own and has not ended.
/// Pure and deterministic. Throws netemu::UsageError where the configuration cannot be met (MTU),
/// and netemu::Error when a pod's address is outside of its node's range or held by another pod.
netemu::DesiredState compile_network(const store::Store& store, const ClusterConfig& config);

/// MTU inside of pods, in bytes: the configured one, or what the underlay leaves after the
/// overlay's headers (50 bytes for VXLAN over IPv4, 70 over IPv6: RFC 7348; 8 more for Geneve).
/// Throws netemu::UsageError when it, or the underlay's, is less than 576 (IPv4, RFC 791) or 1280
/// (IPv6, RFC 8200) bytes.
std::uint32_t compute_mtu(const ClusterConfig& config);

/// Names of namespaces.
inline constexpr const char* kUnderlayNamespace = "underlay";
inline constexpr const char* kExternalNamespace = "external";
std::string node_namespace(const std::string& node);
std::string pod_namespace(const std::string& ns, const std::string& name);

} // namespace labctl::compile
