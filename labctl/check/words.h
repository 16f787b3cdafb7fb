#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Small parts of sentences. Private to the room.
namespace labctl::check {

inline std::string quote(std::string_view text) {
    return "'" + std::string(text) + "'";
}

/// "1 pod", "3 pods".
inline std::string plural(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

} // namespace labctl::check
