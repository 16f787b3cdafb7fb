#pragma once

#include <string_view>

namespace mesh::detail {

/// The digit x of "HTTP/1.x"; -1 for another major version; -2 for anything else.
inline int minor_version(std::string_view text) {
    constexpr std::string_view kName = "HTTP/";
    if (text.size() != kName.size() + 3 || !text.starts_with(kName) || text[6] != '.') {
        return -2;
    }
    const char major = text[5];
    const char minor = text[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9') {
        return -2;
    }
    return major == '1' ? minor - '0' : -1;
}

} // namespace mesh::detail
