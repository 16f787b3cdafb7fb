#include "netemu/kernel/netem.h"

#include <algorithm>

#include "netemu/kernel/feature_probes.h"
#include "netemu/kernel/namespace_scope.h"

namespace netemu {

bool has_netem() {
    const auto home = current_namespace();
    NamespaceScope scope(home.get());
    const auto fresh = scope.create();
    const auto& probes = feature_probes();
    const auto probe = std::find_if(
        probes.begin(), probes.end(), [](const auto& each) { return each.name == "netem"; });
    return probe != probes.end() && probe->run() == 0;
}

} // namespace netemu
