#pragma once

#include "labctl/cli/context.h"

/// Commands for learning: each returns the exit status.
namespace labctl::cli {

int run_challenge(const Context& context);
int run_quiz(const Context& context);
/// Judges what was handed in for a challenge, each in a fresh lab.
int run_grade(const Context& context);
/// For authors: new, lint, test.
int run_dev(const Context& context);

} // namespace labctl::cli
