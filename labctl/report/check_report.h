#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/check/record.h"

/// Reports of checks, in the forms that people and machines read.
namespace labctl::report {

enum class CheckFormat {
    Table,    // for people
    Json,     // one object, schemaVersion 1
    Jsonl,    // one record a line, then a summary
    Junit,    // JUnit XML; inconclusive and erroneous assertions are <error>, failures <failure>
    Tap,      // TAP 14 with YAML diagnostics; a warning that does not count is a TODO
    Github,   // workflow commands that annotate the file of the assertion
    Markdown, // for a step summary or a README
};

/// Throws netemu::UsageError with a suggestion.
CheckFormat parse_check_format(std::string_view name);
std::vector<std::string> check_format_names();

struct CheckReportOptions {
    bool colour = false;   // Table only
    bool verbose = false;  // Table: evidence and notes of passed assertions too
    bool wide = false;     // Table: one more column, the place in the file
    bool strict = false;   // Junit, Tap, Github: warnings count, as in check::exit_code
    std::string timestamp; // RFC 3339, for Junit; empty: none
};

/// The whole report as text. Nothing in it can escape its format: what came from outside is
/// escaped.
std::string
render(const check::Report& report, CheckFormat format, const CheckReportOptions& options = {});

/// One record as a line for people, for a run that prints each as it is settled: "✓ title (12 ms)".
std::string progress_line(const check::Record& record, bool colour);

/// One `--report FORMAT=PATH` of the command line; the path "-" is standard output. Throws
/// netemu::UsageError.
struct ReportRequest {
    CheckFormat format = CheckFormat::Table;
    std::string path = "-";
    static ReportRequest parse(std::string_view text);
};

} // namespace labctl::report
