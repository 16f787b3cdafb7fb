#include "labctl/check/parse.h"

#include <algorithm>

#include "labctl/check/parse_common.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using api::Json;
using netemu::UsageError;

std::string text_of(const std::vector<Diagnostic>& diagnostics) {
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
    : UsageError(text_of(diagnostics)), diagnostics_(std::move(diagnostics)) {
}

Assertion parse_assertion(const Json& value, const api::Source& source, const std::string& ns) {
    try {
        if (!value.is_string() && !value.is_object()) {
            throw UsageError(
                std::string("an assertion is a string or a mapping, not ") + value.type_name());
        }
        auto assertion =
            value.is_string() ? parse_short(value.get<std::string>(), ns) : parse_long(value, ns);
        assertion.source = source;
        return assertion;
    } catch (const CheckError&) {
        throw;
    } catch (const UsageError& error) {
        throw CheckError({{source, error.what(), error.hint()}});
    }
}

std::vector<Assertion> parse_entry(
    const Json& value, const api::Source& source, const std::string& ns, const std::string& id) {
    if (!is_matrix(value)) {
        auto assertion = parse_assertion(value, source, ns);
        assertion.id = id;
        return {std::move(assertion)};
    }
    try {
        auto assertions = parse_matrix(value, ns);
        for (std::size_t i = 0; i < assertions.size(); ++i) {
            assertions[i].source = source;
            assertions[i].id = id + "." + std::to_string(i + 1);
        }
        return assertions;
    } catch (const UsageError& error) {
        throw CheckError({{source, error.what(), error.hint()}});
    }
}

std::vector<Assertion> parse_assertions(
    const Json& list, const SourceOf& source_of, const std::string& ns, std::size_t first_id) {
    std::vector<Assertion> assertions;
    std::vector<Diagnostic> diagnostics;
    if (!list.is_array()) {
        throw CheckError(
            {{source_of ? source_of(0) : api::Source{},
              std::string("assertions are a list, not ") + list.type_name(),
              {}}});
    }
    for (std::size_t i = 0; i < list.size() && diagnostics.size() < netemu::limits::kDiagnosticsMax;
         ++i) {
        try {
            std::ranges::move(
                parse_entry(
                    list[i],
                    source_of ? source_of(i) : api::Source{},
                    ns,
                    std::to_string(first_id + i)),
                std::back_inserter(assertions));
        } catch (const CheckError& error) {
            std::ranges::copy(error.diagnostics(), std::back_inserter(diagnostics));
        }
    }
    if (!diagnostics.empty()) {
        throw CheckError(std::move(diagnostics));
    }
    return assertions;
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
