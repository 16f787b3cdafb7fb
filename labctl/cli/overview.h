#pragma once

#include <cstdint>

#include "labctl/cli/context.h"

namespace labctl::cli {

/// What `up` ends with: the table of what is up, the time it took, and one suggested next command.
void print_overview(
    const Context& context,
    Client& client,
    const supervisor::LabPaths& paths,
    std::uint64_t elapsed_us);

} // namespace labctl::cli
