#pragma once

namespace labctl::cli {

/// Whether a container runtime calls us as a plugin: CNI_COMMAND is set, and there are no arguments
/// (CNI specification 1.1.0, section 2).
bool is_cni_call();

/// Answers the call: reads the configuration from standard input, prints a result or an error to
/// standard output. Returns the exit status: 0, or 1 with an error.
int run_cni_plugin();

} // namespace labctl::cli
