#include "netemu/base/log.h"

#include <mutex>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace netemu {

std::shared_ptr<spdlog::logger> logger(const std::string& component) {
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

void set_log_verbosity(int verbosity) {
    const auto level = verbosity <= 0   ? spdlog::level::warn
                       : verbosity == 1 ? spdlog::level::info
                       : verbosity == 2 ? spdlog::level::debug
                                        : spdlog::level::trace;
    spdlog::set_level(level);
}

} // namespace netemu
