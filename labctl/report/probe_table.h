#pragma once

#include <string>
#include <vector>

#include "labctl/probe/probe.h"

namespace labctl::report {

struct ProbeTableOptions {
    bool colour = false;
    bool headers = true;
};

/// Results of `labctl probe` for people: a line for each, in the order of the requests (results are
/// matched by id), then the totals when there are several. A request without a result says so.
std::string probe_table(
    const probe::RequestList& requests,
    const std::vector<probe::Result>& results,
    const ProbeTableOptions& options = {});

} // namespace labctl::report
