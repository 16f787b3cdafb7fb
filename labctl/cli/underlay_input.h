#pragma once

#include "labctl/api/object.h"

namespace labctl::cli {

/// Reads the configuration of a lab, to say now what this version cannot do. Throws
/// manifest::ManifestError, with every place in the lab file, for an underlay that cannot be, and
/// netemu::UsageError as compile::ClusterConfig::from_lab does.
void check_lab_config(const api::Object& lab);

} // namespace labctl::cli
