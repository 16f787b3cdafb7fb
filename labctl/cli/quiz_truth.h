#pragma once

#include <string>

#include "labctl/cli/context.h"
#include "labctl/learn/quiz.h"

namespace labctl::cli {

/// What is right, once the manifests of the question are applied to that lab, which is asked where
/// nothing else says it.
learn::Truth find_truth(
    const Context& context,
    const learn::Variant& variant,
    const learn::Question& question,
    const std::string& lab);

} // namespace labctl::cli
