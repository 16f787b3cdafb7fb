#pragma once

#include <cstdint>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cli/context.h"

namespace labctl::cli {

/// Nodes, pods, workloads, Services and checks of the lab.
std::vector<api::ObjectPtr> lab_objects(Client& client);

/// What `up` ends with: the table of what is up, the time it took, and one suggested next command.
void print_overview(
    const Context& context,
    Client& client,
    const supervisor::LabPaths& paths,
    std::uint64_t elapsed_us);

} // namespace labctl::cli
