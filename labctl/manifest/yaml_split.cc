#include "labctl/manifest/yaml_split.h"

#include <algorithm>
#include <cstring>

namespace labctl::manifest {

namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";

std::uint8_t byte_at(std::string_view text, std::size_t index) {
    return index < text.size() ? static_cast<std::uint8_t>(text[index]) : 0;
}

bool continuation(std::string_view text, std::size_t index) {
    return (byte_at(text, index) & 0xC0U) == 0x80U;
}

/// Length of the valid UTF-8 sequence at `index`, 0 if there is none. `code_point` is set.
std::size_t utf8_length(std::string_view text, std::size_t index, std::uint32_t& code_point) {
    const std::uint32_t lead = byte_at(text, index);
    const std::size_t length = lead < 0x80    ? 1
                               : lead < 0xC2  ? 0
                               : lead < 0xE0  ? 2
                               : lead < 0xF0  ? 3
                               : lead <= 0xF4 ? 4
                                              : 0;
    code_point = length <= 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if (!continuation(text, index + i)) {
            return 0;
        }
        code_point = (code_point << 6U) | (byte_at(text, index + i) & 0x3FU);
    }
    const bool overlong =
        (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    return overlong || surrogate || code_point > 0x10FFFF ? 0 : length;
}

bool allowed(std::uint32_t c) {
    return (c >= 0x20 && c < 0x7F) || c == '\t' || c == '\n' || c == '\r' || c == 0x85 ||
           (c >= 0xA0 && c < 0xFEFF) || (c > 0xFEFF && c <= 0xFFFD) || c >= 0x10000;
}

SyntaxError bad_text_at(std::string_view text, std::size_t index, std::string message) {
    SyntaxError error{1, 1, std::move(message), "manifests are UTF-8 text"};
    for (std::size_t i = 0; i < index; ++i) {
        if (text[i] == '\n') {
            ++error.line;
            error.column = 1;
        } else if (!continuation(text, i)) {
            ++error.column;
        }
    }
    return error;
}

std::string describe(std::uint32_t code_point) {
    if (code_point == 0) {
        return "the text holds a NUL byte";
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    for (unsigned shift = 16; shift > 0; shift -= 4) {
        hex += kDigits[(code_point >> (shift - 4)) & 0xFU];
    }
    return "the text holds the control character U+" + hex;
}

/// Skips over text that is plainly fine, eight bytes at a time.
std::size_t skip_ascii(std::string_view text, std::size_t index) {
    constexpr std::uint64_t kHighBits = 0x8080808080808080U;
    constexpr std::uint64_t kSpaces = 0x2020202020202020U;
    constexpr std::uint64_t kDeletes = 0x7F7F7F7F7F7F7F7FU;
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    while (index + 8 <= text.size()) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + index, sizeof word);
        const auto low = (word - kSpaces) & ~word; // high bit where a byte < 0x20 (or a borrow)
        const auto del = ((word ^ kDeletes) - kOnes) & ~(word ^ kDeletes); // where a byte is 0x7F
        if (((word | low | del) & kHighBits) != 0) {
            break;
        }
        index += 8;
    }
    return index;
}

enum class LineKind { Separator, Directive, Blank, Content };

LineKind classify(std::string_view line) {
    constexpr std::string_view kSpace = " \t\r\n";
    if (line.starts_with("---") && (line.size() == 3 || kSpace.find(line[3]) != kSpace.npos)) {
        return LineKind::Separator;
    }
    const auto first = line.find_first_not_of(kSpace);
    if (first == std::string_view::npos || line[first] == '#') {
        return LineKind::Blank;
    }
    return line.front() == '%' ? LineKind::Directive : LineKind::Content;
}

/// What stands behind the "---" of a separator line.
bool separator_has_content(std::string_view line) {
    return classify(line.substr(3)) != LineKind::Blank;
}

/// One past the end of the JSON value at `start`, or npos when brackets do not match.
std::size_t json_end(std::string_view text, std::size_t start) {
    int depth = 0;
    bool quoted = false;
    for (auto i = start; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            i += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

void advance(Chunk& chunk, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const bool line_end = chunk.text[i] == '\n';
        chunk.line += line_end ? 1 : 0;
        chunk.column = line_end ? 1 : chunk.column + (continuation(chunk.text, i) ? 0 : 1);
    }
    chunk.text.remove_prefix(count);
}

/// Splits `{...}{...}`; a chunk that is not JSON through and through stays whole.
void add_json_aware(Chunk chunk, std::vector<Chunk>& chunks) {
    constexpr std::string_view kSpace = " \t\r\n";
    for (;;) {
        const auto start = std::min(chunk.text.find_first_not_of(kSpace), chunk.text.size());
        if (chunk.text.substr(start, 1) != "{") {
            break;
        }
        advance(chunk, start); // tabs may indent JSON, but nothing in front of a YAML document
        chunk.text = chunk.text.substr(0, chunk.text.find_last_not_of(kSpace) + 1);
        const auto end = json_end(chunk.text, 0);
        const auto next =
            end == std::string_view::npos ? end : chunk.text.find_first_not_of(kSpace, end);
        if (next == std::string_view::npos || chunk.text[next] != '{') {
            break;
        }
        chunks.push_back({chunk.text.substr(0, end), chunk.line, chunk.column});
        advance(chunk, end);
    }
    chunks.push_back(chunk);
}

class Splitter {
public:
    std::vector<Chunk> split(std::string_view text) {
        start_ = text.data();
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
            line(text.substr(0, end));
            text.remove_prefix(end);
            ++line_;
        }
        finish(text.data());
        return std::move(chunks_);
    }

private:
    void line(std::string_view text) {
        const auto kind = classify(text);
        if (kind == LineKind::Separator) {
            if (content_ || !directives_) { // directives belong to the document behind them
                finish(text.data());
            }
            content_ = separator_has_content(text);
        } else {
            content_ = content_ || kind == LineKind::Content;
            directives_ = directives_ || kind == LineKind::Directive;
        }
    }

    void finish(const char* end) {
        if (content_ || directives_) {
            const auto size = static_cast<std::size_t>(end - start_);
            add_json_aware({{start_, size}, first_line_, 1}, chunks_);
        }
        start_ = end;
        first_line_ = line_;
        content_ = false;
        directives_ = false;
    }

    std::vector<Chunk> chunks_;
    const char* start_ = nullptr;
    std::uint32_t line_ = 1;
    std::uint32_t first_line_ = 1;
    bool content_ = false;
    bool directives_ = false;
};

} // namespace

std::optional<SyntaxError> find_bad_text(std::string_view text) {
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        return SyntaxError{1, 1, "the file is UTF-16", "save it as UTF-8"};
    }
    std::size_t index = text.starts_with(kBom) ? kBom.size() : 0;
    while ((index = skip_ascii(text, index)) < text.size()) {
        std::uint32_t code_point = 0;
        const auto length = utf8_length(text, index, code_point);
        if (length == 0) {
            return bad_text_at(text, index, "invalid UTF-8");
        }
        if (!allowed(code_point)) {
            return bad_text_at(text, index, describe(code_point));
        }
        index += length;
    }
    return std::nullopt;
}

std::vector<Chunk> split_documents(std::string_view text) {
    if (text.starts_with(kBom)) {
        text.remove_prefix(kBom.size());
    }
    return Splitter().split(text);
}

} // namespace labctl::manifest
