#pragma once

#include "labctl/manifest/cursor.h"

namespace labctl::manifest {

/// The metadata of an object of this kind: name (and its syntax), namespace, annotations, owners.
void check_metadata(const Cursor& object, const api::KindInfo* kind);

/// Whether the object's metadata.labels satisfy a label selector; both as written.
bool selector_matches(const Cursor& selector, const Cursor& labels);

/// `selector` of a workload's spec: there, not empty, and satisfied by the labels of its template.
/// `kind` is how the API server's message names it ("deployment").
void check_workload_selector(const Cursor& spec, std::string_view kind);

} // namespace labctl::manifest
