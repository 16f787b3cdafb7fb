#include "labctl/report/check_forms.h"
#include "labctl/report/text.h"

namespace labctl::report {

namespace {

using check::Record;
using check::Verdict;

std::string field(const char* name, const std::string& value) {
    return value.empty() ? "" : std::string("  ") + name + ": " + yaml_quote(value) + "\n";
}

/// The YAML block below a test line (TAP 14, "YAML Diagnostics"), indented by two.
std::string diagnostics(const Record& record) {
    std::string out = "  ---\n";
    out += field("verdict", to_string(record.verdict));
    out += field("message", record.reason);
    out += field("hint", record.hint);
    out += field("decidedBy", record.decided_by);
    out += field("expected", record.expected);
    out += field("outcome", record.outcome);
    if (!record.source.file.empty()) {
        out += "  at:\n    file: " + yaml_quote(record.source.file) +
               "\n    line: " + std::to_string(record.source.line) + "\n";
    }
    out += "  attempts: " + std::to_string(record.attempts) + "\n";
    out += "  durationMicros: " + std::to_string(record.duration_us) + "\n";
    if (!record.notes.empty()) {
        out += "  notes:\n";
        for (const auto& note : record.notes) {
            out += "    - " + yaml_quote(note) + "\n";
        }
    }
    if (!record.evidence.empty()) {
        out += "  evidence:\n";
        for (const auto& evidence : record.evidence) {
            out += "    - " +
                   yaml_quote(
                       evidence.from + " -> " + evidence.to + ": " + evidence.outcome +
                       (evidence.control ? " [control]" : "")) +
                   "\n";
        }
    }
    return out + "  ...\n";
}

} // namespace

std::string check_tap(const check::Report& report, const CheckReportOptions& options) {
    const bool with_warnings = check::warnings_count(report, options.strict);
    std::string out = "TAP version 14\n1.." + std::to_string(report.records.size());
    out += report.records.empty() ? " # SKIP no assertions\n" : "\n";
    std::size_t number = 0;
    for (const auto& record : report.records) {
        const bool pass = record.verdict == Verdict::Pass;
        const bool warning = !pass && !check::counts(record, with_warnings);
        out += std::string(pass ? "ok " : "not ok ") + std::to_string(++number) + " - " +
               tap_description(record.title) + (warning ? " # TODO level warning" : "") + "\n";
        if (!pass || !record.notes.empty()) {
            out += diagnostics(record);
        }
    }
    return out;
}

} // namespace labctl::report
