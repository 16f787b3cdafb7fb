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

netemu::ExitCode exit_code(const Report& report, bool strict) {
    const auto summary = report.summary();
    if (summary.failed > 0 || (strict && summary.warned > 0)) {
        return netemu::ExitCode::CheckFailed;
    }
    if (summary.errors > 0) {
        return netemu::ExitCode::Usage;
    }
    const bool unsettled = std::ranges::any_of(report.records, [&](const Record& record) {
        return record.verdict == Verdict::Inconclusive &&
               (strict || record.level != Level::Warning);
    });
    if (unsettled || summary.inconclusive == summary.total()) {
        return netemu::ExitCode::Inconclusive; // an empty run too: nothing of nothing
    }
    return netemu::ExitCode::Ok;
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
