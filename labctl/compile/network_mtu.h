#pragma once

#include <cstdint>

namespace labctl::compile {

struct ClusterConfig;

inline constexpr std::uint32_t kMtuMinV4 = 576;  // RFC 791: every host takes datagrams of this size
inline constexpr std::uint32_t kMtuMinV6 = 1280; // RFC 8200, section 5
inline constexpr std::uint32_t kMtuMax = 65535;

/// Bytes that the overlay puts around an Ethernet frame of a pod, counted in the underlay's MTU:
/// outer IP, UDP and VXLAN headers and the inner Ethernet header (RFC 7348). Geneve's header is as
/// long (RFC 8926), and has an option of 8 bytes in userspace; Sleeve's is 12 bytes longer.
/// WireGuard takes 60 or 80 by the family of the underlay's addresses, from packets of IP. None
/// without an overlay.
std::uint32_t overlay_overhead(const ClusterConfig& config);

} // namespace labctl::compile
