#pragma once

#include "labctl/check/parse.h"
#include "labctl/manifest/read.h"

/// A lab keeps its checks as objects. Where each assertion was written goes along in an annotation,
/// so that a verdict points at a line of the file wherever it is asked for.
namespace labctl::cli {

/// Writes the places of these entries, which are those of the object in their order.
void note_places(api::Object& check, std::span<const api::AssertionInput> entries);
/// The same for every Check object of an input.
void note_places(manifest::ReadResult& input);
/// What was written; a place without a file where nothing was.
check::SourceOf places_of(const api::Json& check);

} // namespace labctl::cli
