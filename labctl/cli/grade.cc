#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <map>

#include <sys/utsname.h>
#include <unistd.h>

#include "labctl/cli/exercise.h"
#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/exercise_session.h"
#include "labctl/cli/input.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/trial.h"
#include "labctl/learn/challenge.h"
#include "labctl/report/learn_text.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace fs = std::filesystem;

namespace {

/// A challenge as one seed makes it.
struct GradedVariant {
    GradedVariant(const std::string& directory, const std::string& name, std::uint64_t seed)
        : variant(learn::variant_of(directory, kChallengeKind.file, seed)),
          loaded(learn::load_challenge(variant, name, false)) {}
    learn::Variant variant;
    learn::LoadedChallenge loaded;
};

/// As a shell reads it back.
std::string shell_word(const std::string& text) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";
    if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
        return text;
    }
    std::string quoted = "'";
    for (const char c : text) {
        quoted += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return quoted + "'";
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "";
}

/// What --challenge names, or the first answer.
///
/// An answer may come with a folder of that name, so its word only counts for what is installed, or
/// in LABCTL_LABS_DIR.
std::string challenge_of(const Context& context) {
    const auto& options = context.options();
    if (!options.challenge.empty()) {
        return find_exercise(kChallengeKind, options.challenge);
    }
    auto named = learn::challenge_of_submission(options.arguments.front());
    if (named.empty()) {
        throw netemu::UsageError(
            "to which challenge? " + options.arguments.front() + " is no submission, which says so",
            "labctl grade ANSWER... --challenge DIR");
    }
    return find_exercise_in(kChallengeKind, named, trusted_roots());
}

class Grading {
public:
    explicit Grading(const Context& context)
        : context_(context), directory_(challenge_of(context)),
          name_(directory_.substr(directory_.rfind('/') + 1)) {
        (void)variant(context.options().seed); // what is wrong with the challenge is told first
    }

    learn::Grade grade(const std::string& path, std::size_t number) {
        learn::Grade grade;
        grade.path = path;
        grade.who = fs::path(path).filename().string();
        grade.seed = context_.options().seed;
        try {
            run(path, number, grade);
        } catch (const netemu::Error& error) {
            if (InterruptGuard::interrupted()) {
                throw InterruptedError();
            }
            grade.error = error.what();
            grade.hint = error.hint();
            grade.code = error.exit_code(); // 2 is its author's mistake, anything else is not
            grade.score = {};
            grade.score.total = loaded().challenge.points();
        }
        return grade;
    }

    learn::LoadedChallenge& loaded() { return variant(context_.options().seed).loaded; }

private:
    GradedVariant& variant(std::uint64_t seed) {
        auto& kept = variants_[seed];
        if (!kept) {
            kept = std::make_unique<GradedVariant>(directory_, name_, seed);
        }
        return *kept;
    }

    void run(const std::string& path, std::size_t number, learn::Grade& grade) {
        // The namespaces of the lab count as known: it is the challenge's manifests that make them.
        manifest::ReadOptions reading;
        reading.known_namespaces = lab_namespaces();
        reading.own_files_only = true;
        if (fs::is_symlink(path)) {
            throw netemu::UsageError(path + " is a link, which is not followed here");
        }
        if (is_of_challenge(path)) {
            reading.variables = variant(context_.options().seed).variant.values;
        }
        const auto answer = learn::read_answer(path, reading);
        std::cerr << manifest::format(answer.findings);
        if (!answer.challenge.empty() && answer.challenge != name_) {
            throw netemu::UsageError(
                "it is an answer to '" + answer.challenge + "', not to '" + name_ + "'");
        }
        const auto& options = context_.options();
        if (options.seed_given && answer.seed.value_or(options.seed) != options.seed) {
            throw netemu::UsageError(
                "it is an answer to variant " + std::to_string(*answer.seed) + ", not to " +
                std::to_string(options.seed));
        }
        grade.seed = answer.seed.value_or(options.seed);
        grade.attempts = answer.attempts;
        grade.hints = answer.hints;
        grade.solution_shown = answer.solution_shown;
        grade.score.input.hint_cost = answer.hint_cost;
        grade.command = "labctl grade " + shell_word(path) + " --challenge " +
                        shell_word(directory_) +
                        (grade.seed != 0 ? " --seed " + std::to_string(grade.seed) : "");
        auto& chosen = variant(grade.seed);
        grade.properties = {
            {"seed", std::to_string(grade.seed)},
            {"started", now_text()},
            {"labctl", LABCTL_VERSION},
            {"kernel", kernel_release()}};
        for (const auto& [variable, value] : chosen.variant.values) {
            grade.properties.emplace_back(variable, value);
        }
        Trial trial(
            context_,
            chosen.loaded,
            chosen.variant,
            "grade-" + std::to_string(::getpid()) + "-" + std::to_string(number));
        trial.apply(answer);
        trial.judge(grade);
        grade.properties.emplace_back("ended", now_text());
    }

