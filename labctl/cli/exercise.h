#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/cli/context.h"

/// Challenges and quizzes as folders: which there are, and how their commands are told apart.
namespace labctl::cli {

/// "challenge" or "quiz", and the file that such a folder has.
struct ExerciseKind {
    const char* word;
    const char* plural; // of the folder in `labs` that holds them
    const char* file;
};
inline constexpr ExerciseKind kChallengeKind{"challenge", "challenges", "challenge.md"};
inline constexpr ExerciseKind kQuizKind{"quiz", "quizzes", "quiz.md"};

/// Folders that are looked into for exercises: LABCTL_LABS_DIR, the current one and its `labs`,
/// and those that were installed with this binary.
std::vector<std::string> exercise_roots();
/// All of that kind there, or below `directory` if it is not empty; sorted, each name once.
std::vector<std::string>
find_exercises(const ExerciseKind& kind, const std::string& directory = {});
/// The folder of one: a path, or a name of find_exercises. Throws UsageError.
std::string find_exercise(const ExerciseKind& kind, const std::string& name);
/// The folder of one of that name below these roots, and nowhere else. Throws UsageError.
std::string find_exercise_in(
    const ExerciseKind& kind, const std::string& name, const std::vector<std::string>& roots);
/// Of exercise_roots those that nobody brings along: not the current folder.
std::vector<std::string> trusted_roots();

/// Indented, ending with a line feed. Bytes that are no UTF-8 (of file names) are replaced.
std::string json_text(const nlohmann::json& value);

/// `ls` of that kind.
int list_exercises(const Context& context, const ExerciseKind& kind);

/// One action of a command such as `labctl challenge`: "start".
struct ExerciseAction {
    std::string_view name;
    int (*run)(const Context&);
    std::size_t words_max = 0; // behind its name
    bool json = false;         // whether it knows `-o json`
};
/// Runs the one that the command line names. Throws UsageError.
int run_action(const Context& context, std::span<const ExerciseAction> actions);

} // namespace labctl::cli
