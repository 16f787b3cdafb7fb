#pragma once

#include <functional>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::api {

/// The containers of a pod that run as long as it does: spec.containers, and behind them the init
/// containers with restartPolicy Always (KEP-753, sidecar containers). Valid as long as `pod`.
[[nodiscard]] std::vector<std::reference_wrapper<const Json>> running_containers(const Json& pod);

/// Whether an init container is one of those.
[[nodiscard]] bool is_sidecar_container(const Json& container);

} // namespace labctl::api
