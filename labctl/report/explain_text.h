#pragma once

#include <string>

#include "labctl/api/object.h"

/// What `labctl explain` and `labctl get affinity` show, from the JSON of the control API (kinds
/// Explanation and AffinityList).
namespace labctl::report {

struct ExplainTextOptions {
    bool colour = false;
};

/// The path of a new connection, top to bottom: the two ends, each node with the rules that match
/// there, every choice with its probability, the endpoints with the reason why some are not
/// chosen, and the outcome as the last line.
std::string explain_text(const api::Json& explanation, const ExplainTextOptions& options = {});

/// A line for each client that is remembered.
std::string affinity_table(const api::Json& list, bool show_namespace);

} // namespace labctl::report
