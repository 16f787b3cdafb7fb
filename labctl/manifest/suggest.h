#pragma once

#include <string>
#include <string_view>

#include "labctl/manifest/path.h"
#include "labctl/manifest/schema.h"

namespace labctl::manifest {

/// What the writer of an unknown field may have meant: a field of this type with a similar name, or
/// the place in the whole object where a field of that name belongs. Empty if nothing comes to
/// mind.
std::string suggest_field(
    std::string_view name,
    const schema::Struct& type,
    const schema::Struct& root,
    const Path& path);

} // namespace labctl::manifest
