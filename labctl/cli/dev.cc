#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <unistd.h>

#include "labctl/cli/dev_templates.h"
#include "labctl/cli/exercise.h"
#include "labctl/cli/input.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/manifest/inputs.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace fs = std::filesystem;
using learn::Grade;
using learn::Standing;
using nlohmann::json;

namespace {

/// One thing that an exercise has to prove, and what speaks against it.
struct Step {
    std::string name;
    std::vector<std::string> problems;
    std::uint64_t micros = 0;
};

class StepList {
public:
    StepList(const Context& context, std::string exercise)
        : context_(context), exercise_(std::move(exercise)) {}

    /// Prints it at once, unless everything is printed as JSON in the end.
    void add(Step step) {
        failed_ = failed_ || !step.problems.empty();
        if (context_.options().output != "json") {
            print(step);
        }
        steps_.push_back(std::move(step));
    }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] json to_json() const {
        json steps = json::array();
        for (const auto& step : steps_) {
            steps.push_back(
                {{"step", step.name},
                 {"passed", step.problems.empty()},
                 {"problems", step.problems},
                 {"durationMs", static_cast<double>(step.micros) / 1000.0}});
        }
        return {{"exercise", exercise_}, {"passed", !failed_}, {"steps", steps}};
    }

private:
    void print(const Step& step) const {
        const bool good = step.problems.empty();
        std::cout << report::paint(
                         good ? "\xe2\x9c\x93" : "\xe2\x9c\x97",
                         good ? report::Colour::Green : report::Colour::Red,
                         context_.console().color())
                  << " " << report::visible(exercise_ + ": " + step.name) << " ("
                  << netemu::format_duration_us(step.micros) << ")\n";
        for (const auto& problem : step.problems) {
            std::cout << "    " << report::visible_lines(problem) << "\n";
        }
        std::cout << std::flush;
    }

    const Context& context_;
    std::string exercise_;
    std::vector<Step> steps_;
    bool failed_ = false;
};

bool is_quiz(const std::string& directory) {
    std::error_code ignored;
    return fs::is_regular_file(directory + "/" + kQuizKind.file, ignored);
}

/// A path, or the name of a challenge or of a quiz.
std::string exercise_folder(const std::string& word) {
    if (is_quiz(word)) {
        return find_exercise(kQuizKind, word);
    }
    try {
        return find_exercise(kChallengeKind, word);
    } catch (const netemu::UsageError&) {
        try {
            return find_exercise(kQuizKind, word);
        } catch (const netemu::UsageError&) { // the first one says what is wrong
        }
        throw;
    }
}

std::string folder_name(const std::string& directory) {
    return directory.substr(directory.rfind('/') + 1);
}

std::string stem_of(const std::string& path) {
    return fs::path(path).stem().string();
}

// ---- lint

/// Whether the word stands there by itself: not the "fix" of a prefix.
bool has_word(const std::string& text, std::string_view word) {
    const auto is_letter = [&](std::size_t at) {
        return at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0;
    };
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        if ((at == 0 || !is_letter(at - 1)) && !is_letter(at + word.size())) {
            return true;
        }
    }
    return false;
}

/// Words in a comment of what learners get that tell too much.
std::vector<std::string> spoilers_of(const std::string& directory) {
    constexpr std::array<std::string_view, 8> kTelling{
        "bug", "broken", "wrong", "fix", "mistake", "solution", "should be", "todo"};
    std::vector<std::string> found;
    std::error_code error;
    auto files = manifest::manifest_files(directory, false);
    if (fs::is_directory(directory + "/manifests", error)) {
        const auto more = manifest::manifest_files(directory + "/manifests", true);
        files.insert(files.end(), more.begin(), more.end());
    }
    for (const auto& file : files) {
        std::ifstream in(file);
        std::string line;
        for (int number = 1; std::getline(in, line); ++number) {
            const auto hash = line.find('#');
            const auto comment =
                hash == std::string::npos ? "" : netemu::to_lower(line.substr(hash));
            if (std::ranges::any_of(
                    kTelling, [&](std::string_view word) { return has_word(comment, word); })) {
                found.push_back(
                    file + ":" + std::to_string(number) + ": a comment tells learners too much: " +
                    std::string(netemu::trim(line.substr(hash))));
            }
        }
    }
    return found;
}

