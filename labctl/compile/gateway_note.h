#pragma once

#include <string>

#include "labctl/api/object.h"

namespace labctl::compile {

/// What is to be told of a Gateway or of an HTTPRoute of one, as an Event or by `lint`.
struct GatewayNote {
    api::ObjectPtr object;
    const char* reason = ""; // of an Event; of static storage
    std::string text;
    std::string path; // inside the object: "spec.rules[0].backendRefs[1]"
};

} // namespace labctl::compile
