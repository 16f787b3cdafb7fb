#pragma once

#include <string>

#include "labctl/api/object.h"

/// What `labctl explain POD dns://NAME` and `labctl events -w --dns` show, from the JSON of the
/// control API.
namespace labctl::report {

/// The resolver's configuration, a line for each query in the order in which they left, and the
/// outcome as the last line.
std::string dns_explain_text(const api::Json& explanation, bool colour = false);

/// "23:27:18.123  default/client  A  web.default.svc.cluster.local.  NOERROR  kubernetes  ...",
/// with its line feed.
std::string dns_event_line(const api::Json& event, bool colour = false);

} // namespace labctl::report
