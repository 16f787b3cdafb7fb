#include "labctl/report/check_forms.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using check::Record;
using check::Verdict;

const char* mark_of(const Record& record) {
    switch (record.verdict) {
    case Verdict::Pass:
        return "\xe2\x9c\x85 pass";
    case Verdict::Fail:
        return record.level == check::Level::Warning ? "\xe2\x9a\xa0 warning" : "\xe2\x9d\x8c fail";
    case Verdict::Inconclusive:
        return "\xe2\x9d\x93 inconclusive";
    case Verdict::Error:
        break;
    }
    return "\xe2\x9d\x8c error";
}

} // namespace

std::string check_markdown(const check::Report& report) {
    std::string out =
        "### " + markdown_escape(report.title) + "\n\n" + summary_line(report) + "\n\n";
    if (!report.records.empty()) {
        out += "| | check | expected | outcome | time |\n|---|---|---|---|---:|\n";
    }
    for (const auto& record : report.records) {
        out += std::string("| ") + mark_of(record) + " | " + markdown_escape(record.title) + " | " +
               markdown_escape(record.expected) + " | " + markdown_escape(record.outcome) + " | " +
               netemu::format_duration_us(record.duration_us) + " |\n";
    }
    bool first = true;
    for (const auto& record : report.records) {
        if (record.verdict == Verdict::Pass) {
            continue;
        }
        out += first ? "\n" : "";
        first = false;
        const auto place = record.source.to_string();
        out += "- **" + markdown_escape(record.title) + "**" +
               (place.empty() ? "" : " (" + markdown_escape(place) + ")") + ": " +
               markdown_escape(record.reason) +
               (record.hint.empty() ? "" : " \xe2\x80\x94 " + markdown_escape(record.hint)) + "\n";
    }
    return out;
}

} // namespace labctl::report
