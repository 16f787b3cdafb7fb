#include "labctl/report/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace labctl::report {

namespace {

struct CodePoint {
    char32_t value = 0;
    std::size_t bytes = 1;
    bool valid = false;
};

/// The character at the beginning of `text`, as RFC 3629 has it: no overlong forms, no surrogates.
CodePoint decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80) {
        return {first, 1, true};
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) {
        return {0xFFFD, 1, false};
    }
    char32_t value = first & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) {
            return {0xFFFD, 1, false};
        }
        value = (value << 6U) | (byte(i) & 0x3FU);
    }
    static constexpr std::array<char32_t, 5> kLowest{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (value < kLowest.at(length) || value > 0x10FFFF || surrogate) {
        return {0xFFFD, 1, false};
    }
    return {value, length, true};
}

using Range = std::pair<char32_t, char32_t>;

bool in_ranges(char32_t c, const Range* first, const Range* last) {
    return std::any_of(first, last, [c](const Range& r) { return r.first <= c && c <= r.second; });
}

/// Unicode 15: the combining marks, joiners and variation selectors that terminals draw over what
/// is there.
bool is_zero_width(char32_t c) {
    static constexpr std::array<Range, 14> kRanges{
        {{0x0300, 0x036F},
         {0x0483, 0x0489},
         {0x0591, 0x05BD},
         {0x0610, 0x061A},
         {0x064B, 0x065F},
         {0x0E31, 0x0E31},
         {0x0E34, 0x0E3A},
         {0x1AB0, 0x1AFF},
         {0x1DC0, 0x1DFF},
         {0x200B, 0x200F},
         {0x20D0, 0x20FF},
         {0xFE00, 0xFE0F},
         {0xFE20, 0xFE2F},
         {0xE0100, 0xE01EF}}};
    return in_ranges(c, kRanges.data(), kRanges.data() + kRanges.size());
}

/// Unicode 15, EastAsianWidth W and F, in blocks.
bool is_wide(char32_t c) {
    static constexpr std::array<Range, 17> kRanges{
        {{0x1100, 0x115F},
         {0x231A, 0x231B},
         {0x2329, 0x232A},
         {0x23E9, 0x23EC},
         {0x2614, 0x2615},
         {0x2705, 0x2705},
         {0x274C, 0x274E},
         {0x2E80, 0x303E},
         {0x3041, 0x33FF},
         {0x3400, 0x4DBF},
         {0x4E00, 0xA4CF},
         {0xAC00, 0xD7A3},
         {0xF900, 0xFAFF},
         {0xFE30, 0xFE6F},
         {0xFF00, 0xFF60},
         {0x1F300, 0x1FAFF},
         {0x20000, 0x3FFFD}}};
    return in_ranges(c, kRanges.data(), kRanges.data() + kRanges.size());
}

/// Length of an SGR sequence (ESC [ ... m) at the beginning, or 0.
std::size_t sgr_length(std::string_view text) {
    if (!text.starts_with("\x1b[")) {
        return 0;
    }
    const auto end = text.find_first_not_of("0123456789;", 2);
    return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029 ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void append_escape(std::string& out, char32_t c) {
    std::array<char, 16> buffer{};
    std::snprintf(
        buffer.data(), buffer.size(), c < 0x100 ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(c));
    out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : buffer.data();
}

std::string clean(std::string_view text, bool keep_lines) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto c = decode(text);
        if (!c.valid) {
            out += "\xef\xbf\xbd";
        } else if (is_control(c.value) && !(keep_lines && c.value == '\n')) {
            append_escape(out, c.value);
        } else {
            out += text.substr(0, c.bytes);
        }
        text.remove_prefix(c.bytes);
    }
    return out;
}

/// Replaces each character that `replace` has an answer for.
template <typename Replace>
std::string map_chars(std::string_view text, const Replace& replace) {
    std::string out;
    for (const char c : text) {
        const std::string_view replacement = replace(c);
        if (replacement.empty()) {
            out += c;
        } else {
            out += replacement;
        }
    }
    return out;
}

} // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        if (const auto skip = sgr_length(text); skip > 0) {
            text.remove_prefix(skip);
            continue;
        }
        const auto c = decode(text);
        width += is_zero_width(c.value) || c.value < 0x20 ? 0U : is_wide(c.value) ? 2U : 1U;
        text.remove_prefix(c.bytes);
    }
    return width;
}

std::string visible(std::string_view text) {
    return clean(text, false);
}

std::string visible_lines(std::string_view text) {
    return clean(text, true);
}

std::string xml_escape(std::string_view text) {
    return map_chars(visible_lines(text), [](char c) -> std::string_view {
        switch (c) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&apos;";
        case '\n':
            return "&#10;"; // in an attribute a bare line feed would be read as a space
        default:
            return {};
        }
    });
}

std::string yaml_quote(std::string_view text) {
    const auto escaped = map_chars(visible_lines(text), [](char c) -> std::string_view {
        return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string_view{};
    });
    return "\"" + escaped + "\"";
}

std::string github_data(std::string_view text) {
    return map_chars(visible_lines(text), [](char c) -> std::string_view {
        return c == '%' ? "%25" : c == '\r' ? "%0D" : c == '\n' ? "%0A" : std::string_view{};
    });
}

std::string github_property(std::string_view text) {
    return map_chars(github_data(text), [](char c) -> std::string_view {
        return c == ':' ? "%3A" : c == ',' ? "%2C" : std::string_view{};
    });
}

std::string markdown_escape(std::string_view text) {
    return map_chars(visible(text), [](char c) -> std::string_view {
        switch (c) {
        case '\\':
            return "\\\\";
        case '|':
            return "\\|";
        case '*':
            return "\\*";
        case '_':
            return "\\_";
        case '`':
            return "\\`";
        case '[':
            return "\\[";
        case ']':
            return "\\]";
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        default:
            return {};
        }
    });
}

std::string tap_description(std::string_view text) {
    return map_chars(visible(text), [](char c) -> std::string_view {
        return c == '#' ? "\\#" : c == '\\' ? "\\\\" : std::string_view{};
    });
}

std::string paint(std::string_view text, Colour colour, bool enabled) {
    static constexpr std::array<const char*, 7> kCodes{"", "31", "32", "33", "34", "2", "1"};
    if (!enabled || colour == Colour::None) {
        return std::string(text);
    }
    return std::string("\x1b[") + kCodes.at(static_cast<std::size_t>(colour)) + "m" +
           std::string(text) + "\x1b[0m";
}

} // namespace labctl::report
