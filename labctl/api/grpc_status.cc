#include "labctl/api/grpc_status.h"

#include <algorithm>

namespace labctl::api {

const std::vector<std::string>& grpc_status_names() {
    static const std::vector<std::string> kNames{
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED"};
    return kNames;
}

std::string grpc_status_name(int code) {
    const auto& names = grpc_status_names();
    const bool known = code >= 0 && static_cast<std::size_t>(code) < names.size();
    return known ? names[static_cast<std::size_t>(code)] : std::to_string(code);
}

std::optional<int> grpc_status_named(std::string_view name) {
    const auto& names = grpc_status_names();
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt
                                : std::optional(static_cast<int>(found - names.begin()));
}

} // namespace labctl::api
