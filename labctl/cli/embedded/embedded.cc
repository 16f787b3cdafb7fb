#include "labctl/cli/embedded/embedded.h"

#include <string>

#include "labctl/cli/embedded/table.h"
#include "netemu/base/error.h"

namespace labctl::cli {

std::string_view embedded_file(std::string_view path) {
    for (const EmbeddedFile& file : embedded_table()) {
        if (file.path == path) {
            return file.text;
        }
    }
    throw netemu::Error("no file '" + std::string(path) + "' was built into this program");
}

std::vector<std::string_view> embedded_files(std::string_view prefix) {
    std::vector<std::string_view> paths;
    for (const EmbeddedFile& file : embedded_table()) {
        if (file.path.starts_with(prefix)) {
            paths.push_back(file.path);
        }
    }
    return paths;
}

} // namespace labctl::cli
