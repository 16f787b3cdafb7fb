#pragma once

#include <string>

#include "labctl/api/object.h"

/// What `labctl explain FROM http://HOST/PATH` shows where a Gateway has the host, from the JSON of
/// the control API (explain::explain_gateway).
namespace labctl::report {

/// The listener, the rules in the order in which they are tried, filters and backends, or the
/// answer of the Gateway itself; then what is wrong with the Gateway and routes for the host. With
/// colour, ANSI escape sequences.
std::string gateway_explain_text(const api::Json& explanation, bool colour = false);

} // namespace labctl::report
