#include "labctl/api/status_error.h"

#include <nlohmann/json.hpp>

namespace labctl::api {

namespace {

std::string quoted(const std::string& resource, const std::string& name) {
    return resource + " \"" + name + "\"";
}

} // namespace

StatusError::StatusError(int code, std::string reason, const std::string& message, std::string hint)
    : UsageError(message, std::move(hint)), code_(code), reason_(std::move(reason)) {
}

nlohmann::json StatusError::to_json() const {
    return {
        {"kind", "Status"},
        {"apiVersion", "v1"},
        {"metadata", nlohmann::json::object()},
        {"status", "Failure"},
        {"message", what()},
        {"reason", reason_},
        {"code", code_}};
}

StatusError StatusError::not_found(const std::string& resource, const std::string& name) {
    return {404, "NotFound", quoted(resource, name) + " not found"};
}

StatusError StatusError::already_exists(const std::string& resource, const std::string& name) {
    return {409, "AlreadyExists", quoted(resource, name) + " already exists"};
}

StatusError StatusError::forbidden(
    const std::string& resource, const std::string& name, const std::string& why) {
    return {403, "Forbidden", quoted(resource, name) + " is forbidden: " + why};
}

StatusError StatusError::conflict(
    const std::string& resource, const std::string& name, const std::string& why) {
    return {
        409, "Conflict", "Operation cannot be fulfilled on " + quoted(resource, name) + ": " + why};
}

StatusError
StatusError::invalid(const std::string& kind, const std::string& name, const std::string& why) {
    return {422, "Invalid", quoted(kind, name) + " is invalid: " + why};
}

StatusError StatusError::bad_request(const std::string& message) {
    return {400, "BadRequest", message};
}

} // namespace labctl::api
