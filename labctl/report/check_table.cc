#include <algorithm>

#include "labctl/report/check_forms.h"
#include "labctl/report/table.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using check::Level;
using check::Record;
using check::Verdict;

/// What is printed for a verdict: a failed warning is a warning.
struct Face {
    const char* mark;
    const char* word;
    Colour colour;
};

Face face_of(const Record& record) {
    switch (record.verdict) {
    case Verdict::Pass:
        return {"\xe2\x9c\x93", "pass", Colour::Green};
    case Verdict::Fail:
        return record.level == Level::Warning ? Face{"!", "warning", Colour::Yellow}
                                              : Face{"\xe2\x9c\x97", "fail", Colour::Red};
    case Verdict::Inconclusive:
        return {"?", "inconclusive", Colour::Yellow};
    case Verdict::Error:
        break;
    }
    return {"\xe2\x9c\x97", "error", Colour::Red};
}

std::string evidence_lines(const Record& record, bool colour) {
    std::string out;
    for (const auto& evidence : record.evidence) {
        const bool bad = evidence.verdict != Verdict::Pass;
        std::string line = "      " + visible(evidence.from) + " -> " + visible(evidence.to);
        line += evidence.target.empty() ? "" : " (" + visible(evidence.target) + ")";
        line += ": " + visible(evidence.outcome);
        line += evidence.rtt_us > 0 ? ", " + netemu::format_duration_us(evidence.rtt_us) : "";
        line += evidence.backend.empty() ? "" : ", by " + visible(evidence.backend);
        line += evidence.client_ip.empty() ? "" : ", seen as " + visible(evidence.client_ip);
        line += evidence.control ? " [control]" : "";
        out += paint(line, bad ? Colour::None : Colour::Dim, colour) + "\n";
    }
    if (record.evidence_left_out > 0) {
        out += "      ... and " + std::to_string(record.evidence_left_out) + " more\n";
    }
    return out;
}

/// The block below the table for an assertion that is no plain pass.
std::string detail(const Record& record, const CheckReportOptions& options) {
    const auto face = face_of(record);
    std::string out = "\n" + paint(face.word, face.colour, options.colour) + "  " +
                      paint(visible(record.title), Colour::Bold, options.colour);
    const auto place = record.source.to_string();
    out += place.empty() ? "\n" : "  " + paint(visible(place), Colour::Dim, options.colour) + "\n";
    const auto text = visible_lines(explanation(record));
    for (const auto line : netemu::split(text, '\n')) {
        out += "    " + std::string(line) + "\n";
    }
    return out + evidence_lines(record, options.colour);
}

bool wants_detail(const Record& record, const CheckReportOptions& options) {
    return options.verbose || record.verdict != Verdict::Pass || !record.notes.empty();
}

} // namespace

std::string progress_line(const Record& record, bool colour) {
    const auto face = face_of(record);
    return paint(face.mark, face.colour, colour) + " " + visible(record.title) + " (" +
           netemu::format_duration_us(record.duration_us) + ")";
}

std::string check_table(const check::Report& report, const CheckReportOptions& options) {
    std::vector<Column> columns{
        {"VERDICT"},
        {"CHECK"},
        {"EXPECTED"},
        {"OUTCOME"},
        {"FLOWS", Align::Right},
        {"TIME", Align::Right}};
    if (options.wide) {
        columns.push_back({"WHERE"});
    }
    Table table(std::move(columns));
    for (const auto& record : report.records) {
        const auto face = face_of(record);
        std::vector<Cell> row{
            Cell(std::string(face.mark) + " " + face.word, face.colour),
            record.title,
            record.expected,
            record.outcome,
            std::to_string(record.flows),
            netemu::format_duration_us(record.duration_us)};
        if (options.wide) {
            row.emplace_back(record.source.to_string());
        }
        table.add(std::move(row));
    }
    Table::Style style;
    style.colour = options.colour;
    std::string out = table.empty() ? "no assertions\n" : table.render(style);
    for (const auto& record : report.records) {
        if (wants_detail(record, options)) {
            out += detail(record, options);
        }
    }
    return out + "\n" + summary_line(report) + "\n";
}

} // namespace labctl::report
