#include "netemu/base/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace netemu {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    for (;;) {
        const auto end = text.find(separator, start);
        parts.push_back(text.substr(start, end - start));
        if (end == std::string_view::npos) {
            return parts;
        }
        start = end + 1;
    }
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
    std::string result;
    for (const auto& part : parts) {
        if (&part != &parts.front()) {
            result += separator;
        }
        result += part;
    }
    return result;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string to_lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return result;
}

std::uint32_t fnv1a(std::string_view text) {
    std::uint32_t hash = 2166136261U;
    for (const char c : text) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
    }
    return hash;
}

bool glob_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t retry = 0;
    while (t < text.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) &&
            pattern[p] != '*') {
            ++p;
            ++t;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

namespace {

/// Letters put in, left out, changed, or swapped with their neighbour: each counts one (the
/// restricted Damerau-Levenshtein distance).
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1); // of the letter before the last
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
    }
    return row[b.size()];
}

} // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
    constexpr std::size_t kWordMax = 128;
    if (word.size() > kWordMax) {
        return std::nullopt;
    }
    const auto lower = to_lower(word);
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::optional<std::string> result;
    for (const auto& candidate : candidates) {
        const auto distance = edit_distance(lower, to_lower(candidate));
        if (distance < best) {
            best = distance;
            result = candidate;
        }
    }
    return result;
}

std::optional<std::uint64_t> parse_duration_us(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, double>, 5> kUnits{
        {{"us", 1.0}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}}};
    double total = 0;
    if (text.empty()) {
        return std::nullopt;
    }
    for (bool first = true; !text.empty(); first = false) {
        double number = 0;
        const auto parsed = std::from_chars(
            text.data(), text.data() + text.size(), number, std::chars_format::fixed);
        if (parsed.ec != std::errc{} || text.front() == '-' || !std::isfinite(number)) {
            return std::nullopt;
        }
        text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
        const auto unit_end = std::min(text.find_first_of("0123456789."), text.size());
        const auto name = text.substr(0, unit_end);
        const auto* unit = std::find_if(
            kUnits.begin(), kUnits.end(), [&](const auto& u) { return u.first == name; });
        const bool plain = first && text.empty(); // a number of seconds, and nothing else
        if (unit == kUnits.end() && !plain) {
            return std::nullopt;
        }
        total += number * (plain ? 1e6 : unit->second);
        text.remove_prefix(unit_end);
    }
    constexpr double kMax = 1e15; // about thirty years
    return total <= kMax ? std::optional(static_cast<std::uint64_t>(total)) : std::nullopt;
}

std::string plain_duration(std::uint64_t microseconds) {
    constexpr std::uint64_t kMs = 1000;
    constexpr std::uint64_t kSecond = 1000 * kMs;
    if (microseconds % kSecond == 0) {
        return std::to_string(microseconds / kSecond) + "s";
    }
    return microseconds % kMs == 0 ? std::to_string(microseconds / kMs) + "ms"
                                   : std::to_string(microseconds) + "us";
}

std::string percent_text(std::uint32_t millionths) {
    constexpr std::uint32_t kPercent = 10'000;
    auto text = std::to_string(millionths / kPercent);
    if (const auto rest = millionths % kPercent; rest != 0) {
        auto digits = std::to_string(kPercent + rest).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        text += "." + digits;
    }
    return text + "%";
}

std::string format_duration_us(std::uint64_t microseconds) {
    std::array<char, 32> buffer{};
    const auto us = static_cast<double>(microseconds);
    if (microseconds < 1000) {
        std::snprintf(buffer.data(), buffer.size(), "%.0f us", us);
    } else if (microseconds < 1000000) {
        std::snprintf(buffer.data(), buffer.size(), us < 1e5 ? "%.1f ms" : "%.0f ms", us / 1e3);
    } else if (microseconds < 60000000) {
        std::snprintf(buffer.data(), buffer.size(), "%.2f s", us / 1e6);
    } else {
        const auto seconds = microseconds / 1000000;
        std::snprintf(
            buffer.data(),
            buffer.size(),
            "%llum%02llus",
            static_cast<unsigned long long>(seconds / 60),
            static_cast<unsigned long long>(seconds % 60));
    }
    return buffer.data();
}

} // namespace netemu
