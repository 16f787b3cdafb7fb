#include "labctl/check/record.h"

#include <algorithm>

namespace labctl::check {

std::string to_string(Verdict verdict) {
    switch (verdict) {
    case Verdict::Pass:
        return "pass";
    case Verdict::Fail:
        return "fail";
    case Verdict::Inconclusive:
        return "inconclusive";
    case Verdict::Error:
        return "error";
    }
    return {};
}

Summary Report::summary() const {
    Summary summary;
    for (const auto& record : records) {
        switch (record.verdict) {
        case Verdict::Pass:
            ++summary.passed;
            break;
        case Verdict::Fail:
            ++(record.level == Level::Warning ? summary.warned : summary.failed);
            break;
        case Verdict::Inconclusive:
            ++summary.inconclusive;
            break;
        case Verdict::Error:
            ++summary.errors;
            break;
        }
    }
    return summary;
}

bool warnings_count(const Report& report, bool strict) {
    return strict || std::ranges::all_of(report.records, [](const Record& record) {
               return record.verdict == Verdict::Inconclusive;
           });
}

bool counts(const Record& record, bool with_warnings) {
    return record.verdict == Verdict::Error ||
           (record.verdict != Verdict::Pass && (with_warnings || record.level != Level::Warning));
}

netemu::ExitCode exit_code(const Report& report, bool strict) {
    const bool with_warnings = warnings_count(report, strict);
    const auto any = [&](Verdict verdict) {
        return std::ranges::any_of(report.records, [&](const Record& record) {
            return record.verdict == verdict && counts(record, with_warnings);
        });
    };
    if (any(Verdict::Fail)) {
        return netemu::ExitCode::CheckFailed;
    }
    if (any(Verdict::Error)) {
        return netemu::ExitCode::Usage;
    }
    return any(Verdict::Inconclusive) || report.records.empty() ? netemu::ExitCode::Inconclusive
                                                                : netemu::ExitCode::Ok;
}

Report failed_setup(const std::string& message, const std::string& hint) {
    Report report;
    Record record;
    record.id = "setup";
    record.title = "the checks could not be run";
    record.expected = "a lab to check";
    record.outcome = "not probed";
    record.verdict = Verdict::Error;
    record.reason = message;
    record.hint = hint;
    report.records.push_back(std::move(record));
    return report;
}

} // namespace labctl::check
