#include "labctl/cli/dev_test.h"

#include <filesystem>
#include <optional>

#include <unistd.h>

#include "labctl/cli/exercise.h"
#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/quiz_truth.h"
#include "labctl/cli/trial.h"
#include "labctl/learn/author.h"

namespace labctl::cli {

namespace {

std::string lab_name(int number) {
    return "dev-" + std::to_string(::getpid()) + "-" + std::to_string(number);
}

std::string variant_suffix(const learn::Variant& variant) {
    return variant.varies() ? " (seed " + std::to_string(variant.seed) + ")" : "";
}

class ChallengeTest {
public:
    ChallengeTest(
        const Context& context, StepList& steps, const std::string& directory, std::uint64_t seed)
        : context_(context), steps_(steps),
          variant_(learn::variant_of(directory, kChallengeKind.file, seed)),
          loaded_(learn::load_challenge(variant_, folder_name(directory), true)) {}

    void run() {
        const auto suffix = variant_suffix(variant_);
        steps_.run("the start reaches nothing, and nothing is broken" + suffix, [&] {
            return learn::start_problems(judge(""));
        });
        for (const auto* turn : {"the solution solves it", "and again in another lab"}) {
            steps_.run(turn + suffix, [&] {
                return learn::solution_problems(judge(variant_.directory + "/solution"));
            });
        }
        for (const auto& path : learn::wrong_answers(variant_.directory)) {
            const auto name = std::filesystem::path(path).stem().string();
            steps_.run("wrong/" + name + " fails as it should" + suffix, [&] {
                return learn::wrong_answer_problems(judge(path), name);
            });
        }
    }

private:
    learn::Grade judge(const std::string& answer) {
        learn::Grade grade;
        Trial trial(context_, loaded_, variant_, lab_name(++trials_));
        if (!answer.empty()) {
            auto client = trial.connect();
            auto reading = variant_.read_options(true);
            reading.known_namespaces = namespaces_of(client);
            trial.apply(learn::read_answer(answer, reading));
        }
        trial.judge(grade);
        return grade;
    }

    const Context& context_;
    StepList& steps_;
    learn::Variant variant_;
    learn::LoadedChallenge loaded_;
    int trials_ = 0;
};

void test_quiz(
    const Context& context, StepList& steps, const std::string& directory, std::uint64_t seed) {
    const auto variant = learn::variant_of(directory, kQuizKind.file, seed);
    const auto quiz = learn::load_quiz(variant, folder_name(directory), true);
    const auto lab = lab_name(1);
    std::optional<ScratchLab> scratch;
    if (quiz.has_lab) {
        scratch.emplace(context, variant, lab);
    }
    for (std::size_t i = 0; i < quiz.questions.size(); ++i) {
        steps.run("question " + std::to_string(i + 1) + " has an answer", [&] {
            const auto truth = find_truth(context, variant, quiz.questions[i], lab);
            return learn::question_problems(quiz, i, seed, truth);
        });
    }
}

void test_variant(
    const Context& context, StepList& steps, const std::string& directory, std::uint64_t seed) {
    steps.run("is valid" + (seed == 0 ? "" : " (seed " + std::to_string(seed) + ")"), [&] {
        return lint_exercise(context, directory, seed);
    });
    if (steps.failed()) {
        return;
    }
    try {
        if (is_quiz_folder(directory)) {
            test_quiz(context, steps, directory, seed);
        } else {
            ChallengeTest(context, steps, directory, seed).run();
        }
    } catch (const netemu::UsageError& error) { // its lab cannot come up
        steps.add({"can be tried", {std::string(error.what()) + "\n" + error.hint()}, 0});
    }
}

} // namespace

void test_exercise(const Context& context, StepList& steps, const std::string& directory) {
    const auto* file = is_quiz_folder(directory) ? kQuizKind.file : kChallengeKind.file;
    const auto own = context.options().seed;
    test_variant(context, steps, directory, own);
    if (own == 0 && learn::variant_of(directory, file, 0).varies()) {
        test_variant(context, steps, directory, 1);
    }
}

} // namespace labctl::cli
