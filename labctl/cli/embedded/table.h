#pragma once

#include <string_view>
#include <vector>

namespace labctl::cli {

struct EmbeddedFile {
    std::string_view path;
    std::string_view text;
};

/// Every file that the build has put into the binary, sorted by path. Generated; see embed.cmake.
const std::vector<EmbeddedFile>& embedded_table();

} // namespace labctl::cli
