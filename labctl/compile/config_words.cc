#include "labctl/compile/config_words.h"

#include <algorithm>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

std::string one_of(
    const api::Json& spec,
    const std::string& path,
    const std::string& fallback,
    const std::vector<std::string>& known) {
    auto value = api::string_at(spec, path, fallback);
    if (std::find(known.begin(), known.end(), value) == known.end()) {
        throw netemu::UsageError(
            "spec." + path + ": '" + value + "' is not available in this version",
            "available: " + netemu::join(known, ", "));
    }
    return value;
}

} // namespace labctl::compile
