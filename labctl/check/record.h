#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/check/assertion.h"
#include "netemu/base/error.h"

/// What became of assertions: values for the reports.
namespace labctl::check {

enum class Verdict {
    Pass,
    Fail,
    Inconclusive, // it could not be shown either way
    Error,        // the assertion itself is wrong: it selects nothing
};
std::string to_string(Verdict verdict); // "pass", "fail", "inconclusive", "error"

/// One flow or one control probe, and what came of it.
struct Evidence {
    std::string from;    // "prod/web-1"
    std::string to;      // "tcp://10.244.1.7:80"
    std::string target;  // "prod/db-0": whose address that is, or empty
    std::string outcome; // "ok", "timeout", ...; "not probed"
    Verdict verdict = Verdict::Pass;
    bool control = false; // a control probe: not judged itself
    std::uint64_t rtt_us = 0;
    std::string backend;   // who said that it answered, or empty
    std::string client_ip; // from which address it saw us, or empty
    std::string text;      // one sentence
};

struct Record {
    std::string id;
    std::string title;
    std::string description;
    api::Source source;
    std::string from;
    std::string to;
    std::string expected; // "allow", "status 200, backend web-*"
    std::string outcome;  // "ok", or counts: "ok 11, timeout 1"
    Verdict verdict = Verdict::Inconclusive;
    Level level = Level::Error;
    double points = 1;
    std::uint32_t attempts = 0;     // rounds
    std::size_t flows = 0;          // of the last round
    std::uint64_t duration_us = 0;  // of its waiting and its own probes
    std::string decided_by;         // the rule that decided, or empty
    std::string reason;             // one sentence
    std::string hint;               // what to do about it, or empty
    std::vector<std::string> notes; // what to know when reading the verdict
    /// At most kEvidenceMax, those that are not a pass first.
    std::vector<Evidence> evidence;
    std::size_t evidence_left_out = 0;

    static constexpr std::size_t kEvidenceMax = 20;
};

struct Summary {
    std::size_t passed = 0;
    std::size_t failed = 0; // at level error
    std::size_t warned = 0; // failed at level warning
    std::size_t inconclusive = 0;
    std::size_t errors = 0;
    [[nodiscard]] std::size_t total() const {
        return passed + failed + warned + inconclusive + errors;
    }
};

/// All records of one run, in the order of the assertions.
struct Report {
    std::string title = "labctl check";
    std::vector<std::pair<std::string, std::string>> properties; // lab, kernel, version, ...
    std::vector<Record> records;
    std::uint64_t duration_us = 0;
    std::size_t probes = 0; // sent, controls and all rounds included

    [[nodiscard]] Summary summary() const;
};

/// Whether warnings count in this run: when it is `strict`, and when nothing of it was settled, for
/// then there is nothing else.
bool warnings_count(const Report& report, bool strict);
/// Whether the record is one for which the run cannot be a success.
bool counts(const Record& record, bool with_warnings);

/// The exit status of a run: Ok if nothing counts and something ran. A failure wins over everything
/// (1); then an assertion that selects nothing (2); then anything inconclusive, and a run in which
/// nothing ran (3); 0 is left for "all passed". Warnings count only when `strict`; but a run in
/// which everything was inconclusive is 3 whatever the level.
netemu::ExitCode exit_code(const Report& report, bool strict = false);

/// A report with one record of verdict error, so that a machine that reads reports has one even
/// when the lab or the file could not be used at all.
Report failed_setup(const std::string& message, const std::string& hint = {});

} // namespace labctl::check
