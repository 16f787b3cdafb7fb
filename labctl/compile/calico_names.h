#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace labctl::compile {

inline constexpr std::string_view kCalicoPort = "cali"; // how the names of all pods' ports begin

/// The name of a pod's port on its node: "cali" and eleven hexadecimal digits of the SHA-1 of
/// "NAMESPACE.POD", as Calico's plugin makes it (libcalico-go, VethNameForWorkload).
[[nodiscard]] std::string calico_port(std::string_view ns, std::string_view pod);

/// FIPS 180-4, section 6.1. For names only: it is no longer fit for secrets.
[[nodiscard]] std::array<std::uint8_t, 20> sha1(std::string_view text);

} // namespace labctl::compile
