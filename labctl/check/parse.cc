#include "labctl/check/parse.h"

#include <algorithm>
#include <tuple>

#include "labctl/check/parse_common.h"
#include "labctl/check/problems.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using api::Json;
using netemu::UsageError;

std::string lines_of(const std::vector<Diagnostic>& diagnostics) {
    std::vector<std::string> lines;
    for (const auto& [source, message, hint] : diagnostics) {
        std::string line = source.to_string();
        line += !line.empty() && source.column > 0 ? ":" + std::to_string(source.column) : "";
        line += (line.empty() ? "" : ": ") + message;
        line += hint.empty() ? "" : " (" + hint + ")";
        lines.push_back(std::move(line));
    }
    return netemu::join(lines, "\n");
}

} // namespace

CheckError::CheckError(std::vector<Diagnostic> diagnostics)
    : UsageError(lines_of(diagnostics)), diagnostics_(std::move(diagnostics)) {
}

namespace {

/// Throws netemu::UsageError, or an EntryError that knows the fields.
std::vector<Assertion> parse_value(const Json& value, const std::string& ns) {
    if (is_matrix(value)) {
        return parse_matrix(value, ns);
    }
    if (!value.is_string() && !value.is_object()) {
        throw UsageError(
            std::string("an assertion is a string or a mapping, not ") + value.type_name());
    }
    return {value.is_string() ? parse_short(value.get<std::string>(), ns) : parse_long(value, ns)};
}

/// Adds what is wrong with the entry to `diagnostics`.
std::vector<Assertion>
parse_entry(const api::AssertionInput& entry, std::vector<Diagnostic>& diagnostics) {
    try {
        auto assertions = parse_value(entry.value, entry.ns);
        for (auto& assertion : assertions) {
            assertion.source = entry.source;
        }
        return assertions;
    } catch (const EntryError& error) {
        for (const auto& [path, message, hint] : error.problems()) {
            diagnostics.push_back({entry.place_of(path), message, hint});
        }
    } catch (const UsageError& error) {
        diagnostics.push_back({entry.source, error.what(), error.hint()});
    }
    return {};
}

void raise(std::vector<Diagnostic> diagnostics) {
    std::ranges::stable_sort(diagnostics, {}, [](const Diagnostic& diagnostic) {
        const auto& source = diagnostic.source;
        return std::tuple(source.file, source.line, source.column);
    });
    if (!diagnostics.empty()) {
        throw CheckError(std::move(diagnostics));
    }
}

} // namespace

Assertion parse_assertion(const Json& value, const api::Source& source, const std::string& ns) {
    const api::AssertionInput entry{value, source, {}, ns, {}};
    std::vector<Diagnostic> diagnostics;
    auto assertions = parse_entry(entry, diagnostics);
    raise(std::move(diagnostics));
    return std::move(assertions.at(0));
}

std::vector<Assertion>
parse_entries(std::span<const api::AssertionInput> entries, std::size_t first_id) {
    std::vector<Assertion> assertions;
    std::vector<Diagnostic> diagnostics;
    for (std::size_t i = 0;
         i < entries.size() && diagnostics.size() < netemu::limits::kDiagnosticsMax;
         ++i) {
        const auto id = std::to_string(first_id + i);
        auto parsed = parse_entry(entries[i], diagnostics);
        for (std::size_t cell = 0; cell < parsed.size(); ++cell) {
            parsed[cell].id =
                is_matrix(entries[i].value) ? id + "." + std::to_string(cell + 1) : id;
        }
        std::ranges::move(parsed, std::back_inserter(assertions));
    }
    raise(std::move(diagnostics));
    return assertions;
}

std::vector<Assertion> parse_assertions(
    const Json& list, const SourceOf& source_of, const std::string& ns, std::size_t first_id) {
    if (!list.is_array()) {
        throw CheckError(
            {{source_of ? source_of(0) : api::Source{},
              std::string("assertions are a list, not ") + list.type_name(),
              {}}});
    }
    std::vector<api::AssertionInput> entries;
    for (std::size_t i = 0; i < list.size(); ++i) {
        entries.push_back({list[i], source_of ? source_of(i) : api::Source{}, {}, ns, {}});
    }
    return parse_entries(entries, first_id);
}

std::vector<Assertion>
parse_check(const api::Object& check, std::size_t first_id, const SourceOf& source_of) {
    const auto& spec = api::at(check.body, "spec");
    const auto& list = spec.is_array() ? spec : api::at(check.body, "spec.assertions");
    const SourceOf own = [&](std::size_t) { return check.source; };
    const auto ns = check.ns().empty() ? std::string("default") : check.ns();
    return parse_assertions(list, source_of ? source_of : own, ns, first_id);
}

} // namespace labctl::check
