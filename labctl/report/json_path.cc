#include "labctl/report/json_path.h"

#include <array>
#include <charconv>
#include <cmath>

#include "labctl/report/json_path_tree.h"
#include "labctl/report/text.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::Json;
using PathValues = JsonPath::Values;
using PathKind = JsonPathStep::Kind;

/// The document has not the shape that a step needs.
class ShapeError : public netemu::UsageError {
public:
    using UsageError::UsageError;
};

const char* type_of(const Json& value) {
    return value.is_object()    ? "a mapping"
           : value.is_array()   ? "a list"
           : value.is_string()  ? "a text"
           : value.is_boolean() ? "true or false"
           : value.is_number()  ? "a number"
                                : "null";
}

template <typename Value>
bool holds(const std::string& op, const Value& left, const Value& right) {
    return op == "=="   ? left == right
           : op == "!=" ? left != right
           : op == "<"  ? left < right
           : op == "<=" ? left <= right
           : op == ">"  ? left > right
                        : left >= right;
}

/// One evaluation of a template over a document.
class PathEvaluation {
public:
    explicit PathEvaluation(const JsonPathTemplate& parsed) : parsed_(parsed) {}

    void
    run(const std::vector<JsonPathPiece>& pieces,
        const Json& value,
        std::vector<JsonPath::Result>& results) {
        for (const auto& piece : pieces) {
            auto values = walk(piece.path, {&value});
            if (!piece.range) {
                results.push_back({std::move(values), piece.text});
                continue;
            }
            for (const auto* each : values) {
                run(piece.body, *each, results);
            }
        }
    }

private:
    [[noreturn]] void fail(const JsonPathStep& step, const std::string& message) const {
        try {
            json_path_error(parsed_.text, step.place, message);
        } catch (const netemu::UsageError& error) {
            throw ShapeError(error.what(), error.hint());
        }
    }

    PathValues walk(const JsonPathSteps& path, PathValues values) {
        for (const auto& step : path) {
            PathValues next;
            take(step, values, next);
            values = std::move(next);
        }
        spend(1);
        return values;
    }

    void spend(std::size_t count) {
        if ((spent_ += count) > JsonPath::kValuesMax) {
            throw netemu::UsageError(
                "the JSONPath looks at more than " + std::to_string(JsonPath::kValuesMax) +
                    " values",
                "say where they are instead of searching with '..'");
        }
    }

    void take(const JsonPathStep& step, const PathValues& values, PathValues& found) {
        if (step.kind == PathKind::Union) {
            for (const auto& branch : step.branches) {
                const auto some = walk(branch, values);
                found.insert(found.end(), some.begin(), some.end());
            }
            return;
        }
        if (step.kind == PathKind::Literal && step.literal.is_string()) {
            found.push_back(&step.literal);
            return;
        }
        for (const auto* value : values) {
            spend(1);
            if (!value->is_null()) {
                take_one(step, *value, found);
            }
        }
    }

    void take_one(const JsonPathStep& step, const Json& value, PathValues& found) {
        switch (step.kind) {
        case PathKind::Field:
            if (const auto field = value.find(step.name); field != value.end()) {
                found.push_back(&*field);
            }
            break;
        case PathKind::Wildcard:
            children(value, found);
            break;
        case PathKind::Recursive:
            descend(value, found);
            break;
        case PathKind::Slice:
            slice(step, value, found);
            break;
        case PathKind::Filter:
            filter(step, value, found);
            break;
        default:
            found.push_back(&step.literal);
        }
    }

    void children(const Json& value, PathValues& found) {
        if (value.is_structured()) {
            spend(value.size());
            for (const auto& child : value) {
                found.push_back(&child);
            }
        }
    }

    /// Lists and mappings that are not empty, from the outside in. Without recursion: a document
    /// may be deep.
    void descend(const Json& value, PathValues& found) {
        PathValues open{&value};
        while (!open.empty()) {
            const auto* next = open.back();
            open.pop_back();
            if (!next->is_structured() || next->empty()) {
                continue;
            }
            found.push_back(next);
            PathValues below;
            children(*next, below);
            open.insert(open.end(), below.rbegin(), below.rend());
        }
    }

    void check_bounds(const JsonPathStep& step, bool inside, std::int64_t size) const {
        if (!inside) {
            fail(
                step,
                "array index out of bounds: the list has " + std::to_string(size) +
                    (size == 1 ? " element" : " elements"));
        }
    }

    void slice(const JsonPathStep& step, const Json& list, PathValues& found) {
        if (!list.is_array()) {
            fail(step, std::string(type_of(list)) + " has no elements that could be counted");
        }
        const auto size = static_cast<std::int64_t>(list.size());
        const auto from_end = [&](std::int64_t index) { return index < 0 ? index + size : index; };
        const auto first = from_end(step.slice[0].value_or(0));
        if (step.single) {
            check_bounds(step, first >= 0 && first < size, size);
            found.push_back(&list[static_cast<std::size_t>(first)]);
            return;
        }
        const auto last = from_end(step.slice[1].value_or(size));
        const auto stride = step.slice[2].value_or(1);
        if (stride <= 0) {
            fail(step, "the step of a slice must be above 0");
        }
        if (first == last) {
            return;
        }
        check_bounds(step, first >= 0 && first < last && last <= size, size);
        for (auto index = first; index < last; index += std::min(stride, last)) { // no overflow
            found.push_back(&list[static_cast<std::size_t>(index)]);
        }
    }

    void filter(const JsonPathStep& step, const Json& list, PathValues& found) {
        if (!list.is_array()) {
            fail(step, std::string(type_of(list)) + " cannot be filtered, only a list can");
        }
        for (const auto& element : list) {
            spend(1);
            if (step.op.empty() ? exists(step, element) : compares(step, element)) {
                found.push_back(&element);
            }
        }
    }

