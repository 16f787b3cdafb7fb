#include "labctl/api/assertion_input.h"

namespace labctl::api {

const Source& AssertionInput::place_of(std::string path) const {
    while (!path.empty()) {
        if (const auto found = places.find(path); found != places.end()) {
            return found->second;
        }
        const auto dot = path.rfind('.');
        path.resize(dot == std::string::npos ? 0 : dot);
    }
    return source;
}

} // namespace labctl::api
