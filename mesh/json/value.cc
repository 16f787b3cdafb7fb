#include "mesh/json/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace mesh {

namespace {

/// Of one object: each name is looked for among all before it.
constexpr std::size_t kMembersMax = 256;
constexpr std::string_view kSpaces = " \t\r\n";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::size_t continuation_bytes(unsigned char lead) {
    return lead >= 0xf0U && lead <= 0xf4U   ? 3
           : lead >= 0xe0U && lead <= 0xefU ? 2
           : lead >= 0xc2U && lead <= 0xdfU ? 1
                                            : 0;
}

void append_utf8(std::string& text, std::uint32_t point) {
    const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
    const auto rest = [&](unsigned shift) { add(0x80U | ((point >> shift) & 0x3fU)); };
    if (point < 0x80U) {
        add(point);
    } else if (point < 0x800U) {
        add(0xc0U | (point >> 6U));
        rest(0);
    } else if (point < 0x10000U) {
        add(0xe0U | (point >> 12U));
        rest(6);
        rest(0);
    } else {
        add(0xf0U | (point >> 18U));
        rest(12);
        rest(6);
        rest(0);
    }
}

/// Each `read_` takes what it is for off the front, and is false if that is not there.
class JsonReader {
public:
    explicit JsonReader(std::string_view text) : rest_(text) {}

