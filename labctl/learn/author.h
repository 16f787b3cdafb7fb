#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "labctl/learn/challenge.h"
#include "labctl/learn/grade.h"
#include "labctl/learn/quiz.h"
#include "labctl/learn/snapshot.h"

/// What authors get wrong: sentences that speak against an exercise, none if all is well.
namespace labctl::learn {

// From the files of its folder. author_lint.cc

/// A solution, wrong answers, and front matter that names exactly these.
std::vector<std::string> answer_problems(const Challenge& challenge);
/// Throws manifest::ManifestError with the place of each entry of `protect` that selects nothing
/// there is to protect: a misspelt one would leave all unprotected. A whole kind, as "pod/*", may
/// be there for what must not be added.
void check_protected(const LoadedChallenge& loaded, const Snapshot& start);
/// Comments of manifests and lab file that tell learners too much, each with its place. Reads the
/// folder.
std::vector<std::string> spoilers(const std::string& directory);

// From what a fresh lab has shown. author_proof.cc

/// Nothing is reached and nothing is broken before anybody has done anything. A start that is too
/// open is fine: it may be what is to be closed.
std::vector<std::string> start_problems(const Grade& grade);
/// The solution solves it; else what keeps it from being solved, with reasons.
std::vector<std::string> solution_problems(const Grade& grade);
/// The wrong answer of that name does not solve it, and misses what front matter says.
std::vector<std::string> wrong_answer_problems(const Grade& grade, const std::string& name);
/// What is right is known, is what the author believes, and counts as right when it is given.
std::vector<std::string>
question_problems(const Quiz& quiz, std::size_t question, std::uint64_t seed, const Truth& truth);

} // namespace labctl::learn
