#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "netemu/base/unique_fd.h"

namespace netemu {

/// A file in memory, close-on-exec, with `text` from `offset` on: input for a child that is as long
/// as it likes, where a pipe would have a limit. Throws SysError.
UniqueFd memory_file(std::string_view text, std::size_t offset = 0);

/// What is in such a file from `offset` on, `max` bytes of it at most, wherever its position is.
std::string
memory_text(int file, std::size_t offset = 0, std::size_t max = static_cast<std::size_t>(-1));

} // namespace netemu
