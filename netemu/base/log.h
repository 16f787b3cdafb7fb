#pragma once

#include <cstdint>
#include <string>

namespace netemu {

enum class LogLevel : std::uint8_t { Debug, Warning, Error };

/// One line of a component ("kernel", "dataplane", ...) to stderr, with the time of day; nothing
/// below the wanted level. Libraries log at debug only; whoever handles an error logs it, once.
/// Thread-safe.
void log(LogLevel level, const std::string& component, const std::string& text);
inline void log_debug(const std::string& component, const std::string& text) {
    log(LogLevel::Debug, component, text);
}
inline void log_warning(const std::string& component, const std::string& text) {
    log(LogLevel::Warning, component, text);
}
inline void log_error(const std::string& component, const std::string& text) {
    log(LogLevel::Error, component, text);
}

/// The lowest level that is written, in all components: up to 1 warnings, from 2 on debug.
void set_log_verbosity(int verbosity);

} // namespace netemu
