#include "netemu/kernel/ipvs.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/kernel/feature_probes.h"
#include "netemu/kernel/namespace_scope.h"
#include "netemu/kernel/sysctl.h"

namespace netemu {

namespace {

constexpr const char* kOtherModes =
    "`--proxy-mode nftables` needs nothing of it; `labctl doctor` lists what this kernel has";

/// In the namespace that the thread is in.
void require_feature(const char* name, const char* module) {
    const auto& probes = feature_probes();
    const auto probe = std::find_if(
        probes.begin(), probes.end(), [&](const auto& each) { return each.name == name; });
    const int error = probe->run();
    if (error == EPERM || error == EACCES) {
        throw UnsupportedError(
            std::string("the proxy mode ipvs: this kernel lets only root use ") + module,
            std::string("run labctl as root, or use another mode: ") + kOtherModes);
    }
    if (error != 0) {
        throw UnsupportedError(
            std::string("the proxy mode ipvs: this kernel has no ") + module + " (" +
                errno_text(error) + ")",
            probe->remedy + "; " + kOtherModes);
    }
}

} // namespace

std::span<const SysctlSpec> ipvs_sysctls() {
    static const std::array<SysctlSpec, 4> kSysctls{
        SysctlSpec{"net/ipv4/vs/conntrack", "1"},
        SysctlSpec{"net/ipv4/vs/conn_reuse_mode", "0"},
        SysctlSpec{"net/ipv4/vs/expire_nodest_conn", "1"},
        SysctlSpec{"net/ipv4/vs/expire_quiescent_template", "1"}};
    return kSysctls;
}

void require_ipvs() {
    const auto home = current_namespace();
    NamespaceScope scope(home.get());
    const auto fresh = scope.create();
    require_feature("ipvs", "ip_vs");
    require_feature("dummy", "dummy");
    for (const auto& sysctl : ipvs_sysctls()) {
        if (::access(("/proc/sys/" + sysctl.key).c_str(), W_OK) != 0) {
            throw UnsupportedError(
                "the proxy mode ipvs: this kernel keeps " + sysctl.key + " from ordinary users",
                std::string("run labctl as root, or use another mode: ") + kOtherModes);
        }
    }
}

void write_ipvs_sysctls(int descriptor) {
    const auto home = current_namespace();
    NamespaceScope scope(home.get());
    scope.enter(descriptor);
    for (const auto& sysctl : ipvs_sysctls()) {
        write_sysctl(sysctl);
    }
}

} // namespace netemu
