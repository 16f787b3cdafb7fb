#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "labctl/cli/dev_test.h"
#include "labctl/cli/embedded/embedded.h"
#include "labctl/cli/exercise.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"

namespace labctl::cli {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_quiz_folder(const std::string& directory) {
    std::error_code ignored;
    return fs::is_regular_file(directory + "/" + kQuizKind.file, ignored);
}

std::string folder_name(const std::string& directory) {
    return directory.substr(directory.rfind('/') + 1);
}

namespace {

/// A path, or the name of a challenge or of a quiz.
std::string exercise_folder(const std::string& word) {
    if (is_quiz_folder(word)) {
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
    const auto prefix = "labs/templates/" + options.kind + "/";
    for (const auto file : embedded_files(prefix)) {
        const auto path = directory / file.substr(prefix.size());
        fs::create_directories(path.parent_path(), error);
        std::ofstream out(path);
        out << embedded_file(file) << std::flush;
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
        steps.run("is valid", [&] { return lint_exercise(own, folder, own.options().seed); });
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
