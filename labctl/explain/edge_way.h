#pragma once

#include <functional>

#include "labctl/api/object.h"
#include "labctl/explain/connection.h"

namespace labctl::explain {

/// Explains one connection, policies included: explain_path and what is added to it.
using ConnectionExplainer = std::function<api::Json(const ExplainQuestion& question)>;

/// Adds to what explain_ingress or explain_gateway made of `question` whether the connections that
/// it takes are let through: "arrival": {"outcome", "summary"} of FROM's to the controller or
/// Gateway, and to each endpoint, of those from its pods, "policy": {"allowed", "text"}, the first
/// that is denied if there is one. Where nobody is let through the outcome becomes "denied", and
/// "denial" says why; "status" is what a client is answered then, 504, or 0 where it does not come
/// so far. Where some are, "denial" alone says who is not. Looks at the first connections only,
/// where there are many.
void explain_edge_way(
    api::Json& answer, const ExplainQuestion& question, const ConnectionExplainer& explain);

} // namespace labctl::explain
