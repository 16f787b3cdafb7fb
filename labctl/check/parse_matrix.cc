#include <algorithm>
#include <optional>

#include "labctl/check/parse_common.h"
#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using api::Json;
using netemu::UsageError;
using CellWords = std::vector<std::string_view>;

constexpr const char* kMatrixForm = "the first line names the columns; each other line is a row: "
                                    "its name, then . (allow), X (deny) "
                                    "or - (not asserted) for each column";

/// The words of each line, without empty lines and comments.
std::vector<CellWords> matrix_lines(std::string_view text) {
    std::vector<CellWords> lines;
    for (const auto line : netemu::split(text, '\n')) {
        const auto trimmed = netemu::trim(line);
        if (!trimmed.empty() && trimmed.front() != '#') {
            lines.push_back(split_outside(trimmed, " \t"));
        }
    }
    return lines;
}

/// The names of the columns; a word in the corner above the rows' names is left out.
CellWords matrix_columns(const std::vector<CellWords>& lines) {
    if (lines.size() < 2) {
        throw UsageError("a matrix needs a line of columns and a row", kMatrixForm);
    }
    auto columns = lines.front();
    if (columns.size() == lines[1].size()) {
        columns.erase(columns.begin());
    }
    for (auto row = lines.begin() + 1; row != lines.end(); ++row) {
        if (row->size() != columns.size() + 1) {
            throw UsageError(
                "the row of " + quote(row->front()) + " has " + plural(row->size() - 1, "cell") +
                    " for " + plural(columns.size(), "column"),
                kMatrixForm);
        }
    }
    return columns;
}

/// "allow", "deny", or empty for a cell that asserts nothing.
std::string cell_expectation(std::string_view cell) {
    if (cell == ".") {
        return "allow";
    }
    if (cell == "X" || cell == "x") {
        return "deny";
    }
    if (cell == "-") {
        return {};
    }
    throw UsageError(quote(cell) + " is no cell of a matrix", kMatrixForm);
}

std::string text_field(const Json& mapping, const char* field) {
    const auto found = mapping.find(field);
    if (found == mapping.end()) {
        return {};
    }
    if (!found->is_string() && !found->is_number_integer()) {
        throw UsageError(quote(field) + " must be a string");
    }
    auto text = found->is_string() ? found->get<std::string>() : found->dump();
    if (netemu::trim(text).empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if nothing is meant by it");
    }
    return text;
}

/// What all cells have in common.
struct CellForm {
    Json fields;
    std::string ns;
    std::string port; // ":8080/tcp", or empty
    std::string name; // behind each title
};

CellForm cell_form(const Json& mapping, const std::string& ns) {
    CellForm form{mapping, ns, text_field(mapping, "port"), text_field(mapping, "name")};
    form.port = form.port.empty() ? "" : ":" + form.port;
    form.name += form.name.empty() ? text_field(mapping, "title") : "";
    form.name = form.name.empty() ? "matrix" : form.name;
    for (const char* field : {"matrix", "port", "name", "title"}) {
        form.fields.erase(field);
    }
    return form;
}

/// nullopt of a cell that asserts nothing.
std::optional<Assertion> parse_cell(
    const CellForm& form, std::string_view from, std::string_view to, std::string_view cell) {
    const auto expect = cell_expectation(cell);
    if (expect.empty()) {
        return std::nullopt;
    }
    auto fields = form.fields;
    fields["from"] = from;
    fields["to"] = std::string(to) + form.port;
    fields["expect"] = expect;
    auto assertion = parse_long(fields, form.ns);
    assertion.title += " (" + form.name + ")";
    return assertion;
}

} // namespace

bool is_matrix(const Json& value) {
    return value.is_object() && value.contains("matrix");
}

std::vector<Assertion> parse_matrix(const Json& mapping, const std::string& ns) {
    if (!mapping.at("matrix").is_string()) {
        throw UsageError("'matrix' must be a block of text", kMatrixForm);
    }
    const auto text = mapping.at("matrix").get<std::string>();
    const auto lines = matrix_lines(text);
    const auto columns = matrix_columns(lines);
    const auto form = cell_form(mapping, ns);
    std::vector<Assertion> assertions;
    const auto add = [&](std::string_view from, std::string_view to, std::string_view cell) {
        if (auto assertion = parse_cell(form, from, to, cell)) {
            assertions.push_back(std::move(*assertion));
        }
    };
    Problems problems;
    for (auto row = lines.begin() + 1; row != lines.end(); ++row) {
        for (std::size_t i = 0; i < columns.size(); ++i) {
            problems.in({}, [&] { add(row->front(), columns[i], row->at(i + 1)); });
        }
    }
    problems.raise();
    if (assertions.empty()) {
        throw UsageError("the matrix asserts nothing: every cell is '-'", kMatrixForm);
    }
    for (auto& assertion : assertions) { // the points are those of the whole matrix
        assertion.points /= static_cast<double>(assertions.size());
    }
    return assertions;
}

} // namespace labctl::check
