#pragma once

#include <cstddef>
#include <string>

#include "labctl/api/object.h"

/// What `labctl explain FROM http://HOST/PATH` shows, from the JSON of the control API
/// (compile::explain_ingress).
namespace labctl::report {

/// The host's rule, the paths in the order in which they are tried, the backend and its endpoints;
/// or the answer of the controller itself, and why. With colour, ANSI escape sequences.
std::string ingress_explain_text(const api::Json& explanation, bool colour = false);

/// {"name", "addresses", "pods"} of who answers, in lines; all but the first are indented.
std::string edge_controller_text(const api::Json& controller, std::size_t indent);

} // namespace labctl::report
