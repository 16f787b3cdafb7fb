#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/check/assertion.h"
#include "labctl/check/record.h"
#include "labctl/learn/variant.h"

/// A quiz: questions, of which some are answered by the lab itself. Values, how they are read from
/// a folder, and what is right. Pure but for reading the file.
namespace labctl::learn {

enum class QuestionType { Single, Multi, Number, Text, Prediction };
/// What a prediction is about.
enum class Ask {
    Reach,   // whether an answer comes: yes or no
    Outcome, // which outcome of a probe
    Backend, // which pod answers
};

struct Question {
    std::string text;
    QuestionType type = QuestionType::Single;
    std::vector<std::string> answers; // to choose from
    std::vector<std::string> correct; // all of them (multi), or any of them (text); else one
    double tolerance = 0;             // of a number
    std::string explanation;
    double points = 1;
    /// Of a prediction: what is probed, with `expect: allow`.
    std::optional<check::Assertion> probe;
    Ask ask = Ask::Reach;
    std::string apply; // manifests of the folder that are applied once it was answered; or empty
    /// Where the lab has what is right, if `correct` does not say it.
    std::string object; // KIND/NAME or KIND/NAMESPACE/NAME
    std::string json_path;
};

struct Quiz {
    std::string name; // of its folder, and of its lab
    std::string directory;
    std::string title;
    std::string description;
    std::string difficulty;
    std::vector<std::string> categories;
    std::string estimated_time;
    std::string text;      // Markdown
    double pass_mark = 70; // percent of the points
    bool has_lab = false;  // its folder has lab.yaml or manifests
    std::vector<Question> questions;

    [[nodiscard]] double points() const;
};

/// Reads quiz.md of a folder, as a seed makes it. Throws manifest::ManifestError,
/// check::CheckError; netemu::UsageError if there is no quiz.md.
Quiz load_quiz(const Variant& variant, const std::string& name, bool strict);

/// What there is to choose from, in the order that the seed gives; empty if one has to write.
std::vector<std::string> options_of(const Quiz& quiz, std::size_t question, std::uint64_t seed);

/// What is right.
struct Truth {
    bool known = true;              // false: the lab could not tell
    std::vector<std::string> right; // as Question::correct
    std::string why;                // what the lab said of it, or empty
};
Truth truth_of(const Question& question);                              // as it is written
Truth truth_of(const Question& question, const check::Record& record); // of a prediction
Truth truth_of(const Question& question, const std::string& looked_up);

/// What somebody wrote, in the words of the answers: letters stand for options ("b", "a,c"). Throws
/// netemu::UsageError for what cannot be an answer to this question.
std::vector<std::string> understand_answer(
    const Question& question, const std::vector<std::string>& options, const std::string& answer);

/// Whether it is right: everything and nothing else, for a choice of several.
bool is_right(const Question& question, const std::vector<std::string>& answer, const Truth& truth);

} // namespace labctl::learn
