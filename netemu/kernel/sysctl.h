#pragma once

#include <span>

#include "netemu/model/network.h"

namespace netemu {

/// Writes a value under /proc/sys. What is under net/ belongs to the network namespace in which the
/// calling thread is. `tolerated` are errno values that do not matter. Throws SysError otherwise.
void write_sysctl(const SysctlSpec& sysctl, std::span<const int> tolerated = {});

} // namespace netemu
