#pragma once

#include <memory>
#include <string>

#include <spdlog/logger.h>

namespace netemu {

/// The logger of one component ("kernel", "dataplane", ...), to stderr. Libraries log at debug and
/// trace only; whoever handles an error logs it, once. Thread-safe.
std::shared_ptr<spdlog::logger> logger(const std::string& component);

/// Sets the level of all present and future loggers: 0 warnings, 1 info, 2 debug, 3 and more trace.
void set_log_verbosity(int verbosity);

} // namespace netemu
