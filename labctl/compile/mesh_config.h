#pragma once

#include "labctl/api/object.h"

namespace labctl::compile {

struct ClusterConfig;

/// Reads spec.mesh of a Lab. Throws netemu::UsageError for what it cannot be.
void read_mesh(ClusterConfig& config, const api::Json& mesh);

} // namespace labctl::compile
