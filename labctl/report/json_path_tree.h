#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

/// What a template of json_path.h is made of; for its parser and its evaluation alone.
namespace labctl::report {

struct JsonPathStep;
using JsonPathSteps = std::vector<JsonPathStep>;

/// One step takes values and gives values.
struct JsonPathStep {
    enum class Kind {
        Field,     // of each mapping the value of `name`
        Wildcard,  // all values of each mapping and list
        Recursive, // each value itself and everything below it
        Slice,     // of each list the elements first:last:step
        Union,     // what each branch gives
        Filter,    // of each list the elements of which branches[0] op branches[1] is true
        Literal,   // `literal`, whatever comes in
    };
    Kind kind = Kind::Field;
    std::size_t place = 0; // in the text of the template, for messages
    std::string name;
    api::Json literal;
    std::array<std::optional<std::int64_t>, 3> slice;
    bool single = false; // [n]
    std::string op;      // "==", ..., or empty: whether branches[0] gives anything
    std::vector<JsonPathSteps> branches;
};

/// Literal text, an action, or a range with what it repeats.
struct JsonPathPiece {
    JsonPathSteps path;
    bool text = false;
    bool range = false;
    std::vector<JsonPathPiece> body;
};

struct JsonPathTemplate {
    std::string text;
    std::vector<JsonPathPiece> pieces;
};

/// A number, or a text in quotes, and where it ends.
struct JsonPathLiteral {
    api::Json value;
    std::size_t end = 0;
};
/// Reads the one that begins at `start` with a quote, a sign or a digit. Throws netemu::UsageError.
JsonPathLiteral read_json_path_literal(std::string_view text, std::size_t start);

/// Throws netemu::UsageError that shows where in `text` it is.
[[noreturn]] void json_path_error(
    std::string_view text, std::size_t place, std::string_view message, std::string hint = {});

/// Throw netemu::UsageError. See JsonPath::parse and JsonPath::parse_path.
JsonPathTemplate parse_json_path_template(std::string_view text);
JsonPathTemplate parse_json_path_relaxed(std::string_view text);

} // namespace labctl::report