/// What the folder of a challenge must have, besides what is valid by itself.
std::vector<std::string>
lint_answers(const learn::Challenge& challenge, const std::string& directory) {
    std::vector<std::string> problems;
    if (!learn::has_solution(directory)) {
        problems.emplace_back("solution/ is not there: nothing shows that it can be solved");
    }
    std::vector<std::string> answers;
    for (const auto& path : learn::wrong_answers(directory)) {
        answers.push_back(stem_of(path));
        if (!challenge.wrong.contains(answers.back())) {
            problems.push_back(
                "wrong/" + answers.back() +
                " is not in `wrong` of challenge.md: which objective "
                "must it miss?");
        }
    }
    for (const auto& [name, missed] : challenge.wrong) {
        if (std::ranges::find(answers, name) == answers.end()) {
            problems.push_back("wrong: there is no wrong/" + name);
        }
    }
    if (answers.empty()) {
        problems.emplace_back("wrong/ is not there: nothing shows that a wrong answer fails");
    }
    return problems;
}

void read_all_answers(const std::string& directory, const manifest::ReadOptions& reading) {
    if (learn::has_solution(directory)) {
        learn::read_answer(directory + "/solution", reading);
    }
    for (const auto& path : learn::wrong_answers(directory)) {
        learn::read_answer(path, reading);
    }
}

std::vector<std::string>
lint_exercise(const Context& context, const std::string& directory, std::uint64_t seed) {
    std::vector<std::string> problems;
    const auto name = folder_name(directory);
    supervisor::check_lab_name(name);
    const bool quiz = is_quiz(directory);
    const auto variant =
        learn::variant_of(directory, quiz ? kQuizKind.file : kChallengeKind.file, seed);
    auto options = options_for(context, "", false);
    options.strict = true;
    options.variables = variant.values;
    auto reading = variant.read_options(true);
    const auto read_lab = [&] {
        for (const auto& object : read_cluster_input(Context(options), {directory}).objects) {
            if (object.kind() == "Namespace") {
                reading.known_namespaces.push_back(object.name());
            }
        }
    };
    if (quiz) {
        const auto loaded = learn::load_quiz(variant, name, true);
        if (loaded.has_lab) {
            read_lab();
        }
        for (const auto& question : loaded.questions) {
            if (!question.apply.empty()) {
                learn::read_answer(directory + "/" + question.apply, reading);
            }
        }
    } else {
        const auto loaded = learn::load_challenge(variant, name, true);
        read_lab();
        read_all_answers(directory, reading);
        problems = lint_answers(loaded.challenge, directory);
    }
    const auto spoilers = spoilers_of(directory);
    problems.insert(problems.end(), spoilers.begin(), spoilers.end());
    return problems;
}

// ---- test

/// Runs a step and takes its time; what an exercise gets wrong is a problem of the step.
template <class Body>
void run_step(StepList& steps, const std::string& name, Body body) {
    Step step{name, {}, 0};
    const auto start = netemu::Clock::now();
    try {
        body(step.problems);
    } catch (const netemu::Error& error) {
        if (InterruptGuard::interrupted()) {
            throw InterruptedError();
        }
        if (error.exit_code() != netemu::ExitCode::Usage) {
            throw;
        }
        step.problems.push_back(
            std::string(error.what()) + (error.hint().empty() ? "" : "\n" + error.hint()));
    }
    step.micros = netemu::micros_since(start);
    steps.add(std::move(step));
}

std::string why(const Grade& grade, std::size_t index) {
    const auto& record = grade.report.records.at(index);
    return record.title + ": " + record.outcome +
           (record.reason.empty() ? "" : ", " + record.reason);
}

/// What keeps it from being solved, with reasons.
void tell_unsolved(
    const learn::LoadedChallenge& loaded, const Grade& grade, std::vector<std::string>& problems) {
    for (const auto& objective : grade.score.objectives) {
        if (objective.standing == Standing::Reached) {
            continue;
        }
        const auto& key = loaded.challenge.objectives[objective.objective].key;
        problems.push_back("objective " + key + " is " + to_string(objective.standing));
        for (const auto index : objective.records) {
            if (grade.report.records[index].verdict != check::Verdict::Pass) {
                problems.push_back("  " + why(grade, index));
            }
        }
    }
    for (const auto index : grade.score.broken) {
        problems.push_back("mustNotBreak is broken: " + why(grade, index));
    }
    for (const auto index : grade.score.unproven) {
        problems.push_back("mustNotBreak cannot be shown: " + why(grade, index));
    }
    for (const auto& change : grade.score.input.tampered) {
        problems.push_back("protected: " + change);
    }
    for (const auto& flow : grade.score.input.opened) {
        problems.push_back("opened: " + flow);
    }
}

class ChallengeTest {
public:
    ChallengeTest(
        const Context& context, StepList& steps, const std::string& directory, std::uint64_t seed)
        : context_(context), steps_(steps), name_(folder_name(directory)),
          variant_(learn::variant_of(directory, kChallengeKind.file, seed)),
          loaded_(learn::load_challenge(variant_, name_, true)),
          suffix_(variant_.varies() ? " (seed " + std::to_string(seed) + ")" : "") {}

