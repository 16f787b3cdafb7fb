#include <array>
#include <cstdio>

#include "labctl/report/check_forms.h"
#include "labctl/report/text.h"

namespace labctl::report {

namespace {

using check::Record;
using check::Verdict;

std::string seconds(std::uint64_t microseconds) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.6f", static_cast<double>(microseconds) / 1e6);
    return buffer.data();
}

std::string attribute(const char* name, const std::string& value) {
    return std::string(" ") + name + "=\"" + xml_escape(value) + "\"";
}

/// Text of an element: line feeds stay what they are there.
std::string element_text(const std::string& text) {
    auto escaped = xml_escape(text);
    for (auto at = escaped.find("&#10;"); at != std::string::npos; at = escaped.find("&#10;", at)) {
        escaped.replace(at, 5, "\n");
    }
    return escaped;
}

std::string evidence_text(const Record& record) {
    std::string text = explanation(record) + "\n";
    for (const auto& evidence : record.evidence) {
        text += "  " + evidence.from + " -> " + evidence.to +
                (evidence.target.empty() ? "" : " (" + evidence.target + ")") + ": " +
                evidence.outcome + (evidence.control ? " [control]" : "") + "\n";
    }
    return text;
}

/// The child that says what a testcase came to. What does not count passes, with its text in
/// system-out.
std::string outcome_element(const Record& record, bool with_warnings) {
    const auto with = [&](const char* element, const char* type) {
        return std::string("      <") + element + attribute("message", record.reason) +
               attribute("type", type) + ">" + element_text(evidence_text(record)) + "</" +
               element + ">\n";
    };
    if (record.verdict == Verdict::Pass) {
        return record.notes.empty()
                   ? ""
                   : "      <system-out>" + element_text(explanation(record)) + "</system-out>\n";
    }
    if (!check::counts(record, with_warnings)) {
        return std::string("      <system-out>warning: ") +
               (record.verdict == Verdict::Inconclusive ? "inconclusive: " : "") +
               element_text(evidence_text(record)) + "</system-out>\n";
    }
    return record.verdict == Verdict::Fail ? with("failure", "fail")
                                           : with("error", to_string(record.verdict).c_str());
}

std::string testcase(const Record& record, bool with_warnings) {
    const auto file = record.source.file.empty() ? std::string("labctl") : record.source.file;
    std::string out = "    <testcase" + attribute("name", record.title) +
                      attribute("classname", file) + attribute("time", seconds(record.duration_us));
    if (!record.source.file.empty()) {
        out += attribute("file", record.source.file) +
               attribute("line", std::to_string(record.source.line));
    }
    const auto child = outcome_element(record, with_warnings);
    return out + (child.empty() ? "/>\n" : ">\n" + child + "    </testcase>\n");
}

/// How many there are of what, over all of them.
std::string counts_of(std::span<const check::Report> reports, bool strict) {
    std::size_t tests = 0;
    std::size_t failures = 0;
    std::size_t errors = 0;
    std::uint64_t duration_us = 0;
    for (const auto& report : reports) {
        const bool with_warnings = check::warnings_count(report, strict);
        for (const auto& record : report.records) {
            ++tests;
            if (check::counts(record, with_warnings)) {
                ++(record.verdict == Verdict::Fail ? failures : errors);
            }
        }
        duration_us += report.duration_us;
    }
    return attribute("tests", std::to_string(tests)) +
           attribute("failures", std::to_string(failures)) +
           attribute("errors", std::to_string(errors)) + attribute("time", seconds(duration_us));
}

std::string testsuite(const check::Report& report, const CheckReportOptions& options) {
    const bool with_warnings = check::warnings_count(report, options.strict);
    std::string out = "  <testsuite" + attribute("name", report.title) +
                      counts_of({&report, 1}, options.strict) + attribute("skipped", "0");
    out += options.timestamp.empty() ? ">\n" : attribute("timestamp", options.timestamp) + ">\n";
    if (!report.properties.empty()) {
        out += "    <properties>\n";
        for (const auto& [name, value] : report.properties) {
            out += "      <property" + attribute("name", name) + attribute("value", value) + "/>\n";
        }
        out += "    </properties>\n";
    }
    for (const auto& record : report.records) {
        out += testcase(record, with_warnings);
    }
    return out + "  </testsuite>\n";
}

} // namespace

std::string check_junit(std::span<const check::Report> reports, const CheckReportOptions& options) {
    auto out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
               counts_of(reports, options.strict) + ">\n";
    for (const auto& report : reports) {
        out += testsuite(report, options);
    }
    return out + "</testsuites>\n";
}

} // namespace labctl::report
