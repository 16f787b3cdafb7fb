#pragma once

#include <string>

#include "labctl/api/object.h"

namespace labctl::manifest {

/// YAML as kubectl prints it: keys sorted, block style, lists not indented, texts quoted only where
/// they would read as something else. read_text and kubectl read it back as the same value. Ends
/// with a newline.
std::string to_yaml(const api::Json& value);

} // namespace labctl::manifest
