#include "labctl/cli/exercise.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "netemu/base/text.h"

namespace labctl::cli {

namespace fs = std::filesystem;

namespace {

std::string executable_folder() {
    std::error_code ignored;
    return fs::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

bool is_exercise(const ExerciseKind& kind, const fs::path& folder) {
    std::error_code ignored;
    return fs::is_regular_file(folder / kind.file, ignored);
}

void add_exercises(
    const ExerciseKind& kind, const fs::path& root, std::vector<std::string>& found) {
    std::error_code ignored;
    std::vector<std::string> here;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
        if (entry.is_directory(ignored) && is_exercise(kind, entry.path())) {
            here.push_back(entry.path().string());
        }
    }
    std::ranges::sort(here);
    for (auto& folder : here) {
        const auto name = fs::path(folder).filename();
        if (std::ranges::none_of(
                found, [&](const auto& other) { return fs::path(other).filename() == name; })) {
            found.push_back(std::move(folder));
        }
    }
}

} // namespace

std::vector<std::string> trusted_roots() {
    std::vector<std::string> roots;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    if (const char* chosen = std::getenv("LABCTL_LABS_DIR"); chosen != nullptr) {
        roots.emplace_back(chosen);
    }
    roots.push_back(executable_folder() + "/../share/labctl/labs");
    return roots;
}

std::vector<std::string> exercise_roots() {
    auto roots = trusted_roots();
    const auto installed = roots.end() - 1; // the last place to look
    roots.insert(installed, {".", "labs"});
    return roots;
}

std::vector<std::string> find_exercises(const ExerciseKind& kind, const std::string& directory) {
    std::vector<std::string> found;
    const auto roots = directory.empty() ? exercise_roots() : std::vector{directory};
    for (const auto& root : roots) {
        add_exercises(kind, root, found);
        add_exercises(kind, fs::path(root) / kind.plural, found);
    }
    return found;
}

std::string find_exercise(const ExerciseKind& kind, const std::string& name) {
    std::error_code ignored;
    if (is_exercise(kind, name)) {
        auto folder = fs::absolute(name).lexically_normal().string();
        while (folder.size() > 1 && folder.back() == '/') { // of "." or "x/"
            folder.pop_back();
        }
        return folder;
    }
    if (fs::is_directory(name, ignored)) {
        throw netemu::UsageError(
            "'" + name + "' is no " + kind.word + ": it has no " + kind.file,
            "`labctl " + std::string(kind.word) + " ls` lists those that there are");
    }
    return find_exercise_in(kind, name, exercise_roots());
}

std::string find_exercise_in(
    const ExerciseKind& kind, const std::string& name, const std::vector<std::string>& roots) {
    std::vector<std::string> names;
    for (const auto& root : roots) {
        for (const auto& folder : find_exercises(kind, root)) {
            names.push_back(fs::path(folder).filename().string());
            if (names.back() == name) {
                return fs::absolute(folder).lexically_normal().string();
            }
        }
    }
    const auto near = netemu::nearest(name, names);
    throw netemu::UsageError(
        "there is no " + std::string(kind.word) + " '" + name + "'",
        near ? "did you mean '" + *near + "'?"
             : "`labctl " + std::string(kind.word) +
                   " ls` lists those that there are; LABCTL_LABS_DIR says where to look");
}

std::string json_text(const nlohmann::json& value) {
    return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace labctl::cli
