#include <algorithm>

#include "labctl/learn/author.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace {

std::string what_happened(const Grade& grade, std::size_t index) {
    const auto& record = grade.report.records.at(index);
    return record.title + ": " + record.outcome +
           (record.reason.empty() ? "" : ", " + record.reason);
}

const std::string& key_of_objective(const Grade& grade, const ObjectiveScore& score) {
    return grade.loaded->challenge.objectives.at(score.objective).key;
}

bool misses(const Grade& grade, const std::string& key) {
    return std::ranges::any_of(grade.score.objectives, [&](const ObjectiveScore& score) {
        return key_of_objective(grade, score) == key && score.standing == Standing::Missed;
    });
}

/// Those of `mustNotBreak` that failed or could not be shown.
void add_broken(const Grade& grade, const char* when, std::vector<std::string>& problems) {
    for (const auto index : grade.score.broken) {
        problems.push_back(
            std::string("mustNotBreak is broken") + when + ": " + what_happened(grade, index));
    }
    for (const auto index : grade.score.unproven) {
        problems.push_back(
            std::string("mustNotBreak cannot be shown") + when + ": " +
            what_happened(grade, index));
    }
}

std::string start_problem(const Grade& grade, const ObjectiveScore& score) {
    const auto objective = "objective " + key_of_objective(grade, score);
    switch (score.standing) {
    case Standing::Reached:
    case Standing::Waiting:
        return objective + " is reached before anybody did anything";
    case Standing::Inconclusive:
        return objective + " is not missed, only inconclusive";
    case Standing::Missed:
        break;
    }
    return score.earned > 0 ? objective + " brings " + points_text(score.earned) +
                                  " points before anybody did anything: move what holds already to "
                                  "mustNotBreak"
                            : "";
}

} // namespace

std::vector<std::string> start_problems(const Grade& grade) {
    std::vector<std::string> problems;
    for (const auto& score : grade.score.objectives) {
        if (auto problem = start_problem(grade, score); !problem.empty()) {
            problems.push_back(std::move(problem));
        }
    }
    add_broken(grade, " from the start", problems);
    return problems;
}

std::vector<std::string> solution_problems(const Grade& grade) {
    std::vector<std::string> problems;
    if (grade.score.solved) {
        return problems;
    }
    for (const auto& score : grade.score.objectives) {
        if (score.standing == Standing::Reached) {
            continue;
        }
        problems.push_back(
            "objective " + key_of_objective(grade, score) + " is " + to_string(score.standing));
        for (const auto index : score.records) {
            if (grade.report.records.at(index).verdict != check::Verdict::Pass) {
                problems.push_back("  " + what_happened(grade, index));
            }
        }
    }
    add_broken(grade, "", problems);
    for (const auto& change : grade.score.input.tampered) {
        problems.push_back("protected: " + change);
    }
    for (const auto& flow : grade.score.input.opened) {
        problems.push_back("opened: " + flow);
    }
    return problems;
}

std::vector<std::string> wrong_answer_problems(const Grade& grade, const std::string& name) {
    std::vector<std::string> problems;
    const auto& score = grade.score;
    if (score.solved) {
        problems.emplace_back("it solves the challenge");
    }
    const auto& wrong = grade.loaded->challenge.wrong;
    const auto expected = wrong.find(name);
    if (expected == wrong.end()) {
        return problems; // answer_problems says so
    }
    for (const auto& key : expected->second) {
        const bool missed = key == "mustNotBreak"     ? !score.broken.empty()
                            : key == "overPermissive" ? !score.input.opened.empty()
                            : key == "protect"        ? !score.input.tampered.empty()
                                                      : misses(grade, key);
        if (!missed) {
            problems.push_back("it does not fail " + key);
        }
    }
    return problems;
}

std::vector<std::string>
question_problems(const Quiz& quiz, std::size_t question, std::uint64_t seed, const Truth& truth) {
    const auto& asked = quiz.questions.at(question);
    if (!truth.known || truth.right.empty()) {
        return {"the lab cannot tell: " + truth.why};
    }
    std::vector<std::string> problems;
    if (asked.type == QuestionType::Prediction && !asked.correct.empty() &&
        std::ranges::find(truth.right, asked.correct.front()) == truth.right.end()) {
        problems.push_back(
            "the lab says '" + truth.right.front() + "', and `correct` '" + asked.correct.front() +
            "': " + truth.why);
    }
    // Several may hold commas, which would take them apart: they are given as understood.
    const bool several = asked.type == QuestionType::Multi;
    const auto given =
        several ? truth.right
                : understand_answer(asked, options_of(quiz, question, seed), truth.right.front());
    if (!is_right(asked, given, truth)) {
        problems.push_back(
            "'" + netemu::join(given, ", ") + "' is right, and does not count as right");
    }
    return problems;
}

} // namespace labctl::learn
