#include "dns/text_escape.h"

namespace dns {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

} // namespace

std::optional<char> read_escape(std::string_view text, std::size_t& at) {
    constexpr int kByteMax = 255;
    if (at >= text.size()) {
        return std::nullopt;
    }
    if (!is_digit(text[at])) {
        return text[at++];
    }
    if (at + 3 > text.size() || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) {
        return std::nullopt;
    }
    const int value = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
    at += 3;
    return value <= kByteMax ? std::optional(static_cast<char>(value)) : std::nullopt;
}

} // namespace dns
