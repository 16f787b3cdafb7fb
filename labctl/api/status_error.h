#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "netemu/base/error.h"

namespace labctl::api {

/// A request that the API refuses, as a Kubernetes API server would refuse it: an HTTP status, a
/// reason of metav1.StatusReason ("NotFound", "Invalid", ...) and the server's wording. Exit
/// status 2.
class StatusError : public netemu::UsageError {
public:
    StatusError(int code, std::string reason, const std::string& message, std::string hint = {});

    [[nodiscard]] int code() const noexcept { return code_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    /// The metav1.Status object that is the body of the answer.
    [[nodiscard]] nlohmann::json to_json() const;

    // The wordings of k8s.io/apimachinery/pkg/api/errors. `resource` is the plural, `kind` the
    // kind.
    static StatusError not_found(const std::string& resource, const std::string& name);
    static StatusError already_exists(const std::string& resource, const std::string& name);
    static StatusError
    forbidden(const std::string& resource, const std::string& name, const std::string& why);
    static StatusError
    conflict(const std::string& resource, const std::string& name, const std::string& why);
    /// `why` starts with the path of the field: "spec.selector: Invalid value: ...".
    static StatusError
    invalid(const std::string& kind, const std::string& name, const std::string& why);
    static StatusError bad_request(const std::string& message);

private:
    int code_;
    std::string reason_;
};

} // namespace labctl::api
