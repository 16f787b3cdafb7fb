#include <algorithm>
#include <charconv>

#include "labctl/report/json_path_tree.h"
#include "labctl/report/text.h"
#include "netemu/base/error.h"

namespace labctl::report {

namespace {

void append_utf8(std::string& text, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0U | code >> 6U);
    } else if (code < 0x10000) {
        put(0xe0U | code >> 12U);
        put(0x80U | (code >> 6U & 0x3fU));
    } else {
        put(0xf0U | code >> 18U);
        put(0x80U | (code >> 12U & 0x3fU));
        put(0x80U | (code >> 6U & 0x3fU));
    }
    if (code >= 0x80) {
        put(0x80U | (code & 0x3fU));
    }
}

/// Numbers, and texts in quotes with the escapes of Go's strconv.UnquoteChar.
class JsonPathLiteralReader {
public:
    JsonPathLiteralReader(std::string_view text, std::size_t start)
        : text_(text), start_(start), pos_(start) {}

    JsonPathLiteral read() {
        const char c = text_[pos_];
        auto value = c == '"' || c == '\'' ? api::Json(quoted()) : number();
        return {std::move(value), pos_};
    }

private:
    [[noreturn]] void fail(std::size_t place, std::string_view message, std::string hint = {}) {
        json_path_error(text_, place, message, std::move(hint));
    }

    api::Json number() {
        pos_ = std::min(text_.find_first_not_of("0123456789.", pos_ + 1), text_.size());
        auto digits = text_.substr(start_, pos_ - start_);
        digits.remove_prefix(digits[0] == '+' ? 1 : 0);
        const auto* last = digits.data() + digits.size();
        std::int64_t whole = 0;
        if (const auto read = std::from_chars(digits.data(), last, whole);
            read.ec == std::errc{} && read.ptr == last) {
            return whole;
        }
        double fraction = 0;
        if (const auto read = std::from_chars(digits.data(), last, fraction);
            read.ec == std::errc{} && read.ptr == last) {
            return fraction;
        }
        fail(start_, "'" + std::string(digits) + "' is no number");
    }

    std::string quoted() {
        const char quote = text_[pos_++];
        std::string text;
        while (pos_ < text_.size() && text_[pos_] != quote && text_[pos_] != '\n') {
            if (text_[pos_] == '\\' && pos_ + 1 < text_.size()) {
                escape(text, quote);
            } else {
                text += text_[pos_++];
            }
        }
        if (pos_ >= text_.size() || text_[pos_] != quote) {
            fail(start_, "the text that begins here has no closing quote");
        }
        ++pos_;
        return text;
    }

    void escape(std::string& text, char quote) {
        static constexpr std::string_view kNames = "abfnrtv\\";
        static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
        const auto start = pos_++;
        const char c = text_[pos_++];
        if (const auto known = kNames.find(c); known != std::string_view::npos) {
            text += kMeanings[known];
        } else if (c == quote) {
            text += c;
        } else if (c == 'x') {
            text += static_cast<char>(code(start, 2, 16));
        } else if (c >= '0' && c <= '7') {
            --pos_;
            text += static_cast<char>(code(start, 3, 8));
        } else if (c == 'u' || c == 'U') {
            append_utf8(text, code(start, c == 'u' ? 4 : 8, 16));
        } else {
            fail(
                start,
                "no escape of a text",
                R"(\n, \t, \r, \\, \xHH, \uHHHH, \" in "", \' in '')");
        }
    }

    std::uint32_t code(std::size_t start, std::size_t digits, int base) {
        std::uint32_t value = 0;
        const auto* first = text_.data() + pos_;
        const auto* last = first + std::min(digits, text_.size() - pos_);
        const auto read = std::from_chars(first, last, value, base);
        const std::uint32_t most = digits < 4 ? 0xff : 0x10ffff;
        if (read.ec != std::errc{} || read.ptr != first + digits || value > most ||
            (digits > 3 && value >= 0xd800 && value < 0xe000)) {
            fail(start, "no character has this number");
        }
        pos_ += digits;
        return value;
    }

    std::string_view text_;
    std::size_t start_;
    std::size_t pos_;
};

} // namespace

JsonPathLiteral read_json_path_literal(std::string_view text, std::size_t start) {
    return JsonPathLiteralReader(text, start).read();
}

void json_path_error(
    std::string_view text, std::size_t place, std::string_view message, std::string hint) {
    static constexpr std::size_t kBefore = 48;
    static constexpr std::size_t kAfter = 24;
    const auto boundary = [&](std::size_t at) { // no character is cut in two
        while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) >> 6U) == 2) {
            --at;
        }
        return at;
    };
    place = boundary(std::min(place, text.size()));
    const auto from = boundary(place > kBefore ? place - kBefore : 0);
    const auto to = boundary(std::min(text.size(), place + kAfter));
    const auto before = (from > 0 ? "..." : "") + visible(text.substr(from, place - from));
    const auto after = visible(text.substr(place, to - place)) + (to < text.size() ? "..." : "");
    throw netemu::UsageError(
        "JSONPath, at character " + std::to_string(place + 1) + ": " + std::string(message) +
            "\n  " + before + after + "\n  " + std::string(display_width(before), ' ') + "^",
        std::move(hint));
}

} // namespace labctl::report
