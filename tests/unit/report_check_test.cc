#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include "labctl/report/check_report.h"
#include "netemu/base/error.h"
#include "tests/unit/report_fixture.h"

using namespace labctl::report;
using labctl::check::Evidence;
using labctl::check::Level;
using labctl::check::Record;
using labctl::check::Report;
using labctl::check::Verdict;
using labctl::report::testing::check_golden;

namespace {

Record record(const char* id, const char* title, Verdict verdict, const char* reason) {
    Record r;
    r.id = id;
    r.title = title;
    r.source = {"checks.yaml", 3 + std::atoi(id), 3};
    r.from = "frontend";
    r.to = "backend:8080/tcp";
    r.expected = "allow";
    r.outcome = verdict == Verdict::Pass ? "ok" : "timeout";
    r.verdict = verdict;
    r.reason = reason;
    r.attempts = 1;
    r.flows = 6;
    r.duration_us = 2345;
    return r;
}

Evidence evidence(const char* outcome, Verdict verdict) {
    Evidence e;
    e.from = "default/frontend-a";
    e.to = "tcp://10.244.2.3:8080";
    e.target = "default/backend-b";
    e.outcome = outcome;
    e.verdict = verdict;
    e.text = "a sentence";
    return e;
}

/// One assertion of every verdict, and texts that try to break out of their format.
Report sample() {
    Report report;
    report.title = "labctl check demo";
    report.properties = {{"lab", "demo"}, {"kernel", "6.18 <test> & \"more\""}};
    report.probes = 132;
    report.duration_us = 35600;
    report.records.push_back(record(
        "1", "frontend -> backend:8080/tcp allow", Verdict::Pass, "as expected for all 6 flows"));
    report.records[0].evidence.push_back(evidence("ok", Verdict::Pass));
    report.records[0].evidence[0].rtt_us = 180;
    report.records[0].evidence[0].backend = "default/backend-b";
    report.records[0].evidence[0].client_ip = "10.244.1.2";
    report.records.push_back(record(
        "2",
        "web # TODO <b>]]>&amp; \"it's\" | 100% \x1b[31mred\nsecond line",
        Verdict::Fail,
        "no answer came, said '<peer>' & \x01 \xff ]]> 50%\n::error::fake"));
    report.records[1].hint = "look at a:b, c";
    report.records[1].evidence.push_back(evidence("timeout", Verdict::Fail));
    report.records[1].evidence_left_out = 5;
    report.records.push_back(record(
        "3", "* -> db:5432 deny", Verdict::Inconclusive, "no rule is known to have dropped it"));
    report.records[2].evidence.push_back(evidence("timeout", Verdict::Inconclusive));
    report.records[2].evidence.push_back(evidence("ok", Verdict::Pass));
    report.records[2].evidence[1].control = true;
    report.records.push_back(
        record("4", "slow -> backend:80 allow", Verdict::Fail, "the HTTP status was 503"));
    report.records[3].level = Level::Warning;
    report.records.push_back(record(
        "5",
        "cliemt -> db:1 deny",
        Verdict::Error,
        "nothing matches 'cliemt'; did you mean 'client'?"));
    report.records[4].outcome = "nothing selected";
    report.records[4].flows = 0;
    report.records.push_back(record("6", "any pod reaches any pod", Verdict::Pass, "as expected"));
    report.records[5].source = {};
    report.records[5].notes = {"a sample: 10 of 90 pairs"};
    report.records[5].decided_by = "networkpolicy/prod/x";
    return report;
}

} // namespace

BOOST_AUTO_TEST_SUITE(check_report)

BOOST_AUTO_TEST_CASE(table) {
    check_golden("check.table", render(sample(), CheckFormat::Table));
    CheckReportOptions options;
    options.verbose = true;
    options.wide = true;
    options.colour = true;
    check_golden("check.table-verbose-colour", render(sample(), CheckFormat::Table, options));
}

BOOST_AUTO_TEST_CASE(as_json) {
    const auto text = render(sample(), CheckFormat::Json);
    check_golden("check.json", text);
    const auto json = nlohmann::json::parse(text);
    BOOST_TEST(json["schemaVersion"] == 1);
    BOOST_REQUIRE_EQUAL(json["results"].size(), 6U);
    for (const auto* field :
         {"id",
          "title",
          "file",
          "line",
          "from",
          "to",
          "expected",
          "outcome",
          "verdict",
          "attempts",
          "reason",
          "durationMs",
          "evidence",
          "decidedBy"}) {
        BOOST_TEST(json["results"][0].contains(field), field);
    }
    BOOST_TEST(json["results"][0]["line"] == 4);
    BOOST_TEST(json["results"][5]["file"].is_null());
    BOOST_TEST(json["results"][2]["verdict"] == "inconclusive");
}

BOOST_AUTO_TEST_CASE(as_json_lines) {
    const auto text = render(sample(), CheckFormat::Jsonl);
    check_golden("check.jsonl", text);
    std::istringstream lines(text);
    std::string line;
    std::size_t results = 0;
    while (std::getline(lines, line)) {
        const auto json = nlohmann::json::parse(line);
        results += json["type"] == "result" ? 1U : 0U;
    }
    BOOST_TEST(results == 6U);
}

