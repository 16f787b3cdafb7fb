#pragma once

#include <string>
#include <vector>

/// What a network namespace tells in the files of /proc/net.
namespace netemu {

/// Longest file that is read; a longer one is refused.
inline constexpr std::size_t kProcNetBytesMax = 64U << 20U;

/// The contents of /proc/net/NAME of each name, as the namespace that `descriptor` stands for has
/// it; empty where there is no such file. The thread is back in its own namespace when this
/// returns. Throws SysError, and Error for a file that is too long.
std::vector<std::string> read_proc_net(int descriptor, const std::vector<std::string>& names);

} // namespace netemu