    /// The author's own answers have the variables of the challenge in them.
    [[nodiscard]] bool is_of_challenge(const std::string& path) const {
        const auto whole = fs::absolute(path).lexically_normal().string();
        return whole.starts_with(directory_ + "/");
    }

    std::vector<std::string> lab_namespaces() {
        if (namespaces_.empty()) {
            auto options = options_for(context_, "", true);
            options.variables = variant(options.seed).variant.values;
            const auto input = read_cluster_input(Context(options), {directory_});
            for (const auto& object : input.objects) {
                if (object.kind() == "Namespace") {
                    namespaces_.push_back(object.name());
                }
            }
        }
        return namespaces_;
    }

    const Context& context_;
    std::string directory_;
    std::string name_;
    std::map<std::uint64_t, std::unique_ptr<GradedVariant>> variants_;
    std::vector<std::string> namespaces_;
};

/// What keeps an answer from being judged weighs more than what is wrong with it.
int worst(const std::vector<learn::Grade>& grades) {
    constexpr std::array kWorse{
        netemu::ExitCode::Ok,
        netemu::ExitCode::Inconclusive,
        netemu::ExitCode::CheckFailed,
        netemu::ExitCode::Usage,
        netemu::ExitCode::HostCannot,
        netemu::ExitCode::Internal};
    std::size_t rank = 0;
    for (const auto& grade : grades) {
        const auto code = grade.error.empty() ? learn::exit_code(grade.score) : grade.code;
        const auto* found = std::ranges::find(kWorse, code);
        rank = std::max<std::size_t>(
            rank, std::min<std::size_t>(found - kWorse.begin(), kWorse.size() - 1));
    }
    return static_cast<int>(kWorse.at(rank));
}

std::string render_grades(
    const Context& context,
    const learn::LoadedChallenge& loaded,
    const std::vector<learn::Grade>& grades) {
    const auto& output = context.options().output;
    if (output == "json") {
        return json_text(report::grade_json(loaded, grades));
    }
    if (output == "csv") {
        return report::grade_csv(loaded, grades);
    }
    if (output == "markdown") {
        return report::grade_markdown(loaded, grades);
    }
    if (output == "junit") {
        return report::grade_junit(grades);
    }
    report::LearnTextOptions text;
    text.colour = context.console().color();
    text.reveal = true;
    return report::grade_table(grades, text);
}

} // namespace

int run_grade(const Context& context) {
    const auto& output = context.options().output;
    const std::vector<std::string> forms{"table", "json", "csv", "markdown", "junit"};
    if (std::ranges::find(forms, output) == forms.end()) {
        throw netemu::UsageError("no output format '" + output + "'", netemu::join(forms, ", "));
    }
    Grading grading(context);
    std::vector<learn::Grade> grades;
    for (const auto& path : context.options().arguments) {
        const auto start = netemu::Clock::now();
        grades.push_back(grading.grade(path, grades.size() + 1));
        const auto& last = grades.back();
        if (last.error.empty()) {
            context.console().step("judged " + last.who, netemu::micros_since(start));
        } else {
            context.console().warn(last.path + " could not be judged: " + last.error);
        }
    }
    wait_for_kernel(context);
    std::cout << render_grades(context, grading.loaded(), grades);
    return worst(grades);
}

} // namespace labctl::cli
