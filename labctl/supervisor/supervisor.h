#pragma once

#include <string>
#include <vector>

namespace labctl::supervisor {

/// `labctl __supervisor`: the process that is the lab. Everything that the lab has hangs on it:
/// namespaces on its descriptors, processes on its pid namespace. Returns the exit status.
int run_supervisor(const std::vector<std::string>& arguments);

} // namespace labctl::supervisor