BOOST_AUTO_TEST_CASE(junit) {
    CheckReportOptions options;
    options.timestamp = "2026-01-02T03:04:05Z";
    const auto text = render(sample(), CheckFormat::Junit, options);
    check_golden("check.junit.xml", text);
    BOOST_TEST(text.find("tests=\"6\" failures=\"1\" errors=\"2\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_counts_in_a_report_is_what_counts_in_the_exit_status) {
    for (const auto verdict :
         {Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::Error}) {
        for (const auto level : {Level::Error, Level::Warning}) {
            for (const bool strict : {false, true}) {
                for (const bool alone : {false, true}) {
                    labctl::check::Report report;
                    report.records.push_back(record("1", "one", verdict, "because"));
                    report.records[0].level = level;
                    if (!alone) {
                        report.records.push_back(record("2", "two", Verdict::Pass, "good"));
                    }
                    CheckReportOptions options;
                    options.strict = strict;
                    const bool good =
                        labctl::check::exit_code(report, strict) == netemu::ExitCode::Ok;
                    const auto has = [&](CheckFormat format, const char* text) {
                        return render(report, format, options).find(text) != std::string::npos;
                    };
                    const auto what = to_string(verdict) +
                                      (level == Level::Warning ? " warning" : "") +
                                      (strict ? " strict" : "") + (alone ? " alone" : "");
                    BOOST_TEST(
                        (has(CheckFormat::Junit, "failures=\"0\" errors=\"0\"")) == good, what);
                    BOOST_TEST(
                        (has(CheckFormat::Junit, "<failure") ||
                         has(CheckFormat::Junit, "<error")) != good,
                        what);
                    BOOST_TEST(
                        (!has(CheckFormat::Tap, "not ok") || has(CheckFormat::Tap, "# TODO")) ==
                            good,
                        what);
                    BOOST_TEST(has(CheckFormat::Github, "::error ") != good, what);
                }
            }
        }
    }
    const auto nothing = render({}, CheckFormat::Junit);
    BOOST_TEST(
        nothing.find("tests=\"1\" failures=\"0\" errors=\"1\"") != std::string::npos, nothing);
}

BOOST_AUTO_TEST_CASE(junit_is_xml_in_the_eyes_of_xmllint) {
    if (std::system("command -v xmllint >/dev/null 2>&1") != 0) {
        BOOST_TEST_MESSAGE("SKIP: xmllint is not installed");
        return;
    }
    const auto path = std::string(LABCTL_BINARY_DIR) + "/report_test_junit.xml";
    std::ofstream(path) << render(sample(), CheckFormat::Junit);
    BOOST_TEST(std::system(("xmllint --noout " + path).c_str()) == 0);
    // The reason comes back as it was, but for what XML cannot hold.
    const auto query =
        "test \"$(xmllint --xpath 'count(//testcase/error[@type=\"inconclusive\"])' " + path +
        ")\" = 1";
    BOOST_TEST(std::system(query.c_str()) == 0);
    BOOST_TEST(std::remove(path.c_str()) == 0);
}

BOOST_AUTO_TEST_CASE(tap) {
    check_golden("check.tap", render(sample(), CheckFormat::Tap));
    BOOST_TEST(render(Report{}, CheckFormat::Tap) == "TAP version 14\n1..0 # SKIP no assertions\n");
}

BOOST_AUTO_TEST_CASE(github) {
    const auto text = render(sample(), CheckFormat::Github);
    check_golden("check.github", text);
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        BOOST_TEST(
            line.starts_with("::"), line); // no text of ours or of others makes a line of its own
        BOOST_TEST(!line.starts_with("::error::"), line);
    }
}

BOOST_AUTO_TEST_CASE(markdown) {
    check_golden("check.md", render(sample(), CheckFormat::Markdown));
}

BOOST_AUTO_TEST_CASE(a_run_of_nothing_and_a_failed_setup) {
    BOOST_TEST(
        render(Report{}, CheckFormat::Table) == "no assertions\n\n0 passed; 0 probes in 0 us\n");
    const auto report = labctl::check::failed_setup("the lab is not up", "run: labctl up");
    const auto junit = render(report, CheckFormat::Junit);
    BOOST_TEST(junit.find("tests=\"1\" failures=\"0\" errors=\"1\"") != std::string::npos, junit);
    BOOST_TEST(junit.find("the lab is not up") != std::string::npos);
    for (const auto& name : check_format_names()) {
        BOOST_TEST(render(Report{}, parse_check_format(name)).size() > 0U, name);
    }
}

BOOST_AUTO_TEST_CASE(progress) {
    const auto report = sample();
    BOOST_TEST(
        progress_line(report.records[0], false) ==
        "\xe2\x9c\x93 frontend -> backend:8080/tcp allow (2.3 ms)");
    BOOST_TEST(progress_line(report.records[3], true).starts_with("\x1b[33m!\x1b[0m slow"));
}

BOOST_AUTO_TEST_CASE(requests) {
    const auto request = ReportRequest::parse("junit=out/x=1.xml");
    BOOST_TEST((request.format == CheckFormat::Junit));
    BOOST_TEST(request.path == "out/x=1.xml");
    BOOST_TEST(ReportRequest::parse("json").path == "-");
    BOOST_CHECK_THROW(ReportRequest::parse("junit="), netemu::UsageError);
    BOOST_CHECK_EXCEPTION(
        ReportRequest::parse("juni=x"), netemu::UsageError, [](const netemu::UsageError& error) {
            return error.hint() == "did you mean 'junit'?";
        });
}

BOOST_AUTO_TEST_SUITE_END()
