#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Numbers as WebSocket and SPDY have them on the wire: the highest byte first. Pure.
namespace labctl::stream {

/// The lowest `size` bytes of a number.
inline std::string big_endian(std::uint64_t value, std::size_t size) {
    std::string bytes;
    for (std::size_t i = size; i > 0; --i) {
        bytes += static_cast<char>(value >> (8 * (i - 1)) & 0xffU);
    }
    return bytes;
}

/// The number that these bytes are; 8 of them at most.
inline std::uint64_t from_big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char each : bytes) {
        value = value << 8U | static_cast<unsigned char>(each);
    }
    return value;
}

} // namespace labctl::stream
