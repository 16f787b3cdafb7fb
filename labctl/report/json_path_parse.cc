#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "labctl/report/json_path.h"
#include "labctl/report/json_path_tree.h"
#include "labctl/report/text.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::Json;
using StepKind = JsonPathStep::Kind;

constexpr std::string_view kOperatorSigns = "!<>=~";

/// A letter, digit or underscore; of other scripts any byte will do.
bool is_word(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || c == '_' || byte >= 0x80;
}

/// Reads a template from left to right. Nothing here calls itself but pieces(), once per range.
class JsonPathParser {
public:
    explicit JsonPathParser(std::string_view text) : text_(text), end_(text.size()) {}

    std::vector<JsonPathPiece> pieces(std::size_t ranges = 0) {
        std::vector<JsonPathPiece> found;
        while (pos_ < end_) {
            const auto brace = std::min(text_.find('{', pos_), end_);
            if (brace > pos_) {
                found.push_back(literal(pos_, std::string(text_.substr(pos_, brace - pos_))));
                pos_ = brace;
                continue;
            }
            const auto start = pos_++;
            auto action = read_action(start);
            if (action.word == "end") {
                if (ranges == 0) {
                    fail(start, "there is no range that could end here");
                }
                return found; // the rest belongs to who began the range
            }
            if (action.word == "range") {
                if (ranges == JsonPath::kRangesMax) {
                    fail(start, "too many ranges in each other");
                }
                action.piece.range = true;
                action.piece.body = pieces(ranges + 1);
            }
            found.push_back(std::move(action.piece));
        }
        return found;
    }

    /// One path with or without the dot at its beginning, from `begin` to `end`.
    JsonPathSteps relaxed(std::size_t begin, std::size_t end) {
        pos_ = begin;
        end_ = end;
        JsonPathSteps found;
        if (pos_ < end_ && is_word(text_[pos_])) {
            read_field(found);
        }
        read_steps(found, false);
        if (pos_ < end_) {
            unexpected();
        }
        return found;
    }

private:
    struct Action {
        JsonPathPiece piece;
        std::string word; // "range", "end" or nothing
    };

    [[noreturn]] void fail(std::size_t place, std::string_view message, std::string hint = {}) {
        json_path_error(text_, place, message, std::move(hint));
    }

    [[noreturn]] void unexpected() {
        auto length = std::size_t{1};
        while (pos_ + length < end_ &&
               (static_cast<unsigned char>(text_[pos_ + length]) >> 6U) == 2) {
            ++length; // the rest of a character of several bytes
        }
        const auto sign = visible(text_.substr(pos_, length));
        const bool both = sign == "&" || sign == "|";
        fail(
            pos_,
            "'" + sign + "' has no meaning here",
            both ? "kubectl's JSONPath knows neither && nor ||" : "");
    }

    static JsonPathPiece literal(std::size_t place, std::string text) {
        JsonPathPiece piece;
        piece.text = true;
        piece.path.push_back(
            {StepKind::Literal, place, {}, Json(std::move(text)), {}, false, {}, {}});
        return piece;
    }

    /// From behind the brace at `start` to behind the one that closes it.
    Action read_action(std::size_t start) {
        Action action;
        skip_spaces();
        if (const auto word = peek_word(); word == "range" || word == "end") {
            action.word = word;
            pos_ += word.size();
        }
        auto& path = action.piece.path;
        read_steps(path, false);
        if (pos_ >= end_ || text_[pos_] == '\n' || text_[pos_] == '\r') {
            fail(start, "the action that begins here has no closing brace");
        }
        if (text_[pos_] != '}') {
            unexpected();
        }
        if (action.word == "end" && !path.empty()) {
            fail(path[0].place, "'end' stands alone");
        }
        ++pos_;
        action.piece.text = path.size() == 1 && path[0].kind == StepKind::Literal;
        return action;
    }

    /// Stops at the first character that belongs to no step: a brace, or what a filter has.
    void read_steps(JsonPathSteps& found, bool in_filter) {
        while (pos_ < end_) {
            const char c = text_[pos_];
            const auto rest = text_.substr(pos_, end_ - pos_);
            if (c == ' ' || c == '@' || c == '$') { // the current value, and so is $
                ++pos_;
            } else if (rest.starts_with("..")) {
                read_recursive(found, in_filter);
            } else if (c == '.') {
                ++pos_;
                read_field(found, in_filter);
            } else if (rest.starts_with("[?(")) {
                read_filter(found, in_filter);
            } else if (c == '[') {
                read_brackets(found);
            } else if (std::string_view("\"'+-0123456789").find(c) != std::string_view::npos) {
                read_literal(found);
            } else if (is_word(c)) {
                read_word(found);
            } else {
                return;
            }
        }
    }

