#include "labctl/learn/score.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace labctl::learn {

using check::Record;
using check::Verdict;

std::string to_string(Standing standing) {
    switch (standing) {
    case Standing::Reached:
        return "reached";
    case Standing::Missed:
        return "missed";
    case Standing::Inconclusive:
        return "inconclusive";
    case Standing::Waiting:
        break;
    }
    return "waiting";
}

namespace {

bool failed(const Record& record) {
    return record.verdict == Verdict::Fail || record.verdict == Verdict::Error;
}

ObjectiveScore
score_objective(const LoadedChallenge& loaded, const check::Report& report, std::size_t index) {
    const auto& objective = loaded.challenge.objectives[index];
    ObjectiveScore result;
    result.objective = index;
    double weights = 0;
    double passed = 0;
    std::size_t passes = 0;
    bool fails = false;
    for (std::size_t i = 0; i < loaded.assertions.size(); ++i) {
        if (!selects(objective.checks, loaded.assertions[i])) {
            continue;
        }
        const auto& record = report.records.at(i);
        result.records.push_back(i);
        weights += record.points;
        if (record.verdict == Verdict::Pass) {
            passed += record.points;
            ++passes;
        }
        fails = fails || failed(record);
    }
    const bool all = passes == result.records.size() && passes > 0;
    result.standing = all ? Standing::Reached : fails ? Standing::Missed : Standing::Inconclusive;
    if (all) {
        result.earned = objective.points;
    } else if (weights > 0) {
        result.earned = objective.points * passed / weights;
    }
    return result;
}

/// One that needs what is not reached waits, whatever its own assertions say.
void hold_back(const Challenge& challenge, std::vector<ObjectiveScore>& scores) {
    for (auto& score : scores) {
        for (const auto& key : challenge.objectives[score.objective].needs) {
            const auto needed = std::ranges::find_if(scores, [&](const ObjectiveScore& other) {
                return challenge.objectives[other.objective].key == key;
            });
            if (needed != scores.end() && needed->standing != Standing::Reached) {
                score.earned = 0;
                score.standing =
                    score.standing == Standing::Reached ? Standing::Waiting : score.standing;
            }
        }
    }
}

void look_at_keep(const LoadedChallenge& loaded, const check::Report& report, Score& result) {
    for (std::size_t i = 0; i < loaded.assertions.size(); ++i) {
        if (!selects(loaded.challenge.keep, loaded.assertions[i])) {
            continue;
        }
        const auto& record = report.records.at(i);
        if (failed(record)) {
            result.broken.push_back(i);
            result.earned -= record.points;
        } else if (record.verdict == Verdict::Inconclusive) {
            result.unproven.push_back(i);
        }
    }
}

} // namespace

Score score(const LoadedChallenge& loaded, const check::Report& report, ScoreInput input) {
    Score result;
    result.input = std::move(input);
    result.total = loaded.challenge.points();
    for (std::size_t i = 0; i < loaded.challenge.objectives.size(); ++i) {
        result.objectives.push_back(score_objective(loaded, report, i));
    }
    hold_back(loaded.challenge, result.objectives);
    bool all_reached = true;
    bool any_missed = false;
    for (const auto& objective : result.objectives) {
        result.earned += objective.earned;
        all_reached = all_reached && objective.standing == Standing::Reached;
        any_missed = any_missed || objective.standing == Standing::Missed;
    }
    look_at_keep(loaded, report, result);
    const bool opened = loaded.challenge.over_permissive > 0 && !result.input.opened.empty();
    result.earned -= opened ? loaded.challenge.over_permissive : 0;
    result.earned -= result.input.hint_cost;
    const bool tampered = !result.input.tampered.empty();
    result.earned = tampered ? 0 : std::max(0.0, result.earned);
    const bool spoiled = !result.broken.empty() || tampered || opened;
    result.solved = all_reached && result.unproven.empty() && !spoiled;
    result.inconclusive = !result.solved && !spoiled && !any_missed;
    return result;
}

netemu::ExitCode exit_code(const Score& score) {
    if (score.solved) {
        return netemu::ExitCode::Ok;
    }
    return score.inconclusive ? netemu::ExitCode::Inconclusive : netemu::ExitCode::CheckFailed;
}

std::string points_text(double points) {
    constexpr double kHundred = 100;
    const auto hundredths = std::llround(points * kHundred);
    char buffer[40]; // NOLINT(modernize-avoid-c-arrays): for snprintf
    std::snprintf(
        buffer,
        sizeof buffer,
        hundredths % 100 == 0  ? "%.0f"
        : hundredths % 10 == 0 ? "%.1f"
                               : "%.2f",
        static_cast<double>(hundredths) / kHundred);
    return buffer;
}

} // namespace labctl::learn
