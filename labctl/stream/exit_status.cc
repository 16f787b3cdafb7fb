#include "labctl/stream/exit_status.h"

#include <nlohmann/json.hpp>

namespace labctl::stream {

using nlohmann::json;

std::string exit_status(int code) {
    if (code == 0) {
        return json{{"metadata", json::object()}, {"status", "Success"}}.dump();
    }
    const auto text = std::to_string(code);
    return json{
        {"metadata", json::object()},
        {"status", "Failure"},
        {"reason", "NonZeroExitCode"},
        {"message", "command terminated with non-zero exit code: exit status " + text},
        {"details", {{"causes", {{{"reason", "ExitCode"}, {"message", text}}}}}}}
        .dump();
}

std::string failure_status(const std::string& why) {
    return json{
        {"metadata", json::object()},
        {"status", "Failure"},
        {"reason", "InternalError"},
        {"message", why},
        {"details", {{"causes", {{{"message", why}}}}}},
        {"code", 500}}
        .dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace labctl::stream
