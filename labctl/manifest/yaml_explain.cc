#include "labctl/manifest/yaml_explain.h"

#include <array>

namespace labctl::manifest {

namespace {

std::string_view line_of(std::string_view input, std::size_t line) {
    for (; line > 0; --line) {
        const auto end = input.find('\n');
        if (end == std::string_view::npos) {
            return {};
        }
        input.remove_prefix(end + 1);
    }
    return input.substr(0, input.find('\n'));
}

bool tab_in_indentation(std::string_view line, std::size_t column) {
    const auto text = line.find_first_not_of(" \t");
    const auto tab = line.find('\t');
    return tab != std::string_view::npos && (text == std::string_view::npos || tab < text) &&
           tab <= column;
}

/// "{}---": two documents that were joined without a line break between them.
bool joined_documents(std::string_view line) {
    const auto dashes = line.rfind("---");
    return dashes != std::string_view::npos && dashes > 0 &&
           line.find_first_not_of(" \r", dashes + 3) == std::string_view::npos;
}

struct Known {
    std::string_view problem;
    std::string_view hint;
};

constexpr std::array kKnown{
    Known{
        "mapping values are not allowed",
        "quote a value that contains ': ', or check the indentation"},
    Known{
        "did not find expected key",
        "check the indentation of this line and of the lines above it"},
    Known{
        "did not find expected '-' indicator",
        "check the indentation: all items of a list start in the same column"},
    Known{
        "did not find expected ',' or '}'",
        "a '{' is not closed, or a ',' is missing between two entries"},
    Known{
        "did not find expected ',' or ']'",
        "a '[' is not closed, or a ',' is missing between two items"},
    Known{
        "could not find expected ':'",
        "this line needs a ':' between key and value, or a quote above is not closed"},
    Known{"found unexpected end of stream", "a quote is not closed"},
    Known{"found unexpected document indicator", "a quote above this line is not closed"},
    Known{
        "found character that cannot start any token",
        "quote the value: '@', '`' and '%' cannot start plain text"},
    Known{
        "found unknown escape character",
        "use single quotes for text with backslashes, or write \\\\"},
    Known{
        "did not find expected alphabetic or numeric character",
        "quote the value: '*' and '&' mean aliases and anchors"},
    Known{
        "did not find expected <document start>",
        "a file is one value; separate documents with a line '---'"},
    Known{"block sequence entries are not allowed", "start the list on a line of its own"},
    Known{"invalid Unicode character escape", "surrogates come in pairs: \\ud83d\\ude00"},
};

} // namespace

Explanation explain_yaml_problem(
    std::string_view problem,
    std::string_view context,
    std::string_view input,
    std::size_t line,
    std::size_t column) {
    const auto text = line_of(input, line);
    if (tab_in_indentation(text, column)) {
        return {"a tab is used for indentation", "YAML is indented with spaces only"};
    }
    const auto before = line > 0 ? line_of(input, line - 1) : std::string_view{};
    if (joined_documents(text) || joined_documents(before)) {
        return {
            std::string(problem),
            "'---' separates documents only at the start of a line; put a line break before it"};
    }
    std::string message(problem);
    if (!context.empty()) {
        message += " (" + std::string(context) + ")";
    }
    for (const auto& known : kKnown) {
        if (problem.starts_with(known.problem)) {
            return {message, std::string(known.hint)};
        }
    }
    return {message, {}};
}

} // namespace labctl::manifest
