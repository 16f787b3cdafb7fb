#pragma once

#include "labctl/cli/context.h"

/// kubectl, and whatever else takes a kubeconfig, as a client of a lab.
namespace labctl::cli {

/// `kubectl ARGUMENT...`: runs the host's kubectl on the lab; returns its status (128 + N when a
/// signal N ended it). Throws UsageError where there is no kubectl.
int run_kubectl(const Context& context);
/// `proxy [--port N]`: keeps the lab's API on a port of 127.0.0.1 and a kubeconfig for it until it
/// is interrupted.
int run_proxy(const Context& context);

} // namespace labctl::cli
