#pragma once

#include <cstdint>

namespace labctl::compile {

struct ClusterConfig;

/// Bytes that the overlay puts around an Ethernet frame of a pod, counted in the underlay's MTU:
/// outer IP, UDP and VXLAN headers and the inner Ethernet header (RFC 7348).
std::uint32_t overlay_overhead(const ClusterConfig& config);

} // namespace labctl::compile
