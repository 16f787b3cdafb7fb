#pragma once

#include <CLI/CLI.hpp>

#include "netemu/base/error.h"

namespace labctl::cli {

/// What is wrong with a command line that `app` refused with `error`, in the words of every other
/// error of labctl: what was not understood, and what to write instead.
netemu::UsageError usage_error(const CLI::App& app, const CLI::ParseError& error);

} // namespace labctl::cli