    bool read_all(JsonValue& value) {
        if (!read_value(value, 0)) {
            return false;
        }
        skip_spaces();
        return rest_.empty();
    }

private:
    void skip_spaces() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpaces), rest_.size()));
    }

    bool take(std::string_view expected) {
        if (!rest_.starts_with(expected)) {
            return false;
        }
        rest_.remove_prefix(expected.size());
        return true;
    }

    bool read_word(JsonValue& value) {
        for (const std::string_view word : {"true", "false", "null"}) {
            if (take(word)) {
                value.kind = word == "null" ? JsonValue::Kind::Null : JsonValue::Kind::Boolean;
                value.text = word == "null" ? std::string_view() : word;
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] std::size_t digits(std::size_t at) const {
        while (at < rest_.size() && is_digit(rest_[at])) {
            ++at;
        }
        return at;
    }

    bool read_number(JsonValue& value) {
        const auto has = [this](std::size_t at, std::string_view any) {
            return at < rest_.size() && any.find(rest_[at]) != any.npos;
        };
        const std::size_t start = has(0, "-") ? 1 : 0;
        auto end = digits(start);
        if (end == start || (rest_[start] == '0' && end > start + 1)) {
            return false;
        }
        if (has(end, ".")) {
            const auto fraction = end + 1;
            end = digits(fraction);
            if (end == fraction) {
                return false;
            }
        }
        if (has(end, "eE")) {
            const auto exponent = end + (has(end + 1, "+-") ? 2 : 1);
            end = digits(exponent);
            if (end == exponent) {
                return false;
            }
        }
        value.kind = JsonValue::Kind::Number;
        value.text = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return true;
    }

    bool read_hex(std::uint32_t& unit) {
        constexpr std::size_t kDigits = 4;
        const auto* const begin = rest_.data();
        if (rest_.size() < kDigits) {
            return false;
        }
        const auto [end, problem] = std::from_chars(begin, begin + kDigits, unit, 16);
        rest_.remove_prefix(kDigits);
        return problem == std::errc{} && end == begin + kDigits;
    }

    bool read_escape(std::string& text) {
        constexpr std::string_view kNames = "\"\\/bfnrt";
        constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
        if (rest_.empty()) {
            return false;
        }
        const char name = rest_.front();
        rest_.remove_prefix(1);
        if (const auto known = kNames.find(name); known != kNames.npos) {
            text += kMeanings[known];
            return true;
        }
        std::uint32_t unit = 0;
        if (name != 'u' || !read_hex(unit)) {
            return false;
        }
        constexpr std::uint32_t kHigh = 0xd800, kLow = 0xdc00, kBehind = 0xe000;
        if (unit >= kLow && unit < kBehind) {
            return false; // half a character
        }
        if (unit >= kHigh && unit < kLow) {
            std::uint32_t second = 0;
            if (!take("\\u") || !read_hex(second) || second < kLow || second >= kBehind) {
                return false;
            }
            unit = 0x10000U + ((unit - kHigh) << 10U) + (second - kLow);
        }
        append_utf8(text, unit);
        return true;
    }

    /// RFC 3629: the shortest form only, no surrogates, nothing beyond U+10FFFF.
    bool read_character(std::string& text) {
        const auto lead = static_cast<unsigned char>(rest_.front());
        if (lead < 0x80U) {
            text += rest_.front();
            rest_.remove_prefix(1);
            return lead >= 0x20U;
        }
        const auto more = continuation_bytes(lead);
        if (more == 0 || rest_.size() <= more) {
            return false;
        }
        const auto second = static_cast<unsigned char>(rest_[1]);
        if ((lead == 0xe0U && second < 0xa0U) || (lead == 0xedU && second > 0x9fU) ||
            (lead == 0xf0U && second < 0x90U) || (lead == 0xf4U && second > 0x8fU)) {
            return false;
        }
        for (std::size_t i = 1; i <= more; ++i) {
            if ((static_cast<unsigned char>(rest_[i]) & 0xc0U) != 0x80U) {
                return false;
            }
        }
        text.append(rest_.substr(0, more + 1));
        rest_.remove_prefix(more + 1);
        return true;
    }

    bool read_text(std::string& text) {
        if (!take("\"")) {
            return false;
        }
        while (!rest_.empty()) {
            if (take("\"")) {
                return true;
            }
            if (take("\\") ? !read_escape(text) : !read_character(text)) {
                return false;
            }
        }
        return false;
    }

    /// Behind an item: whether there is another one, or the end has come.
    bool read_separator(char end, bool& over) {
        skip_spaces();
        over = take({&end, 1});
        return over || take(",");
    }

    bool read_list(JsonValue& value, std::size_t depth) {
        value.kind = JsonValue::Kind::List;
        skip_spaces();
        for (bool over = take("]"); !over;) {
            if (!read_value(value.items.emplace_back(), depth + 1) || !read_separator(']', over)) {
                return false;
            }
        }
        return true;
    }

    bool read_object(JsonValue& value, std::size_t depth) {
        value.kind = JsonValue::Kind::Object;
        skip_spaces();
        for (bool over = take("}"); !over;) {
            std::string name;
            skip_spaces();
            if (value.members.size() == kMembersMax || !read_text(name) ||
                value.find(name) != nullptr) {
                return false;
            }
            skip_spaces();
            auto& member = value.members.emplace_back(std::move(name), JsonValue());
            if (!take(":") || !read_value(member.second, depth + 1) || !read_separator('}', over)) {
                return false;
            }
        }
        return true;
    }

    bool read_value(JsonValue& value, std::size_t depth) { // NOLINT(misc-no-recursion): bounded
        if (depth > kJsonDepthMax) {
            return false;
        }
        skip_spaces();
        if (take("{")) {
            return read_object(value, depth);
        }
        if (take("[")) {
            return read_list(value, depth);
        }
        if (rest_.starts_with('"')) {
            value.kind = JsonValue::Kind::Text;
            return read_text(value.text);
        }
        return read_word(value) || read_number(value);
    }

    std::string_view rest_;
};

} // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
    const auto found = std::find_if(
        members.begin(), members.end(), [&](const auto& member) { return member.first == name; });
    return found == members.end() ? nullptr : &found->second;
}

const JsonValue* JsonValue::find_path(std::span<const std::string_view> names) const {
    const auto* value = this;
    for (const auto name : names) {
        value = value->find(name);
        if (value == nullptr) {
            return nullptr;
        }
    }
    return value;
}

std::string_view JsonValue::text_of(std::string_view name) const {
    const auto* const value = find(name);
    return value != nullptr && value->is_text() ? std::string_view(value->text)
                                                : std::string_view();
}

std::optional<std::int64_t> JsonValue::integer() const {
    if (kind != Kind::Number) {
        return std::nullopt;
    }
    std::int64_t whole = 0;
    const auto* const end = text.data() + text.size();
    if (const auto [last, problem] = std::from_chars(text.data(), end, whole);
        problem == std::errc{} && last == end) {
        return whole;
    }
    double number = 0;
    constexpr double kMost = 9.0e18; // below 2^63, and exact enough for a time
    if (std::from_chars(text.data(), end, number).ec != std::errc{} || std::abs(number) > kMost) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(number);
}

std::optional<JsonValue> parse_json(std::string_view text) {
    JsonValue value;
    return JsonReader(text).read_all(value) ? std::optional(std::move(value)) : std::nullopt;
}

} // namespace mesh
