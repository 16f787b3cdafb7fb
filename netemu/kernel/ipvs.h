#pragma once

#include <cstdint>
#include <span>

#include "netemu/model/network.h"

/// What IPVS as a proxy of Services takes of this host.
namespace netemu {

/// The settings of a namespace in which IPVS works as kube-proxy needs it: connections are tracked,
/// so that rules may masquerade them, and what went to a server that is gone ends. Source:
/// kube-proxy pkg/proxy/ipvs/proxier.go; Documentation/networking/ipvs-sysctl.rst.
std::span<const SysctlSpec> ipvs_sysctls();

/// Tries in a network namespace that is gone when this returns. Throws UnsupportedError that names
/// what is missing: IPVS itself, its settings (many kernels keep both from ordinary users), or
/// dummy devices. The thread must hold CAP_NET_ADMIN and CAP_SYS_ADMIN in its user namespace.
void require_ipvs();

/// Writes the settings in the namespace that `descriptor` stands for. Throws SysError.
void write_ipvs_sysctls(int descriptor);

} // namespace netemu
