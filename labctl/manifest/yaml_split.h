#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "labctl/manifest/yaml_parse.h"

namespace labctl::manifest {

/// The first byte of `text` that no YAML may hold: invalid UTF-8 (RFC 3629), NUL and other control
/// characters (YAML 1.1, section 4.1.1), a UTF-16 mark. Nothing if all is well.
std::optional<SyntaxError> find_bad_text(std::string_view text);

/// Cuts a file into its documents: at lines that start with "---" (so that a mistake in one
/// document does not hide those in the next), and between JSON values that follow each other.
/// Documents without content are left out. A UTF-8 byte order mark at the start is skipped.
std::vector<Chunk> split_documents(std::string_view text);

} // namespace labctl::manifest
