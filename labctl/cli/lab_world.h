#pragma once

#include <vector>

#include "labctl/check/world.h"
#include "labctl/cli/client.h"
#include "labctl/probe/probe.h"

/// A running lab as the checks see it.
namespace labctl::cli {

check::World world_of(Client& client);
/// Has the lab send them; the results are in the order of the requests.
std::vector<probe::Result> run_probes(Client& client, const probe::RequestList& requests);

} // namespace labctl::cli
