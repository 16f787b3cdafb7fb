#pragma once

#include <string>
#include <string_view>

namespace labctl::compile {

/// The name of a pod's port on its node: "lxc" and twelve hexadecimal digits of the SHA-256 of
/// "NAMESPACE/POD". Cilium makes it so of its container's ID (pkg/datapath/connector,
/// Endpoint2IfName), and here no container has one.
[[nodiscard]] std::string cilium_port(std::string_view ns, std::string_view pod);

} // namespace labctl::compile
