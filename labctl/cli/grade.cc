#include <filesystem>
#include <iostream>
#include <map>

#include <sys/utsname.h>
#include <unistd.h>

#include "labctl/cli/exercise.h"
#include "labctl/cli/learn.h"
#include "labctl/report/check_report.h"
#include "labctl/report/learn_text.h"
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

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "";
}

class Grading {
public:
    explicit Grading(const Context& context)
        : context_(context), directory_(find_exercise(kChallengeKind, context.options().challenge)),
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
            // An answer that cannot be is its author's mistake; anything else is ours.
            if (error.exit_code() != netemu::ExitCode::Usage) {
                throw;
            }
            grade.error = error.what();
            grade.hint = error.hint();
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
        const auto answer = learn::read_answer(path, reading);
        if (!answer.challenge.empty() && answer.challenge != name_) {
            throw netemu::UsageError(
                "it is an answer to '" + answer.challenge + "', not to '" + name_ + "'");
        }
        grade.seed = answer.seed.value_or(context_.options().seed);
        grade.attempts = answer.attempts;
        grade.hints = answer.hints;
        grade.score.input.hint_cost = answer.hint_cost;
        grade.command = "labctl grade " + path + " --challenge " + directory_ +
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

/// 2 if something could not be judged, else 1 if something is not solved.
int worst(const std::vector<learn::Grade>& grades) {
    auto status = netemu::ExitCode::Ok;
    for (const auto& grade : grades) {
        const auto own =
            grade.error.empty() ? learn::exit_code(grade.score) : netemu::ExitCode::Usage;
        const auto rank = [](netemu::ExitCode code) {
            return code == netemu::ExitCode::Ok             ? 0
                   : code == netemu::ExitCode::Inconclusive ? 1
                   : code == netemu::ExitCode::CheckFailed  ? 2
                                                            : 3;
        };
        status = rank(own) > rank(status) ? own : status;
    }
    return static_cast<int>(status);
}

std::string junit_of(const std::vector<learn::Grade>& grades) {
    if (grades.size() != 1 || !grades.front().error.empty()) {
        throw netemu::UsageError("junit is for one answer that can be judged", "use json or csv");
    }
    auto report = grades.front().report;
    report.title = "labctl grade " + grades.front().who;
    report.properties = grades.front().properties;
    return report::render(report, report::CheckFormat::Junit);
}

std::string render_grades(
    const Context& context,
    const learn::LoadedChallenge& loaded,
    const std::vector<learn::Grade>& grades) {
    const auto& output = context.options().output;
    if (output == "json") {
        return report::grade_json(loaded, grades).dump(2) + "\n";
    }
    if (output == "csv") {
        return report::grade_csv(loaded, grades);
    }
    if (output == "markdown") {
        return report::grade_markdown(loaded, grades);
    }
    if (output == "junit") {
        return junit_of(grades);
    }
    report::LearnTextOptions text;
    text.colour = context.console().color();
    text.reveal = true;
    return report::grade_table(loaded, grades, text);
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
        context.console().step("judged " + grades.back().who, netemu::micros_since(start));
    }
    std::cout << render_grades(context, grading.loaded(), grades);
    return worst(grades);
}

} // namespace labctl::cli
