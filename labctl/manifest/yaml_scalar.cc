#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/yaml_value.h"

namespace labctl::manifest {

namespace {

using api::Json;
using Tag = Node::Tag;

struct Word {
    std::string_view text;
    Tag tag;
    bool value;
};

constexpr std::array kWords{
    Word{"y", Tag::Bool, true},      Word{"Y", Tag::Bool, true},
    Word{"yes", Tag::Bool, true},    Word{"Yes", Tag::Bool, true},
    Word{"YES", Tag::Bool, true},    Word{"true", Tag::Bool, true},
    Word{"True", Tag::Bool, true},   Word{"TRUE", Tag::Bool, true},
    Word{"on", Tag::Bool, true},     Word{"On", Tag::Bool, true},
    Word{"ON", Tag::Bool, true},     Word{"n", Tag::Bool, false},
    Word{"N", Tag::Bool, false},     Word{"no", Tag::Bool, false},
    Word{"No", Tag::Bool, false},    Word{"NO", Tag::Bool, false},
    Word{"false", Tag::Bool, false}, Word{"False", Tag::Bool, false},
    Word{"FALSE", Tag::Bool, false}, Word{"off", Tag::Bool, false},
    Word{"Off", Tag::Bool, false},   Word{"OFF", Tag::Bool, false},
    Word{"~", Tag::Null, false},     Word{"null", Tag::Null, false},
    Word{"Null", Tag::Null, false},  Word{"NULL", Tag::Null, false},
};

/// Not finite, so JSON cannot hold it.
bool special_float(std::string_view text) {
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
        text.remove_prefix(1);
    }
    return text == ".nan" || text == ".NaN" || text == ".NAN" || text == ".inf" || text == ".Inf" ||
           text == ".INF";
}

bool decimal(char c) {
    return c >= '0' && c <= '9';
}

template <class Int>
std::optional<Int> parse_digits(std::string_view digits, int base) {
    Int value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool whole = end == digits.data() + digits.size() && !digits.empty();
    return error == std::errc{} && whole && digits.front() != '-' ? std::optional(value)
                                                                  : std::nullopt;
}

int take_base(std::string_view& digits) {
    const auto starts = [&](char lower) {
        return digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == lower;
    };
    const int base = starts('x') ? 16 : starts('o') ? 8 : starts('b') ? 2 : 0;
    if (base != 0) {
        digits.remove_prefix(2);
        return base;
    }
    return digits.size() > 1 && digits[0] == '0' ? 8 : 10;
}

/// Go's strconv.ParseInt(text, 0, 64), then ParseUint.
std::optional<Json> parse_int(std::string_view text) {
    const bool negative = text.starts_with('-');
    auto digits = negative || text.starts_with('+') ? text.substr(1) : text;
    const int base = take_base(digits);
    const auto value = parse_digits<std::uint64_t>(digits, base);
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value || (negative && *value > kMax + 1)) {
        return std::nullopt;
    }
    if (negative) {
        return Json(
            static_cast<std::int64_t>(~*value + 1)); // two's complement: -2^63 has no positive
    }
    return *value <= kMax ? Json(static_cast<std::int64_t>(*value)) : Json(*value);
}

/// Digits with an optional point and exponent; go-yaml wants a digit before or behind the point.
bool float_shaped(std::string_view text) {
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
        text.remove_prefix(1);
    }
    const auto take_digits = [&] {
        const auto end = std::find_if_not(text.begin(), text.end(), decimal);
        const auto count = static_cast<std::size_t>(end - text.begin());
        text.remove_prefix(count);
        return count;
    };
    auto count = take_digits();
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        count += take_digits();
    }
    if (count == 0) {
        return false;
    }
    if (!text.empty() && (text.front() | 0x20) == 'e') {
        text.remove_prefix(1);
        if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
            text.remove_prefix(1);
        }
        count = take_digits();
    }
    return count > 0 && text.empty();
}

std::optional<Json> parse_float(std::string_view text) {
    if (!float_shaped(text)) {
        return std::nullopt;
    }
    text.remove_prefix(text.starts_with('+') ? 1 : 0);
    double value = 0;
    const auto error = std::from_chars(text.data(), text.data() + text.size(), value).ec;
    if (error == std::errc::result_out_of_range) {
        value = std::strtod(std::string(text).c_str(), nullptr); // tells too large from too small
        if (std::isinf(value)) {
            return std::nullopt;
        }
    }
    constexpr double kIntegerMax = 9007199254740992.0 * 1024; // 2^63
    if (std::trunc(value) == value && std::abs(value) < kIntegerMax) {
        return Json(static_cast<std::int64_t>(value)); // Go writes 80.0 as 80
    }
    return Json(value);
}

std::optional<Json> parse_number(std::string_view text) {
    const char first = text.empty() ? '\0' : text.front();
    if (first == '.') {
        return parse_float(text);
    }
    if (!decimal(first) && first != '+' && first != '-') {
        return std::nullopt;
    }
    std::string plain(text);
    std::erase(plain, '_');
    const auto integer = parse_int(plain);
    return integer ? integer : parse_float(plain);
}

const Word* find_word(std::string_view text) {
    constexpr std::size_t kLongestWord = 5;
    if (text.size() > kLongestWord || text.empty()) {
        return nullptr;
    }
    const auto* found =
        std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return w.text == text; });
    return found == kWords.end() ? nullptr : found;
}

std::string_view tag_name(Tag tag) {
    switch (tag) {
    case Tag::Int:
        return "!!int";
    case Tag::Float:
        return "!!float";
    case Tag::Bool:
        return "!!bool";
    case Tag::Null:
        return "!!null";
    case Tag::Binary:
        return "!!binary";
    default:
        return "its tag";
    }
}

Json problem(const Node& node, Problems& problems, std::string message, std::string hint) {
    problems.push_back({node.line, node.column, std::move(message), std::move(hint)});
    return nullptr;
}

bool fits(const Json& value, Tag tag) {
    switch (tag) {
    case Tag::Int:
        return value.is_number_integer();
    case Tag::Float:
        return value.is_number();
    case Tag::Bool:
        return value.is_boolean();
    case Tag::Null:
        return value.is_null();
    default:
        return true;
    }
}

} // namespace

Json scalar_value(const Node& scalar, Problems& problems) {
    const bool text = scalar.tag == Tag::Str || scalar.tag == Tag::Timestamp ||
                      (scalar.tag == Tag::None && !scalar.plain);
    if (text) {
        return Json(std::string(scalar.text));
    }
    if (scalar.tag == Tag::Binary) {
        return problem(
            scalar,
            problems,
            "!!binary cannot be part of a manifest",
            "use binaryData with base64 text");
    }
    Json value;
    if (const auto* word = find_word(scalar.text)) {
        value = word->tag == Tag::Bool ? Json(word->value) : Json();
    } else if (special_float(scalar.text)) {
        return problem(
            scalar,
            problems,
            compose({"JSON has no number ", scalar.text}),
            "quote it if it is text");
    } else if (!scalar.text.empty()) {
        auto number = parse_number(scalar.text);
        value = number ? std::move(*number) : Json(std::string(scalar.text));
    }
    if (!fits(value, scalar.tag)) {
        return problem(
            scalar,
            problems,
            compose({"'", scalar.text, "' is not a value of ", tag_name(scalar.tag)}),
            {});
    }
    return value;
}

} // namespace labctl::manifest
