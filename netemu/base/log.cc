#include "netemu/base/log.h"

#include <memory>
#include <mutex>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace netemu {
namespace {

std::shared_ptr<spdlog::logger> logger_of(const std::string& component) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    if (auto existing = spdlog::get(component)) {
        return existing;
    }
    auto created = spdlog::stderr_logger_mt(component);
    created->set_pattern("%H:%M:%S.%f %l %n: %v");
    created->set_level(spdlog::get_level());
    return created;
}

} // namespace

void log(LogLevel level, const std::string& component, const std::string& text) {
    const auto logger = logger_of(component);
    switch (level) {
    case LogLevel::Debug:
        logger->debug(text);
        return;
    case LogLevel::Warning:
        logger->warn(text);
        return;
    case LogLevel::Error:
        logger->error(text);
        return;
    }
}

void set_log_verbosity(int verbosity) {
    const auto level = verbosity <= 1 ? spdlog::level::warn : spdlog::level::debug;
    spdlog::set_level(level);
}

} // namespace netemu