    void skip_spaces() {
        while (pos_ < end_ && text_[pos_] == ' ') {
            ++pos_;
        }
    }

    [[nodiscard]] std::string peek_word() const {
        auto last = pos_;
        while (last < end_ && is_word(text_[last])) {
            ++last;
        }
        return std::string(text_.substr(pos_, last - pos_));
    }

    JsonPathStep& add(JsonPathSteps& steps, StepKind kind, std::size_t place) {
        JsonPathStep step;
        step.kind = kind;
        step.place = place;
        return steps.emplace_back(std::move(step));
    }

    void read_recursive(JsonPathSteps& found, bool in_filter) {
        if (!found.empty() && found.back().kind == StepKind::Recursive) {
            fail(pos_, "'..' follows '..'");
        }
        add(found, StepKind::Recursive, pos_);
        pos_ += 2;
        if (pos_ < end_ && is_word(text_[pos_])) {
            read_field(found, in_filter);
        }
    }

    /// The name behind a dot: up to what may follow one. A backslash takes the next character as it
    /// is.
    void read_field(JsonPathSteps& found, bool in_filter = false) {
        const auto start = pos_;
        std::string name;
        for (; pos_ < end_; ++pos_) {
            const char c = text_[pos_];
            if (c == '\\' && pos_ + 1 < end_) {
                name += text_[++pos_];
                continue;
            }
            if (std::string_view(" \t\r\n.,[]$@{}").find(c) != std::string_view::npos ||
                (in_filter && (c == ')' || kOperatorSigns.find(c) != std::string_view::npos))) {
                break;
            }
            name += c;
        }
        if (name.empty()) {
            const bool bracket = pos_ < end_ && text_[pos_] == '[';
            fail(
                start,
                "the name of a field is missing",
                bracket ? "no '.' stands in front of '['" : "the whole object is {@}");
        }
        add(found, name == "*" ? StepKind::Wildcard : StepKind::Field, start).name = name;
    }

    void read_word(JsonPathSteps& found) {
        const auto word = peek_word();
        if (word == "true" || word == "false") {
            add(found, StepKind::Literal, pos_).literal = word == "true";
            pos_ += word.size();
            return;
        }
        fail(
            pos_,
            word == "range" || word == "end" ? "'" + word + "' begins an action"
                                             : "unknown word '" + visible(word) + "'",
            "a field begins with '.', text stands in quotes");
    }

    void read_literal(JsonPathSteps& found) {
        const auto start = pos_;
        auto read = read_json_path_literal(text_.substr(0, end_), start);
        pos_ = read.end;
        add(found, StepKind::Literal, start).literal = std::move(read.value);
    }

    void read_brackets(JsonPathSteps& found) {
        const auto start = pos_;
        const auto close = text_.substr(0, end_).find_first_of("]\n", pos_);
        if (close == std::string_view::npos || text_[close] != ']') {
            fail(start, "the bracket that begins here is not closed");
        }
        std::vector<JsonPathSteps> branches;
        const auto inner = text_.substr(start + 1, close - start - 1);
        for (const auto part : netemu::split(inner, ',')) {
            const bool alone = part.size() == inner.size();
            const auto from = std::min(part.find_first_not_of(alone ? "" : " "), part.size());
            const auto to = part.find_last_not_of(alone ? "" : " ") + 1;
            const auto at = static_cast<std::size_t>(part.data() - text_.data());
            read_choice(branches.emplace_back(), at + from, at + std::max(from, to));
        }
        if (branches.size() == 1) {
            std::ranges::move(branches[0], std::back_inserter(found));
        } else {
            add(found, StepKind::Union, start).branches = std::move(branches);
        }
        pos_ = close + 1;
    }

