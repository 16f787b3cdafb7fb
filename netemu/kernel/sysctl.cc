#include "netemu/kernel/sysctl.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/unique_fd.h"

namespace netemu {

void write_sysctl(const SysctlSpec& sysctl, std::span<const int> tolerated) {
    // No reading first: what costs is to find the name among those of all namespaces, and a read
    // would have to do that too.
    const UniqueFd fd(::open(("/proc/sys/" + sysctl.key).c_str(), O_WRONLY | O_CLOEXEC));
    const auto size = static_cast<ssize_t>(sysctl.value.size());
    if (fd && ::write(fd.get(), sysctl.value.data(), sysctl.value.size()) == size) {
        return;
    }
    const int error = errno;
    if (std::find(tolerated.begin(), tolerated.end(), error) == tolerated.end()) {
        throw SysError("write \"" + sysctl.value + "\" to /proc/sys/" + sysctl.key, error);
    }
}

} // namespace netemu
