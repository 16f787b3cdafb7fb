#pragma once

#include <functional>
#include <optional>
#include <string>

#include "netemu/base/event_loop.h"

namespace netemu {

/// Runs `body` in a child process that has left for a network namespace of its own (and a user
/// namespace of its own where the caller may not do without), and returns what `body` returned, or
/// nullopt if it did not finish by `deadline`, failed, or the namespace was refused. The child is
/// gone when this returns. The calling process should be small and single-threaded (it forks).
/// `body` starts as the child does, and calls `isolate` itself, so that it can tell a refusal.
std::optional<std::string>
run_in_child(const std::function<std::string()>& body, Clock::time_point deadline);

/// For `run_in_child`: leaves for a new network namespace; makes a user namespace too if that is
/// what it takes. Returns 0 or the errno of the refusal.
int isolate() noexcept;

} // namespace netemu
