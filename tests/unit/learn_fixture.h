#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "labctl/check/record.h"
#include "labctl/learn/challenge.h"
#include "tests/support/temporary.h"

namespace labctl::learn::testing {

/// A folder with these files, gone with the object.
class ExerciseFolder : public netemu::test::TemporaryDirectory {
public:
    using Files = std::vector<std::pair<std::string, std::string>>;
    explicit ExerciseFolder(const Files& files);
    ExerciseFolder(const ExerciseFolder&) = delete;
    ExerciseFolder& operator=(const ExerciseFolder&) = delete;
    ~ExerciseFolder() = default;
    void write(const std::string& file, const std::string& text) const;
};

/// A challenge of three objectives (a 2, b 4 over two assertions, c 1, which needs a), with one
/// assertion that must not break.
LoadedChallenge three_objectives();

/// A record for each assertion of `loaded` with these verdicts: 'p' pass, 'f' fail, 'i'
/// inconclusive, 'e' error.
check::Report report_of(const LoadedChallenge& loaded, const std::string& verdicts);

} // namespace labctl::learn::testing
