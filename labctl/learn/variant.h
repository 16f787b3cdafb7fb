#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "labctl/api/object.h"

/// Variants of one exercise: `variables` of its front matter have several values, and a seed
/// chooses one of each. The same seed gives the same exercise everywhere, so a grade can be derived
/// again.
namespace labctl::learn {

/// The value of each variable. Seed 0 takes the first ones.
std::map<std::string, std::string> choose_values(const api::Json& variables, std::uint64_t seed);

/// The text with the value for each "${NAME}" of a known variable; everything else as it is.
std::string substitute(const std::string& text, const std::map<std::string, std::string>& values);

/// A folder as the seed makes it: the folder itself where it has no variables, else a copy that
/// goes with this value. Only *.md, *.yaml, *.yml and *.json are changed; links are not followed.
class Variant {
public:
    /// `file` is that with the front matter: "challenge.md", "quiz.md". Throws
    /// manifest::ManifestError, netemu::UsageError, netemu::SysError.
    Variant(const std::string& directory, const std::string& file, std::uint64_t seed);
    Variant(const Variant&) = delete;
    Variant& operator=(const Variant&) = delete;
    ~Variant();

    [[nodiscard]] const std::string& directory() const { return directory_; }
    /// Whether there is anything for a seed to choose.
    [[nodiscard]] bool varies() const { return !values_.empty(); }
    [[nodiscard]] const std::map<std::string, std::string>& values() const { return values_; }

private:
    std::string directory_; // ours to remove if it varies
    std::map<std::string, std::string> values_;
};

} // namespace labctl::learn
