#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace labctl::cli {

/// What `dev new` writes: files of a small exercise that passes `dev test`.
using TemplateFiles = std::vector<std::pair<std::string_view, std::string_view>>;
const TemplateFiles& challenge_template();
const TemplateFiles& quiz_template();

} // namespace labctl::cli