    /// One of the things that stand between brackets: *, n, a:b:c, or a path in single quotes.
    void read_choice(JsonPathSteps& found, std::size_t from, std::size_t to) {
        const auto choice = text_.substr(from, to - from);
        if (choice.size() >= 2 && choice.front() == '\'' &&
            choice.find('\'', 1) == choice.size() - 1) {
            const auto end = std::exchange(end_, to - 1);
            pos_ = from + 1;
            read_field(found);
            read_steps(found, false);
            if (pos_ < end_) {
                unexpected();
            }
            end_ = end;
            return;
        }
        auto& step = add(found, StepKind::Slice, from);
        if (choice == "*") {
            return;
        }
        const auto bounds = netemu::split(choice, ':');
        step.single = bounds.size() == 1;
        if (bounds.size() > 3 || !read_bounds(bounds, step)) {
            fail(
                from,
                "'" + visible(choice) + "' is no index",
                "[0], [-1], [0:2], [*], [0,1], ['name'] with single quotes, or [?(@.type==\"x\")]");
        }
    }

    static bool read_bounds(const std::vector<std::string_view>& bounds, JsonPathStep& step) {
        for (std::size_t i = 0; i < bounds.size(); ++i) {
            std::int64_t number = 0;
            const auto* last = bounds[i].data() + bounds[i].size();
            const auto read = std::from_chars(bounds[i].data(), last, number);
            if (!bounds[i].empty() && (read.ec != std::errc{} || read.ptr != last)) {
                return false;
            }
            if (!bounds[i].empty()) {
                step.slice.at(i) = number;
            }
        }
        return true;
    }

    void read_filter(JsonPathSteps& found, bool in_filter) {
        const auto start = pos_;
        if (in_filter) {
            fail(start, "a filter in a filter", "kubectl's JSONPath knows none");
        }
        pos_ += 3;
        auto filter = JsonPathStep();
        filter.kind = StepKind::Filter;
        filter.place = start;
        read_side(filter);
        const auto sign =
            std::min(text_.substr(0, end_).find_first_not_of(kOperatorSigns, pos_), end_);
        filter.op = text_.substr(pos_, sign - pos_);
        if (!filter.op.empty()) {
            check_operator(filter.op);
            pos_ = sign;
            read_side(filter);
        }
        if (pos_ >= end_ || std::string_view("\n]}").find(text_[pos_]) != text_.npos) {
            fail(start, "the filter that begins here is not closed", "[?(@.type==\"Ready\")]");
        }
        if (!text_.substr(pos_, end_ - pos_).starts_with(")]")) {
            unexpected();
        }
        pos_ += 2;
        found.push_back(std::move(filter));
    }

    void read_side(JsonPathStep& filter) {
        const auto start = pos_;
        read_steps(filter.branches.emplace_back(), true);
        if (pos_ == start && pos_ < end_) {
            fail(start, "a value to compare is missing", "[?(@.type==\"Ready\")]");
        }
    }

    void check_operator(const std::string& op) {
        for (const std::string_view known : {"==", "!=", "<", "<=", ">", ">="}) {
            if (op == known) {
                return;
            }
        }
        fail(
            pos_,
            "no comparison '" + op + "'",
            op == "=~" ? "kubectl's JSONPath has no regular expressions" : "==, !=, <, <=, >, >=");
    }

    std::string_view text_;
    std::size_t pos_ = 0;
    std::size_t end_;
};

void check_length(std::string_view text) {
    if (text.size() > JsonPath::kLengthMax) {
        throw netemu::UsageError(
            "a JSONPath of " + std::to_string(text.size()) + " bytes is too long",
            "at most " + std::to_string(JsonPath::kLengthMax));
    }
}

} // namespace

JsonPathTemplate parse_json_path_relaxed(std::string_view text) {
    check_length(text);
    std::size_t begin = 0;
    auto end = text.size();
    if (text.starts_with('{') && text.ends_with('}')) {
        ++begin;
        --end;
    }
    if (begin == end) {
        throw netemu::UsageError("an empty JSONPath", "for example .metadata.name");
    }
    if (const auto brace = text.substr(0, end).find_first_of("{}", begin); brace != text.npos) {
        json_path_error(
            text, brace, "one path is wanted here, and no template", "for example .metadata.name");
    }
    JsonPathPiece piece;
    piece.path = JsonPathParser(text).relaxed(begin, end);
    return {std::string(text), {std::move(piece)}};
}

JsonPathTemplate parse_json_path_template(std::string_view text) {
    check_length(text);
    const bool braces = text.find('{') != std::string_view::npos;
    if (!braces && !text.empty() && (text[0] == '.' || text[0] == '@' || text[0] == '$')) {
        return parse_json_path_relaxed(text);
    }
    return {std::string(text), JsonPathParser(text).pieces()};
}

} // namespace labctl::report
