#pragma once

#include <string>

#include "labctl/api/object.h"

/// What sidecars do with a connection or a request, from "mesh" of an Explanation of the control
/// API (compile::explain_mesh).
namespace labctl::report {

/// FROM, the request or target, and the story; its last line is the verdict. For a URL, of which
/// the rules of nodes are not told. With colour, ANSI escape sequences.
std::string mesh_explain_text(const api::Json& explanation, bool colour = false);

/// What FROM does with it, and what becomes of it at the other end: the endpoints, the pods, hints.
/// "" where the explanation has no story.
std::string mesh_from_text(const api::Json& explanation, bool colour = false);
std::string mesh_to_text(const api::Json& explanation, bool colour = false);

} // namespace labctl::report
