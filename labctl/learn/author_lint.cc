#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "labctl/learn/answer.h"
#include "labctl/learn/author.h"
#include "labctl/manifest/inputs.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace fs = std::filesystem;

std::vector<std::string> answer_problems(const Challenge& challenge) {
    std::vector<std::string> problems;
    if (!has_solution(challenge.directory)) {
        problems.emplace_back("solution/ is not there: nothing shows that it can be solved");
    }
    std::vector<std::string> answers;
    for (const auto& path : wrong_answers(challenge.directory)) {
        answers.push_back(fs::path(path).stem().string());
        if (!challenge.wrong.contains(answers.back())) {
            problems.push_back(
                "wrong/" + answers.back() +
                " is not in `wrong` of challenge.md: which objective must it miss?");
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

namespace {

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

bool tells_too_much(const std::string& comment) {
    constexpr std::array<std::string_view, 8> kTelling{
        "bug", "broken", "wrong", "fix", "mistake", "solution", "should be", "todo"};
    const auto lower = netemu::to_lower(comment);
    return std::ranges::any_of(
        kTelling, [&](std::string_view word) { return has_word(lower, word); });
}

/// What learners get to see of it as YAML.
std::vector<std::string> files_for_learners(const std::string& directory) {
    auto files = manifest::manifest_files(directory, false);
    std::error_code error;
    if (const auto manifests = directory + "/manifests"; fs::is_directory(manifests, error)) {
        const auto more = manifest::manifest_files(manifests, true);
        files.insert(files.end(), more.begin(), more.end());
    }
    return files;
}

} // namespace

std::vector<std::string> spoilers(const std::string& directory) {
    std::vector<std::string> found;
    for (const auto& file : files_for_learners(directory)) {
        std::ifstream in(file);
        std::string line;
        for (int number = 1; std::getline(in, line); ++number) {
            const auto hash = line.find('#');
            if (hash != std::string::npos && tells_too_much(line.substr(hash))) {
                found.push_back(
                    file + ":" + std::to_string(number) + ": a comment tells learners too much: " +
                    std::string(netemu::trim(std::string_view(line).substr(hash))));
            }
        }
    }
    return found;
}

} // namespace labctl::learn
