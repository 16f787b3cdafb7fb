#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/check/assertion.h"
#include "labctl/learn/variant.h"
#include "labctl/manifest/diagnostic.h"

/// A challenge: a lab that is not as it should be, and what is to be reached in it. Values, and how
/// they are read from a folder (labs/README.md says what is in one).
namespace labctl::learn {

struct Objective {
    std::string key;
    std::string title;
    double points = 1;               // shared out among its assertions
    std::vector<std::string> checks; // names of assertions (globs), or tags
    std::vector<std::string> needs;  // keys of earlier ones, without which it does not count
};

struct Hint {
    std::string text;
    double cost = 0;       // in points, of a graded run
    std::string objective; // shown while this one is not reached; empty: always
};

struct Challenge {
    std::string name;      // of its folder, and of its lab
    std::string directory; // where it is read from
    std::string title;
    std::string description;
    std::string difficulty; // easy, medium, hard
    std::vector<std::string> categories;
    std::string estimated_time; // as written: "10m", or empty
    std::string text;           // Markdown
    std::vector<Objective> objectives;
    std::vector<std::string> keep; // mustNotBreak: names of assertions (globs), or tags
    std::vector<Hint> hints;
    std::vector<std::string> protect; // KIND/NAME or KIND/NAMESPACE/NAME, with globs
    /// Points that it costs to let through what the solution does not; 0: nobody looks.
    double over_permissive = 0;
    std::map<std::string, std::vector<std::string>> wrong; // answer -> what it must miss

    [[nodiscard]] double points() const; // of all objectives
    [[nodiscard]] const Objective* find(std::string_view key) const;
};

/// From checked front matter. The name is that of the folder.
Challenge challenge_from(const api::Json& head, std::string text, const std::string& directory);

/// A challenge with the assertions that it is judged by.
struct LoadedChallenge {
    Challenge challenge;
    std::vector<check::Assertion> assertions;
    api::Source head; // where its front matter begins
};

/// Whether one of the patterns is a glob over the assertion's name, or one of its tags.
[[nodiscard]] bool
selects(const std::vector<std::string>& patterns, const check::Assertion& assertion);

/// Reads challenge.md and checks.yaml of a folder, as a seed makes them, and checks that they
/// fit: each pattern selects something, each assertion belongs somewhere. Throws
/// manifest::ManifestError or check::CheckError with places; netemu::UsageError if there is no
/// challenge.md.
LoadedChallenge load_challenge(const Variant& variant, const std::string& name, bool strict);

} // namespace labctl::learn
