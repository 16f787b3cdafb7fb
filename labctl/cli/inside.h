#pragma once

#include "labctl/cli/context.h"

/// Commands that run something inside a pod, a node or the external host.
namespace labctl::cli {

/// `exec TARGET -- CMD`: returns the command's own exit status (128 + N when a signal N ended it,
/// 127 when it was not found, 126 when it could not be run).
int run_exec(const Context& context);
/// `shell TARGET`: $SHELL or a shell that is there, with a prompt that says where one is.
int run_shell(const Context& context);

} // namespace labctl::cli