    void run() {
        run_step(
            steps_,
            "the start reaches nothing, and nothing is broken" + suffix_,
            [&](auto& problems) { judge_start(problems); });
        const auto solution = variant_.directory + "/solution";
        for (const auto* turn : {"the solution solves it", "and again in another lab"}) {
            run_step(steps_, turn + suffix_, [&](auto& problems) {
                const auto grade = judge(solution);
                if (!grade.score.solved) {
                    tell_unsolved(loaded_, grade, problems);
                }
            });
        }
        for (const auto& path : learn::wrong_answers(variant_.directory)) {
            run_step(
                steps_,
                "wrong/" + stem_of(path) + " fails as it should" + suffix_,
                [&](auto& problems) { judge_wrong(path, problems); });
        }
    }

private:
    Grade judge(const std::string& answer) {
        Grade grade;
        Trial trial(
            context_,
            loaded_,
            variant_,
            "dev-" + std::to_string(::getpid()) + "-" + std::to_string(++trials_));
        if (!answer.empty()) {
            auto client = trial.connect();
            auto reading = variant_.read_options(true);
            reading.known_namespaces = namespaces_of(client);
            trial.apply(learn::read_answer(answer, reading));
        }
        trial.judge(grade);
        return grade;
    }

    void judge_start(std::vector<std::string>& problems) {
        const auto grade = judge("");
        for (const auto& objective : grade.score.objectives) {
            const auto& key = loaded_.challenge.objectives[objective.objective].key;
            if (objective.standing == Standing::Reached ||
                objective.standing == Standing::Waiting) {
                problems.push_back("objective " + key + " is reached before anybody did anything");
            } else if (objective.standing == Standing::Inconclusive) {
                problems.push_back("objective " + key + " is not missed, only inconclusive");
            } else if (objective.earned > 0) {
                problems.push_back(
                    "objective " + key + " brings " + learn::points_text(objective.earned) +
                    " points before anybody did anything: move what holds already to mustNotBreak");
            }
        }
        for (const auto index : grade.score.broken) {
            problems.push_back("mustNotBreak is broken from the start: " + why(grade, index));
        }
        for (const auto index : grade.score.unproven) {
            problems.push_back("mustNotBreak cannot be shown at the start: " + why(grade, index));
        }
        for (const auto& flow : grade.score.input.opened) {
            (void)flow; // a start that is too open may be what is to be closed
        }
    }

    void judge_wrong(const std::string& path, std::vector<std::string>& problems) {
        const auto grade = judge(path);
        const auto& score = grade.score;
        if (score.solved) {
            problems.emplace_back("it solves the challenge");
        }
        const auto expected = loaded_.challenge.wrong.find(stem_of(path));
        if (expected == loaded_.challenge.wrong.end()) {
            return; // lint says so
        }
        for (const auto& key : expected->second) {
            const bool missed = key == "mustNotBreak"     ? !score.broken.empty()
                                : key == "overPermissive" ? !score.input.opened.empty()
                                : key == "protect"        ? !score.input.tampered.empty()
                                                          : misses(score, key);
            if (!missed) {
                problems.push_back("it does not fail " + key);
            }
        }
    }

    [[nodiscard]] bool misses(const learn::Score& score, const std::string& key) const {
        return std::ranges::any_of(score.objectives, [&](const learn::ObjectiveScore& objective) {
            return loaded_.challenge.objectives[objective.objective].key == key &&
                   objective.standing == Standing::Missed;
        });
    }

    const Context& context_;
    StepList& steps_;
    std::string name_;
    learn::Variant variant_;
    learn::LoadedChallenge loaded_;
    std::string suffix_;
    int trials_ = 0;
};

