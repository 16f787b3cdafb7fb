#pragma once

#include <map>
#include <string>
#include <string_view>

namespace labctl::manifest {

/// The text with the value for each "${NAME}" of a known variable, once; everything else as it is.
std::string substitute(std::string_view text, const std::map<std::string, std::string>& variables);

} // namespace labctl::manifest
