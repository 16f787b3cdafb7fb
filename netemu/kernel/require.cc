#include "netemu/kernel/require.h"

#include <algorithm>
#include <cstring>

#include "netemu/base/error.h"
#include "netemu/kernel/feature_probes.h"
#include "netemu/kernel/namespace_scope.h"

namespace netemu {

void require_feature(const std::string& name, const std::string& what) {
    const auto& probes = feature_probes();
    const auto probe = std::find_if(
        probes.begin(), probes.end(), [&](const auto& each) { return each.name == name; });
    if (probe == probes.end()) {
        throw Error("there is no feature '" + name + "'");
    }
    const auto home = current_namespace();
    NamespaceScope scope(home.get());
    const auto fresh = scope.create();
    if (const int error = probe->run(); error != 0) {
        throw UnsupportedError(what + ": " + std::strerror(error), probe->remedy); // NOLINT
    }
}

} // namespace netemu
