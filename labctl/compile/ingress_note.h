#pragma once

#include <string>

#include "labctl/api/object.h"

namespace labctl::compile {

/// What is to be told of an Ingress, as an Event or by `lint`.
struct IngressNote {
    api::ObjectPtr ingress;
    bool warning = false;
    const char* reason = ""; // of an Event; of static storage
    std::string text;
    std::string path; // inside the Ingress: "spec.rules[0].http.paths[1].backend"
};

} // namespace labctl::compile
