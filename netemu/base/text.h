#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netemu {

/// Splits at every `separator`; "a,,b" gives {"a", "", "b"}; "" gives {""}.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower(std::string_view text);
/// The value of a hexadecimal digit, or -1.
int hex_digit(char c);

/// FNV-1a, 32 bit: stable across runs and machines; for names, never for security.
std::uint32_t fnv1a(std::string_view text);

/// Shell-style pattern with `*` and `?`; the whole of `text` must match.
bool glob_match(std::string_view pattern, std::string_view text);

/// The candidate that is nearest to `word` by edit distance, if it is near enough to be a slip of
/// the fingers (at most a third of its length, at least 1). For "did you mean" hints.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// "3s", "500ms", "2m", "1h", "250us", "1.5s", or a plain number of seconds; nullopt when malformed
/// or negative.
std::optional<std::uint64_t> parse_duration_us(std::string_view text);
/// What parse_duration_us reads, a whole number of the largest unit: "3s", "250ms", "90us".
std::string plain_duration(std::uint64_t microseconds);
/// "1%", "0.05%", of millionths.
std::string percent_text(std::uint32_t millionths);
/// A duration as people read it: "850 us", "12.3 ms", "1.24 s", "3m12s".
std::string format_duration_us(std::uint64_t microseconds);

} // namespace netemu