    bool exists(const JsonPathStep& step, const Json& element) {
        try {
            return !walk(step.branches[0], {&element}).empty();
        } catch (const ShapeError&) {
            return false;
        }
    }

    bool compares(const JsonPathStep& step, const Json& element) {
        const auto lefts = walk(step.branches[0], {&element});
        const auto rights = walk(step.branches[1], {&element});
        if (lefts.empty() || rights.empty()) {
            return false;
        }
        if (lefts.size() > 1 || rights.size() > 1) {
            fail(step, "only one value can be compared with one");
        }
        const auto& left = *lefts[0];
        const auto& right = *rights[0];
        if (left.is_null() || right.is_null()) {
            return false;
        }
        if (left.is_number() && right.is_number()) {
            return holds(step.op, left, right); // whole numbers exactly
        }
        if (left.is_string() && right.is_string()) {
            return holds(
                step.op, left.get_ref<const std::string&>(), right.get_ref<const std::string&>());
        }
        const bool equality = step.op == "==" || step.op == "!=";
        if (equality && left.is_boolean() && right.is_boolean()) {
            return holds(step.op, left.get<bool>(), right.get<bool>());
        }
        fail(
            step,
            std::string(type_of(left)) + " cannot be compared with " + type_of(right) + " by " +
                step.op);
    }

    const JsonPathTemplate& parsed_;
    std::size_t spent_ = 0;
};

/// %v of a float64: the shortest text, with an exponent where it is very large or small.
std::string float_text(double value) {
    std::array<char, 64> buffer{};
    const auto size = std::abs(value);
    const bool exponent = value != 0 && (size < 1e-4 || size >= 1e21);
    const auto end = std::to_chars(
        buffer.begin(),
        buffer.end(),
        value,
        exponent ? std::chars_format::scientific : std::chars_format::fixed);
    return {buffer.begin(), end.ptr};
}

void append_go_text(std::string& text, const Json& value) {
    bool first = true;
    switch (value.type()) {
    case Json::value_t::string:
        text += value.get_ref<const std::string&>();
        break;
    case Json::value_t::number_float:
        text += float_text(value.get<double>());
        break;
    case Json::value_t::null:
        text += "<nil>";
        break;
    case Json::value_t::array:
        text += '[';
        for (const auto& element : value) {
            text += std::exchange(first, false) ? "" : " ";
            append_go_text(text, element);
        }
        text += ']';
        break;
    case Json::value_t::object:
        text += "map[";
        for (const auto& [key, field] : value.items()) {
            text += std::exchange(first, false) ? "" : " ";
            text += key + ":";
            append_go_text(text, field);
        }
        text += ']';
        break;
    default:
        text += value.dump();
    }
}

/// Outside of texts JSON has none of these characters.
std::string html_escaped(const std::string& json) {
    std::string text;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const auto rest = std::string_view(json).substr(i, 3);
        if (json[i] == '<' || json[i] == '>' || json[i] == '&') {
            text += json[i] == '<' ? "\\u003c" : json[i] == '>' ? "\\u003e" : "\\u0026";
        } else if (rest == "\u2028" || rest == "\u2029") {
            text += rest == "\u2028" ? "\\u2028" : "\\u2029";
            i += 2;
        } else {
            text += json[i];
        }
    }
    return text;
}

void check_output(const std::string& text) {
    if (text.size() > JsonPath::kOutputMax) {
        throw netemu::UsageError(
            "the JSONPath prints more than " + std::to_string(JsonPath::kOutputMax >> 20U) +
            " MiB");
    }
}

} // namespace

JsonPath JsonPath::parse(std::string_view text) {
    return JsonPath(std::make_shared<const JsonPathTemplate>(parse_json_path_template(text)));
}

JsonPath JsonPath::parse_path(std::string_view text) {
    return JsonPath(std::make_shared<const JsonPathTemplate>(parse_json_path_relaxed(text)));
}

std::vector<JsonPath::Result> JsonPath::evaluate(const Json& document) const {
    std::vector<Result> results;
    PathEvaluation(*parsed_).run(parsed_->pieces, document, results);
    return results;
}

JsonPath::Values JsonPath::values(const Json& document) const {
    Values all;
    for (const auto& result : evaluate(document)) {
        all.insert(all.end(), result.values.begin(), result.values.end());
    }
    return all;
}

std::string JsonPath::print(const Json& document, bool safe) const {
    std::string text;
    for (const auto& result : evaluate(document)) {
        bool first = true;
        for (const auto* value : result.values) {
            text += std::exchange(first, false) ? "" : " ";
            const auto shown =
                value->is_structured() || value->is_null() ? go_json(*value) : go_text(*value);
            text += safe && !result.literal ? visible_lines(shown) : shown;
            check_output(text);
        }
    }
    return text;
}

std::string JsonPath::print_json(const Json& document) const {
    static constexpr const char* kIndent = "\n    ";
    std::string text;
    for (const auto& result : evaluate(document)) {
        text += '[';
        bool first = true;
        for (const auto* value : result.values) {
            text += std::exchange(first, false) ? kIndent : std::string(",") + kIndent;
            const auto shown =
                html_escaped(value->dump(4, ' ', false, Json::error_handler_t::replace));
            for (const auto line : netemu::split(shown, '\n')) {
                text += line.data() == shown.data() ? "" : kIndent;
                text += line;
            }
            check_output(text);
        }
        text += first ? "]\n" : "\n]\n";
    }
    return text;
}

std::string go_json(const Json& value) {
    return html_escaped(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string go_text(const Json& value) {
    std::string text;
    append_go_text(text, value);
    return text;
}

} // namespace labctl::report
