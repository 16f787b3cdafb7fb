#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace labctl::manifest {

struct Explanation {
    std::string message;
    std::string hint;
};

/// What a user can do about a problem that libyaml reports at `line` and `column` (from 0) of
/// `input`.
Explanation explain_yaml_problem(
    std::string_view problem,
    std::string_view context,
    std::string_view input,
    std::size_t line,
    std::size_t column);

} // namespace labctl::manifest
