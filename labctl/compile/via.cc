#include "labctl/compile/via.h"

#include <algorithm>

#include "netemu/base/error.h"

namespace labctl::compile {

std::uint32_t via_mark(std::size_t index) {
    constexpr std::uint32_t kFirst = 1000; // clear of the kernel's own tables, 253 to 255
    return kFirst + static_cast<std::uint32_t>(index);
}

std::uint32_t via_mark(const ClusterConfig& config, const std::string& node) {
    const auto found = std::find_if(config.nodes.begin(), config.nodes.end(), [&](const auto& candidate) {
        return candidate.name == node;
    });
    if (found == config.nodes.end()) {
        throw netemu::UsageError("via '" + node + "': no such node", "`labctl get nodes` lists them");
    }
    return via_mark(static_cast<std::size_t>(found - config.nodes.begin()));
}

} // namespace labctl::compile
