#include "labctl/learn/session.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "netemu/base/error.h"

namespace labctl::learn {

namespace fs = std::filesystem;
using api::Json;

namespace {

constexpr std::string_view kSessionEnding = ".session.json";
constexpr int kSessionVersion = 1;

} // namespace

Json to_json(const Session& session) {
    Json attempts = Json::array();
    for (const auto& attempt : session.attempts) {
        attempts.push_back(
            {{"at", attempt.at},
             {"earned", attempt.earned},
             {"total", attempt.total},
             {"solved", attempt.solved}});
    }
    Json answers = Json::array();
    for (const auto& given : session.answers) {
        answers.push_back(
            {{"answer", given.answer},
             {"right", given.right},
             {"earned", given.earned},
             {"proven", given.proven}});
    }
    return {
        {"schemaVersion", kSessionVersion},
        {"kind", session.kind},
        {"name", session.name},
        {"directory", session.directory},
        {"seed", session.seed},
        {"graded", session.graded},
        {"hasLab", session.has_lab},
        {"startedAt", session.started_at},
        {"baseline", to_json(session.baseline)},
        {"attempts", attempts},
        {"solutionShown", session.solution_shown},
        {"announcedHint", session.announced_hint},
        {"hintTopic", session.hint_topic},
        {"ownHints", session.own_hints},
        {"hints", session.hints},
        {"answers", answers}};
}

Session session_from(const Json& json) {
    Session session;
    session.kind = json.at("kind");
    session.name = json.at("name");
    session.directory = json.at("directory");
    session.seed = json.at("seed");
    session.graded = json.at("graded");
    session.has_lab = json.at("hasLab");
    session.started_at = json.at("startedAt");
    session.baseline = snapshot_from(json.at("baseline"));
    for (const auto& attempt : json.at("attempts")) {
        session.attempts.push_back(
            {attempt.at("at"), attempt.at("earned"), attempt.at("total"), attempt.at("solved")});
    }
    session.solution_shown = json.at("solutionShown");
    session.announced_hint = json.at("announcedHint");
    session.hint_topic = json.at("hintTopic");
    session.own_hints = json.at("ownHints");
    session.hints = json.at("hints").get<std::vector<std::size_t>>();
    for (const auto& given : json.at("answers")) {
        session.answers.push_back(
            {given.at("answer"), given.at("right"), given.at("earned"), given.at("proven")});
    }
    return session;
}

std::string Sessions::file_of(const std::string& name) const {
    return directory_ + "/" + name + std::string(kSessionEnding);
}

std::vector<std::string> Sessions::names() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory_, ignored)) {
        const auto file = entry.path().filename().string();
        if (file.ends_with(kSessionEnding)) {
            names.push_back(file.substr(0, file.size() - kSessionEnding.size()));
        }
    }
    std::ranges::sort(names);
    return names;
}

std::optional<Session> Sessions::find(const std::string& name) const {
    std::ifstream file(file_of(name));
    if (!file) {
        return std::nullopt;
    }
    try {
        const auto json = Json::parse(file);
        if (json.at("schemaVersion") != kSessionVersion) {
            throw netemu::Error(
                file_of(name) + " is of another version of labctl", "remove it to start anew");
        }
        return session_from(json);
    } catch (const Json::exception& error) {
        throw netemu::Error(
            file_of(name) + " cannot be read: " + error.what(), "remove it to start anew");
    }
}

void Sessions::save(const Session& session) const {
    const auto path = file_of(session.name);
    const auto fresh = path + ".new";
    {
        std::ofstream file(fresh);
        file << to_json(session).dump(1, ' ', false, Json::error_handler_t::replace) << "\n"
             << std::flush;
        if (!file) {
            throw netemu::SysError("write " + fresh, errno);
        }
    }
    std::error_code error;
    fs::rename(fresh, path, error);
    if (error) {
        throw netemu::SysError("rename " + fresh + " to " + path, error.value());
    }
}

void Sessions::remove(const std::string& name) const {
    std::error_code ignored;
    fs::remove(file_of(name), ignored);
}

} // namespace labctl::learn
