#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "labctl/api/object.h"
#include "labctl/manifest/read.h"

/// Variants of one exercise: `variables` of its front matter have several values, and a seed
/// chooses one of each. The same seed gives the same exercise everywhere, so a grade can be derived
/// again.
namespace labctl::learn {

/// The value of each variable. Seed 0 takes the first ones.
std::map<std::string, std::string> choose_values(const api::Json& variables, std::uint64_t seed);

/// A folder as a seed makes it.
struct Variant {
    std::string directory;
    std::uint64_t seed = 0;
    std::map<std::string, std::string> values; // for "${NAME}" in its files

    /// Whether there is anything for a seed to choose.
    [[nodiscard]] bool varies() const { return !values.empty(); }
    /// With which its files are read.
    [[nodiscard]] manifest::ReadOptions read_options(bool strict = false) const;
};

/// `file` is that with the front matter: "challenge.md", "quiz.md". Throws manifest::ManifestError.
Variant variant_of(const std::string& directory, const std::string& file, std::uint64_t seed);

} // namespace labctl::learn
