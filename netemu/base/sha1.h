#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace netemu {

/// FIPS 180-4, section 6.1. For names and handshakes only: it is no longer fit for secrets.
[[nodiscard]] std::array<std::uint8_t, 20> sha1(std::string_view text);

} // namespace netemu
