#pragma once

#include <functional>
#include <vector>

#include "labctl/api/assertion_input.h"
#include "labctl/check/assertion.h"

namespace labctl::cli {

/// Calls `read`, which reads files, and makes assertions of what it returns. Throws
/// check::CheckError, or, if `read` throws a manifest::ManifestError, one with all that is wrong,
/// with the files and with the assertions in them.
std::vector<check::Assertion>
assertions_of(const std::function<std::vector<api::AssertionInput>()>& read);

} // namespace labctl::cli
