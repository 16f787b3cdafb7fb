#pragma once

#include <cstdint>

namespace netemu {

/// BIRD's number (RTPROT_BIRD of linux/rtnetlink.h). A routing daemon keeps its routes itself, so
/// they are neither wanted nor observed; Kernel::read_routes lists them.
inline constexpr std::uint8_t kRouteByBird = 12;

} // namespace netemu