/// Every question must have an answer that is right, and the lab must know what it is asked.
void test_quiz(
    const Context& context, StepList& steps, const std::string& directory, std::uint64_t seed) {
    const auto variant = learn::variant_of(directory, kQuizKind.file, seed);
    const auto quiz = learn::load_quiz(variant, folder_name(directory), true);
    const auto lab = "dev-" + std::to_string(::getpid());
    std::optional<ScratchLab> scratch;
    if (quiz.has_lab) {
        scratch.emplace(context, variant, lab);
    }
    for (std::size_t i = 0; i < quiz.questions.size(); ++i) {
        const auto& question = quiz.questions[i];
        run_step(
            steps, "question " + std::to_string(i + 1) + " has an answer", [&](auto& problems) {
                const auto truth = find_truth(context, variant, question, lab);
                if (!truth.known) {
                    problems.push_back("the lab cannot tell: " + truth.why);
                    return;
                }
                const bool expected =
                    question.type != learn::QuestionType::Prediction || question.correct.empty() ||
                    std::ranges::find(truth.right, question.correct.front()) != truth.right.end();
                if (!expected) {
                    problems.push_back(
                        "the lab says '" + truth.right.front() + "', and `correct` '" +
                        question.correct.front() + "': " + truth.why);
                }
                const auto text = question.type == learn::QuestionType::Multi
                                      ? netemu::join(truth.right, ",")
                                      : truth.right.front();
                const auto given = question.type == learn::QuestionType::Multi
                                       ? truth.right
                                       : learn::understand_answer(
                                             question, learn::options_of(quiz, i, seed), text);
                if (!learn::is_right(question, given, truth)) {
                    problems.push_back("'" + text + "' is right, and does not count as right");
                }
            });
    }
}

void test_variant(
    const Context& context, StepList& steps, const std::string& directory, std::uint64_t seed) {
    run_step(
        steps,
        "is valid" + (seed == 0 ? "" : " (seed " + std::to_string(seed) + ")"),
        [&](auto& problems) { problems = lint_exercise(context, directory, seed); });
    if (steps.failed()) {
        return;
    }
    try {
        if (is_quiz(directory)) {
            test_quiz(context, steps, directory, seed);
        } else {
            ChallengeTest(context, steps, directory, seed).run();
        }
    } catch (const netemu::UsageError& error) { // its lab cannot come up, and what else is wrong
        steps.add({"can be tried", {std::string(error.what()) + "\n" + error.hint()}, 0});
    }
}

void test_exercise(const Context& context, StepList& steps, const std::string& directory) {
    const auto* file = is_quiz(directory) ? kQuizKind.file : kChallengeKind.file;
    const auto own = context.options().seed;
    test_variant(context, steps, directory, own);
    if (own == 0 && learn::variant_of(directory, file, 0).varies()) {
        test_variant(context, steps, directory, 1);
    }
}

// ---- the commands

int new_exercise(const Context& context) {
    const auto& options = context.options();
    if (options.kind != kChallengeKind.word && options.kind != kQuizKind.word) {
        throw netemu::UsageError("no kind '" + options.kind + "'", "challenge or quiz");
    }
    const fs::path directory(options.arguments.at(1));
    const auto name = fs::absolute(directory).lexically_normal().filename().string();
    supervisor::check_lab_name(name);
    std::error_code error;
    if (fs::exists(directory, error) && !fs::is_empty(directory, error)) {
        throw netemu::UsageError(
            "'" + directory.string() + "' is there already, and not empty", "name a new folder");
    }
    const auto& files = options.kind == kQuizKind.word ? quiz_template() : challenge_template();
    for (const auto& [file, text] : files) {
        const auto path = directory / file;
        fs::create_directories(path.parent_path(), error);
        std::ofstream out(path);
        out << text << std::flush;
        if (error || !out) {
            throw netemu::SysError("write " + path.string(), error ? error.value() : errno);
        }
        std::cout << path.string() << "\n";
    }
    std::cout << std::flush;
    context.console().progress("next: `labctl dev test " + directory.string() + "`");
    return 0;
}

int go_through(
    const Context& context, void (*look)(const Context&, StepList&, const std::string&)) {
    const auto& arguments = context.options().arguments;
    bool failed = false;
    json all = json::array();
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto directory = exercise_folder(arguments[i]);
        StepList steps(context, folder_name(directory));
        look(context, steps, directory);
        failed = failed || steps.failed();
        all.push_back(steps.to_json());
    }
    wait_for_kernel(context);
    if (context.options().output == "json") {
        std::cout << json_text({{"schemaVersion", 1}, {"exercises", all}});
    }
    return static_cast<int>(failed ? netemu::ExitCode::CheckFailed : netemu::ExitCode::Ok);
}

int lint_exercises(const Context& context) {
    return go_through(context, [](const Context& own, StepList& steps, const std::string& folder) {
        run_step(steps, "is valid", [&](auto& problems) {
            problems = lint_exercise(own, folder, own.options().seed);
        });
    });
}

int test_exercises(const Context& context) {
    return go_through(context, test_exercise);
}

} // namespace

int run_dev(const Context& context) {
    constexpr std::size_t kFoldersMax = 1000;
    static constexpr std::array kActions{
        ExerciseAction{"new", new_exercise, 1},
        ExerciseAction{"lint", lint_exercises, kFoldersMax, true},
        ExerciseAction{"test", test_exercises, kFoldersMax, true}};
    return run_action(context, kActions);
}

} // namespace labctl::cli
