#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "labctl/check/record.h"
#include "labctl/learn/challenge.h"
#include "netemu/base/error.h"

/// From verdicts to points. Pure.
namespace labctl::learn {

enum class Standing {
    Reached,
    Missed,
    Inconclusive, // some of it could not be shown either way
    Waiting,      // it would be reached, but for one that it needs
};
std::string to_string(Standing standing); // "reached", "missed", "inconclusive", "waiting"

struct ObjectiveScore {
    std::size_t objective = 0; // index in Challenge::objectives
    Standing standing = Standing::Missed;
    double earned = 0;
    std::vector<std::size_t> records; // of the report, those that it is judged by
};

/// What is known besides the verdicts.
struct ScoreInput {
    std::vector<std::string> tampered; // protected objects that were changed, in words
    std::vector<std::string> opened;   // flows that the solution does not let through, in words
    double hint_cost = 0;              // of a graded run
};

struct Score {
    std::vector<ObjectiveScore> objectives;
    std::vector<std::size_t> broken;   // records of mustNotBreak that failed
    std::vector<std::size_t> unproven; // and those that could not be shown
    ScoreInput input;
    double earned = 0; // never below 0
    double total = 0;
    /// Every objective is reached, nothing is broken, nothing protected was changed, and nothing
    /// was opened that costs points.
    bool solved = false;
    bool inconclusive = false; // nothing failed, but something could not be shown
};

/// An objective's points are shared out among its assertions by their `points`; each that passes
/// brings its part. A broken assertion of mustNotBreak costs its `points`, flows that nobody asked
/// for cost Challenge::over_permissive, and with a protected object changed nothing counts.
/// `report` has a record for each assertion, in their order.
Score score(const LoadedChallenge& loaded, const check::Report& report, ScoreInput input = {});

/// 0 solved, 3 if only something inconclusive is in the way, else 1.
netemu::ExitCode exit_code(const Score& score);

/// "3", "2.5": points as people write them, with two decimals at most.
std::string points_text(double points);

} // namespace labctl::learn
