#pragma once

#include "labctl/manifest/cursor.h"
#include "labctl/manifest/schema.h"

namespace labctl::manifest {

/// Checks an object against its table and completes it: drops nulls as the API server's decoder
/// does, puts defaults in, reports unknown fields (with a suggestion), wrong types, missing and
/// unacceptable values, and runs the rules of each type. `place` is where it stands in the whole
/// object.
void walk(api::Json& object, const schema::Struct& type, Report& report, const Path& place = {});

} // namespace labctl::manifest
