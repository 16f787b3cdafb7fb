#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace dns {

/// The byte that an escape in a zone file stands for (RFC 1035, section 5.1): \DDD is the byte with
/// that decimal number, \X is X. `at` stands behind the backslash and is moved behind the escape.
/// nullopt when there is no such escape; `at` is then anywhere in it.
std::optional<char> read_escape(std::string_view text, std::size_t& at);

} // namespace dns
