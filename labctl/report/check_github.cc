#include "labctl/report/check_forms.h"
#include "labctl/report/text.h"

namespace labctl::report {

namespace {

using check::Record;
using check::Verdict;

/// A workflow command that annotates the assertion's own line:
/// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
std::string annotation(const Record& record, bool with_warnings) {
    const bool warning = !check::counts(record, with_warnings);
    const auto title = record.verdict == Verdict::Fail
                           ? record.title
                           : to_string(record.verdict) + ": " + record.title;
    std::string out = warning ? "::warning " : "::error ";
    if (!record.source.file.empty()) {
        out += "file=" + github_property(record.source.file) +
               ",line=" + std::to_string(record.source.line) + ",";
    }
    return out + "title=" + github_property(title) + "::" + github_data(explanation(record)) + "\n";
}

} // namespace

std::string check_github(const check::Report& report, const CheckReportOptions& options) {
    const bool with_warnings = check::warnings_count(report, options.strict);
    std::string out;
    for (const auto& record : report.records) {
        if (record.verdict != Verdict::Pass) {
            out += annotation(record, with_warnings);
        }
    }
    return out + "::notice title=" + github_property(report.title) +
           "::" + github_data(summary_line(report)) + "\n";
}

} // namespace labctl::report
