#pragma once

#include "labctl/cli/context.h"

namespace labctl::cli {

/// `explain --cni POD`: the calls of CNI plugins that made the pod's network, or what the lab did
/// in their place.
int run_explain_cni(const Context& context);

} // namespace labctl::cli
