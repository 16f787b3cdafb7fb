#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "labctl/check/record.h"
#include "labctl/learn/challenge.h"
#include "labctl/learn/score.h"

namespace labctl::learn {

/// What became of one answer in a fresh lab: everything that a report of a grade is made of.
struct Grade {
    std::string who;   // name of what was handed in
    std::string path;  // where it was
    std::string error; // why nothing could be judged, or empty
    std::string hint;
    netemu::ExitCode code = netemu::ExitCode::Usage; // of the error
    /// The challenge as its variant has it; null when nothing could be judged.
    std::shared_ptr<const LoadedChallenge> loaded;
    std::uint64_t seed = 0;
    std::size_t attempts = 0; // as the submission says
    std::size_t hints = 0;
    bool solution_shown = false;                                 // likewise
    std::string command;                                         // that derives it again
    std::vector<std::pair<std::string, std::string>> properties; // lab, kernel, version, hashes
    check::Report report;
    Score score;
};

} // namespace labctl::learn
