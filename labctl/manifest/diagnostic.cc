#include "labctl/manifest/diagnostic.h"

#include <algorithm>

#include "netemu/base/limits.h"

namespace labctl::manifest {

namespace {

constexpr std::size_t kShownColumns = 120;

bool continues(char c) { // a byte inside a UTF-8 sequence
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// The byte where code point number `index` (from 0) starts.
std::size_t byte_of(std::string_view line, std::size_t index) {
    std::size_t byte = 0;
    while (byte < line.size() && index > 0) {
        ++byte;
        while (byte < line.size() && continues(line[byte])) {
            ++byte;
        }
        --index;
    }
    return byte;
}

std::string printable(std::string_view text) {
    std::string result(text);
    for (auto& c : result) {
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
            c = '?';
        }
    }
    return result;
}

/// Messages quote the input: line breaks in them would fake further diagnostics.
std::string one_line(std::string_view text) {
    auto result = printable(text);
    std::replace(result.begin(), result.end(), '\t', ' ');
    return result;
}

/// The line and the caret under its column; long lines are cut around the column.
std::string excerpt(std::string_view line, int column) {
    const auto caret = byte_of(line, static_cast<std::size_t>(std::max(column, 1) - 1));
    auto start = caret > kShownColumns - 20 ? caret - (kShownColumns - 20) : 0;
    while (start < line.size() && continues(line[start])) {
        ++start;
    }
    auto end = std::min(line.size(), start + kShownColumns);
    while (end < line.size() && continues(line[end])) {
        ++end;
    }
    const std::string lead = start > 0 ? "..." : "";
    std::string blank = lead.empty() ? "" : "   ";
    for (auto i = start; i < std::min(caret, end); ++i) {
        if (!continues(line[i])) {
            blank += line[i] == '\t' ? '\t' : ' ';
        }
    }
    return "    " + lead + printable(line.substr(start, end - start)) +
           (end < line.size() ? "..." : "") + "\n    " + blank + "^\n";
}

std::string counted(std::size_t number, std::string_view what) {
    return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::string summary(const Findings& findings) {
    return "the input is not valid: " + counted(findings.errors, "error") +
           (findings.warnings > 0 ? ", " + counted(findings.warnings, "warning") : "");
}

} // namespace

bool Findings::keeps(Severity severity) const {
    return (severity == Severity::Error ? errors : warnings) < netemu::limits::kDiagnosticsMax;
}

void Findings::add(Diagnostic diagnostic) {
    const bool kept = keeps(diagnostic.severity);
    ++(diagnostic.severity == Severity::Error ? errors : warnings);
    if (kept) {
        list.push_back(std::move(diagnostic));
    }
}

std::string format(const Diagnostic& diagnostic) {
    std::string text;
    if (!diagnostic.source.file.empty()) {
        text += one_line(diagnostic.source.file) + ":";
    }
    if (diagnostic.source.line > 0) {
        text += std::to_string(diagnostic.source.line) + ":" +
                std::to_string(diagnostic.source.column) + ":";
    }
    text += text.empty() ? "" : " ";
    text += diagnostic.severity == Severity::Error ? "error: " : "warning: ";
    text += one_line(diagnostic.message) + "\n";
    if (!diagnostic.source_line.empty()) {
        text += excerpt(diagnostic.source_line, diagnostic.source.column);
    }
    if (!diagnostic.hint.empty()) {
        text += "    hint: " + one_line(diagnostic.hint) + "\n";
    }
    return text;
}

std::string format(const Findings& findings) {
    std::string text;
    for (const auto& diagnostic : findings.list) {
        text += format(diagnostic);
    }
    const auto more = findings.errors + findings.warnings - findings.list.size();
    if (more > 0) {
        text += "and " + std::to_string(more) + " more\n";
    }
    if (findings.gave_up) {
        text += "too many errors: the rest of the input was not read\n";
    }
    return text;
}

ManifestError::ManifestError(Findings findings)
    : Error(summary(findings) + "\n" + format(findings)), findings_(std::move(findings)) {
}

} // namespace labctl::manifest
