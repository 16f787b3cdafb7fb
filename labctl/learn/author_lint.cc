#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>

#include "labctl/learn/answer.h"
#include "labctl/learn/author.h"
#include "labctl/manifest/inputs.h"
#include "labctl/manifest/locate.h"
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

bool is_glob(const std::string& text) {
    return text.find_first_of("*?[") != std::string::npos;
}

/// KIND/*, KIND/*/* or KIND/NAMESPACE/* with a namespace that is there: nothing of it is, and
/// nothing of it may be added.
bool is_whole_kind(const std::string& pattern, const Snapshot& start) {
    const auto full = full_reference(pattern);
    const auto parts = netemu::split(full, '/');
    return parts.back() == "*" && (parts.size() < 3 || parts[1] == "*" ||
                                   start.contains("Namespace/" + std::string(parts[1])));
}

/// Why an entry of `protect` cannot be what its author means, or nothing.
std::optional<manifest::Diagnostic> missing(const std::string& pattern, const Snapshot& start) {
    const auto said = [](std::string message, std::string hint) {
        manifest::Diagnostic diagnostic;
        diagnostic.message = std::move(message);
        diagnostic.hint = std::move(hint);
        return diagnostic;
    };
    const auto slash = pattern.find('/');
    const bool selects = std::ranges::any_of(
        start, [&](const auto& entry) { return is_protected_by(pattern, entry.first); });
    if (selects) {
        return std::nullopt;
    }
    if (slash == std::string::npos) {
        return said(
            "'" + pattern + "' does not name an object", "write KIND/NAME or KIND/NAMESPACE/NAME");
    }
    const auto kind = pattern.substr(0, slash);
    if (api::find_kind(kind) == nullptr && !is_glob(kind)) {
        std::vector<std::string> known;
        std::ranges::transform(api::kinds(), std::back_inserter(known), [](const auto& info) {
            return netemu::to_lower(info.kind);
        });
        const auto near = netemu::nearest(netemu::to_lower(kind), known);
        return said("there is no kind '" + kind + "'", near ? "did you mean '" + *near + "'?" : "");
    }
    if (is_whole_kind(pattern, start)) {
        return std::nullopt;
    }
    std::vector<std::string> known;
    std::ranges::transform(
        start, std::back_inserter(known), [](const auto& entry) { return entry.first; });
    const auto near = netemu::nearest(full_reference(pattern), known);
    return said(
        "there is no '" + pattern + "' that could be protected",
        near ? "did you mean '" + *near + "'?"
             : "what a controller makes is protected by its owner");
}

} // namespace

void check_protected(const LoadedChallenge& loaded, const Snapshot& start) {
    manifest::Locator locator;
    manifest::Findings findings;
    const auto& patterns = loaded.challenge.protect;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
        if (const auto wrong = missing(patterns[i], start)) {
            const auto place = "protect[" + std::to_string(i) + "]";
            auto placed =
                locator.warning(loaded.head, place, place + ": " + wrong->message, wrong->hint);
            placed.severity = manifest::Severity::Error;
            findings.add(std::move(placed));
        }
    }
    if (findings.errors > 0) {
        throw manifest::ManifestError(std::move(findings));
    }
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
