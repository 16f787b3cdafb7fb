#include "labctl/report/check_report.h"

#include <algorithm>
#include <array>

#include "labctl/report/check_forms.h"
#include "labctl/report/text.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

struct FormatName {
    const char* name;
    CheckFormat format;
};

constexpr std::array<FormatName, 7> kFormats{
    {{"table", CheckFormat::Table},
     {"json", CheckFormat::Json},
     {"jsonl", CheckFormat::Jsonl},
     {"junit", CheckFormat::Junit},
     {"tap", CheckFormat::Tap},
     {"github", CheckFormat::Github},
     {"markdown", CheckFormat::Markdown}}};

} // namespace

std::vector<std::string> check_format_names() {
    std::vector<std::string> names;
    names.reserve(kFormats.size());
    for (const auto& format : kFormats) {
        names.emplace_back(format.name);
    }
    return names;
}

namespace {

/// A run of nothing is none that went well (check::exit_code), which no count of zero would say.
std::string junit_of_run(check::Report report, const CheckReportOptions& options) {
    if (report.records.empty()) {
        check::Record nothing;
        nothing.title = "an assertion that was run";
        nothing.reason = "there was none";
        report.records.push_back(std::move(nothing));
    }
    return check_junit({&report, 1}, options);
}

} // namespace

CheckFormat parse_check_format(std::string_view name) {
    const auto* found = std::ranges::find(
        kFormats, name, [](const FormatName& format) { return std::string_view(format.name); });
    if (found != kFormats.end()) {
        return found->format;
    }
    const auto names = check_format_names();
    const auto near = netemu::nearest(name, names);
    throw netemu::UsageError(
        "'" + std::string(name) + "' is not a report format",
        near ? "did you mean '" + *near + "'?" : "it can be " + netemu::join(names, ", "));
}

std::string
render(const check::Report& report, CheckFormat format, const CheckReportOptions& options) {
    switch (format) {
    case CheckFormat::Table:
        return check_table(report, options);
    case CheckFormat::Json:
        return check_json(report);
    case CheckFormat::Jsonl:
        return check_jsonl(report);
    case CheckFormat::Junit:
        return junit_of_run(report, options);
    case CheckFormat::Tap:
        return check_tap(report, options);
    case CheckFormat::Github:
        return check_github(report, options);
    case CheckFormat::Markdown:
        return check_markdown(report);
    }
    return {};
}

ReportRequest ReportRequest::parse(std::string_view text) {
    const auto equals = text.find('=');
    ReportRequest request;
    request.format = parse_check_format(text.substr(0, equals));
    if (equals != std::string_view::npos) {
        request.path = text.substr(equals + 1);
    }
    if (request.path.empty()) {
        throw netemu::UsageError(
            "'" + std::string(text) + "' names no file",
            "write FORMAT=PATH, for example junit=out.xml");
    }
    return request;
}

std::string summary_line(const check::Report& report) {
    const auto summary = report.summary();
    std::string line = std::to_string(summary.passed) + " passed";
    const auto add = [&](std::size_t count, const char* what) {
        if (count > 0) {
            line += ", " + std::to_string(count) + " " + what;
        }
    };
    add(summary.failed, "failed");
    add(summary.warned, summary.warned == 1 ? "warning" : "warnings");
    add(summary.inconclusive, "inconclusive");
    add(summary.errors, summary.errors == 1 ? "error" : "errors");
    line += "; " + std::to_string(report.probes) + (report.probes == 1 ? " probe" : " probes") +
            " in " + netemu::format_duration_us(report.duration_us);
    return line;
}

std::string explanation(const check::Record& record) {
    std::string text = record.reason;
    text += record.decided_by.empty() ? "" : "\ndecided by: " + record.decided_by;
    for (const auto& note : record.notes) {
        text += "\nnote: " + note;
    }
    text += record.hint.empty() ? "" : "\nhint: " + record.hint;
    return text;
}

} // namespace labctl::report
