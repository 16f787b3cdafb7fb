#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/learn/grade.h"
#include "labctl/learn/quiz.h"
#include "labctl/learn/session.h"

/// What challenges, quizzes and grades look like.
namespace labctl::report {

struct LearnTextOptions {
    bool colour = false;
    /// Why each assertion failed, and what hidden ones are: for authors. Learners have hints.
    bool reveal = false;
};

/// Title, what it is about, the author's text and what is to be reached.
std::string challenge_text(const learn::Challenge& challenge, bool colour);
/// The facts of an exercise in a line: "easy, services, 10m, 5 points".
std::string exercise_line(
    const std::string& difficulty,
    const std::vector<std::string>& categories,
    const std::string& estimated_time,
    double points);

/// What is reached and what is not, with the points.
std::string score_text(
    const learn::LoadedChallenge& loaded,
    const check::Report& report,
    const learn::Score& score,
    const LearnTextOptions& options);
api::Json score_json(
    const learn::LoadedChallenge& loaded,
    const check::Report& report,
    const learn::Score& score,
    bool reveal);

/// Grades of one challenge. `csv` has a line for each, with a column for each objective.
std::string grade_table(const std::vector<learn::Grade>& grades, const LearnTextOptions& options);
std::string
grade_markdown(const learn::LoadedChallenge& loaded, const std::vector<learn::Grade>& grades);
std::string
grade_csv(const learn::LoadedChallenge& loaded, const std::vector<learn::Grade>& grades);
/// JUnit XML, a suite for each: its assertions, and a failed case for each thing besides that kept
/// it from being solved; an error where it could not be judged.
std::string grade_junit(const std::vector<learn::Grade>& grades);
api::Json grade_json(const learn::LoadedChallenge& loaded, const std::vector<learn::Grade>& grades);

/// One question: "Question 2 of 5 (1 point)", its text and the answers to choose from.
std::string question_text(
    const learn::Quiz& quiz,
    std::size_t question,
    const std::vector<std::string>& options,
    bool colour);
/// What became of an answer.
std::string answer_text(
    const learn::Question& question,
    const learn::GivenAnswer& given,
    const std::string& why,
    bool colour);
/// All answers, and the sum.
std::string quiz_grade_text(const learn::Quiz& quiz, const learn::Session& session, bool colour);
api::Json quiz_grade_json(const learn::Quiz& quiz, const learn::Session& session);
/// Points of all answers so far.
double quiz_points(const learn::Session& session);
/// Of the questions that count: those that the lab could not tell of do not.
double quiz_countable_points(const learn::Quiz& quiz, const learn::Session& session);
/// Whether its pass mark is reached.
bool quiz_passed(const learn::Quiz& quiz, const learn::Session& session);

} // namespace labctl::report
