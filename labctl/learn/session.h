#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/learn/snapshot.h"

/// An exercise that somebody is at: what lasts between two commands.
namespace labctl::learn {

struct Attempt {
    std::string at; // RFC 3339
    double earned = 0;
    double total = 0;
    bool solved = false;
};

/// What somebody answered to a question of a quiz, and what was right then.
struct GivenAnswer {
    std::string answer;
    std::string right;
    double earned = 0;
    bool proven = true; // false: the lab could not tell what is right
};

struct Session {
    std::string kind;      // "challenge" or "quiz"
    std::string name;      // of the exercise, and of its lab
    std::string directory; // absolute
    std::uint64_t seed = 0;
    bool graded = false; // hints cost points; a quiz tells nothing before its end
    bool has_lab = true;
    std::string started_at;
    Snapshot baseline; // of the lab as it was at the start
    std::vector<Attempt> attempts;
    bool solution_shown = false;
    std::string hint_topic;           // what the hints that come from the lab are about
    std::int64_t announced_hint = -1; // one of the author's, whose price was told
    std::size_t own_hints = 0;        // and how many of them were shown
    std::vector<std::size_t> hints;   // indices of the author's that were shown
    std::vector<GivenAnswer> answers; // of a quiz, in order
};

/// Where sessions are kept: a file each, beside the directories of labs.
class Sessions {
public:
    explicit Sessions(std::string directory) : directory_(std::move(directory)) {}

    [[nodiscard]] std::vector<std::string> names() const; // sorted
    /// Nothing if there is none. Throws netemu::Error for a file that is not ours to read.
    [[nodiscard]] std::optional<Session> find(const std::string& name) const;
    /// In one step: a reader sees the old or the new one. Throws SysError.
    void save(const Session& session) const;
    void remove(const std::string& name) const;

private:
    [[nodiscard]] std::string file_of(const std::string& name) const;
    std::string directory_;
};

api::Json to_json(const Session& session);
Session session_from(const api::Json& json);

} // namespace labctl::learn
