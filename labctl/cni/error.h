#pragma once

#include <string>

#include "labctl/api/object.h"
#include "netemu/base/error.h"

namespace labctl::cni {

/// Codes of an error result (CNI specification 1.1.0, "Error"). From 100 on they are the plugin's
/// own.
enum class Code {
    IncompatibleVersion = 1,
    UnsupportedField = 2,   // the message names key and value
    ContainerUnknown = 3,   // the runtime need not clean up
    InvalidEnvironment = 4, // the message names the variable
    Io = 5,
    Decoding = 6,
    InvalidConfig = 7,
    TryAgainLater = 11,
    NotAvailable = 50,  // STATUS: ADD cannot be served
    NotConnected = 51,  // STATUS: nor are containers that are there already
    Internal = 100,     // ours: what failed is no fault of the request
    AlreadyThere = 101, // ours: ADD of what is attached, or of an interface that exists
    Disagreement = 102, // ours: CHECK found something else than ADD had made
    NotPermitted = 103, // ours: the lab has no rights over the container's namespace
};

/// What a plugin answers when it fails.
class CniError : public netemu::Error {
public:
    CniError(Code code, std::string message, std::string details = {});
    [[nodiscard]] Code code() const noexcept { return code_; }
    [[nodiscard]] const std::string& details() const noexcept { return details_; }
    /// {"cniVersion", "code", "msg", "details"}.
    [[nodiscard]] api::Json to_json(const std::string& version) const;

private:
    Code code_;
    std::string details_;
};

} // namespace labctl::cni
