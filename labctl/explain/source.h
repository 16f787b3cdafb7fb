#pragma once

#include "labctl/api/object.h"
#include "labctl/explain/way.h"
#include "labctl/store/store.h"

/// Whom the end of a connection sees as its client: the one place that knows.
namespace labctl::explain {

/// Adds to each branch that leads somewhere its "source", the address that the other end sees, sets
/// "masqueraded" where any rules on the way have translated it, and says so in the summary. Without
/// a way it is FROM's own address, or, of what a node's rules masquerade or a node itself sends,
/// the node's own.
void explain_sources(api::Json& explanation, const BranchWays& ways, const store::Store& store);

} // namespace labctl::explain
