#pragma once

#include "labctl/cli/context.h"

/// Commands that judge, look ahead or draw: each returns the exit status.
namespace labctl::cli {

int run_probe(const Context& context);
int run_check(const Context& context);
int run_explain(const Context& context);
int run_plan(const Context& context);
int run_lint(const Context& context);
int run_graph(const Context& context);

/// And those that need no lab at all.
int run_version(const Context& context);
int run_completion(const Context& context);

} // namespace labctl::cli
