#pragma once

#include "labctl/manifest/read.h"

namespace labctl::cli {

/// What `lint` says about the policies and Ingresses of an input that has been read, beyond their
/// validity: how they would do in a lab of these objects. In the order in which they are written.
manifest::Findings lint_objects(const manifest::ReadResult& input);

} // namespace labctl::cli
