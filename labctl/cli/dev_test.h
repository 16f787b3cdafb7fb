#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "labctl/cli/context.h"
#include "labctl/cli/dev_steps.h"

/// What an exercise has to prove to its author.
namespace labctl::cli {

/// The last part of its path.
std::string folder_name(const std::string& directory);
/// Whether the folder holds a quiz; else it is taken for a challenge.
bool is_quiz_folder(const std::string& directory);

/// What is wrong with the files of that variant. Throws ManifestError, UsageError and CheckError
/// for what is not valid. dev_lint.cc
std::vector<std::string>
lint_exercise(const Context& context, const std::string& directory, std::uint64_t seed);

/// Proves it in fresh labs: the variant that --seed names, or the first and another one.
/// dev_test.cc
void test_exercise(const Context& context, StepList& steps, const std::string& directory);

} // namespace labctl::cli
