#include "labctl/cni/error.h"

namespace labctl::cni {

CniError::CniError(Code code, std::string message, std::string details)
    : Error(std::move(message)), code_(code), details_(std::move(details)) {
}

api::Json CniError::to_json(const std::string& version) const {
    api::Json json{{"cniVersion", version}, {"code", static_cast<int>(code_)}, {"msg", what()}};
    if (!details_.empty()) {
        json["details"] = details_;
    }
    return json;
}

} // namespace labctl::cni
