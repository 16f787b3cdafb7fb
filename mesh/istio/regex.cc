#include <re2/re2.h>

#include "mesh/istio/traffic.h"

namespace mesh::istio {
namespace {

constexpr std::int64_t kRegexMemory = 1 << 20; // bytes, program and cache: a limit of ours

re2::RE2::Options regex_options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kRegexMemory);
    return options;
}

re2::StringPiece piece(std::string_view text) {
    return {text.data(), text.size()};
}

} // namespace

struct Regex::Compiled {
    explicit Compiled(const std::string& text) : expression(text, regex_options()) {}
    re2::RE2 expression;
};

Regex::Regex(std::string text) : text_(std::move(text)) {
    auto compiled = std::make_shared<const Compiled>(text_);
    if (compiled->expression.ok()) {
        compiled_ = std::move(compiled);
    }
}

bool Regex::matches_all_of(std::string_view value) const {
    return compiled_ != nullptr && re2::RE2::FullMatch(piece(value), compiled_->expression);
}

std::string Regex::replace_all(std::string_view value, const std::string& by) const {
    std::string replaced(value);
    if (compiled_ != nullptr) {
        re2::RE2::GlobalReplace(&replaced, compiled_->expression, by);
    }
    return replaced;
}

} // namespace mesh::istio
