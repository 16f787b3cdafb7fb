#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"

/// Words of a Lab's spec of which there are few.
namespace labctl::compile {

/// The word at `path` in `spec`, or `fallback` where there is none. Throws netemu::UsageError that
/// lists `known` if it is none of them.
std::string one_of(
    const api::Json& spec,
    const std::string& path,
    const std::string& fallback,
    const std::vector<std::string>& known);

} // namespace labctl::compile
