#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// JSON (RFC 8259) as it comes in tokens and sets of keys: small, and from anybody. Pure.
namespace mesh {

/// A value. Numbers stay as they were written.
struct JsonValue {
    enum class Kind : std::uint8_t { Null, Boolean, Number, Text, List, Object };

    Kind kind = Kind::Null;
    std::string text;             // of Text; of Number and Boolean, as written
    std::vector<JsonValue> items; // of List
    std::vector<std::pair<std::string, JsonValue>> members; // of Object, in order

    [[nodiscard]] bool is_text() const { return kind == Kind::Text; }
    /// A member, or nullptr: there is none, or this is no object.
    [[nodiscard]] const JsonValue* find(std::string_view name) const;
    /// A member of a member of ...; nullptr where one is missing.
    [[nodiscard]] const JsonValue* find_path(std::span<const std::string_view> names) const;
    /// The text of a member; "" if it is none.
    [[nodiscard]] std::string_view text_of(std::string_view name) const;
    /// A number of 64 bits without its fraction; nullopt: it is none, or longer.
    [[nodiscard]] std::optional<std::int64_t> integer() const;
    bool operator==(const JsonValue&) const = default;
};

/// Deeper texts are refused: nobody's claims are.
inline constexpr std::size_t kJsonDepthMax = 32;

/// The value that all of `text` is, but for white space around it; nullopt: it is no proper JSON,
/// too deep, no UTF-8, or has an object with more than 256 members or with two of one name, which
/// two readers could read differently.
[[nodiscard]] std::optional<JsonValue> parse_json(std::string_view text);

} // namespace mesh
