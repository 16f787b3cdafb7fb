#include "labctl/cni/version.h"

#include <algorithm>

namespace labctl::cni {

const std::vector<std::string>& supported_versions() {
    static const std::vector<std::string> kAll{"0.3.0", "0.3.1", "0.4.0", "1.0.0", kVersion};
    return kAll;
}

bool is_supported(std::string_view version) {
    const auto& all = supported_versions();
    return std::find(all.begin(), all.end(), version) != all.end();
}

bool at_least(std::string_view version, std::string_view other) {
    const auto& all = supported_versions();
    return std::find(all.begin(), all.end(), version) >= std::find(all.begin(), all.end(), other);
}

} // namespace labctl::cni
