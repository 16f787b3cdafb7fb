#pragma once

#include <span>
#include <string>

#include "labctl/report/check_report.h"

/// The forms of the check report, one file each. Private to the room.
namespace labctl::report {

std::string check_table(const check::Report& report, const CheckReportOptions& options);
std::string check_json(const check::Report& report);
std::string check_jsonl(const check::Report& report);
/// One suite for each report.
std::string check_junit(std::span<const check::Report> reports, const CheckReportOptions& options);
std::string check_tap(const check::Report& report, const CheckReportOptions& options);
std::string check_github(const check::Report& report, const CheckReportOptions& options);
std::string check_markdown(const check::Report& report);

/// "12 passed, 1 failed, 1 inconclusive; 132 probes in 35 ms": what is zero is left out, except "0
/// passed".
std::string summary_line(const check::Report& report);
/// The reason with the rule that decided and the hint, a sentence a line.
std::string explanation(const check::Record& record);

} // namespace labctl::report
