#pragma once

#include <string>
#include <string_view>

namespace labctl::compile {

inline constexpr std::string_view kCalicoPort = "cali"; // how the names of all pods' ports begin

/// The name of a pod's port on its node: "cali" and eleven hexadecimal digits of the SHA-1 of
/// "NAMESPACE.POD", as Calico's plugin makes it (libcalico-go, VethNameForWorkload).
[[nodiscard]] std::string calico_port(std::string_view ns, std::string_view pod);

} // namespace labctl::compile
