#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace labctl::manifest {

/// The parts, one after the other, in one allocation.
inline std::string compose(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const auto part : parts) {
        size += part.size();
    }
    std::string text;
    text.reserve(size);
    for (const auto part : parts) {
        text += part;
    }
    return text;
}

} // namespace labctl::manifest
