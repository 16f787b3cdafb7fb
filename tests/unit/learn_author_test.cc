#include <memory>

#include <boost/test/unit_test.hpp>

#include "labctl/learn/author.h"
#include "tests/unit/learn_fixture.h"

using namespace labctl::learn;
using labctl::learn::testing::ExerciseFolder;
using labctl::learn::testing::report_of;
using labctl::learn::testing::three_objectives;

namespace {

/// The grade of these verdicts, of first, second-1, second-2, third, kept.
Grade graded(
    const std::string& verdicts,
    ScoreInput input = {},
    LoadedChallenge loaded = three_objectives()) {
    Grade grade;
    grade.report = report_of(loaded, verdicts);
    grade.score = score(loaded, grade.report, std::move(input));
    grade.loaded = std::make_shared<LoadedChallenge>(std::move(loaded));
    return grade;
}

bool tells(const std::vector<std::string>& problems, const std::string& part) {
    return std::ranges::any_of(problems, [&](const std::string& problem) {
        return problem.find(part) != std::string::npos;
    });
}

LoadedChallenge with_wrong(const std::string& key) {
    auto loaded = three_objectives();
    loaded.challenge.wrong["x"] = {key};
    return loaded;
}

} // namespace

BOOST_AUTO_TEST_SUITE(authors)

BOOST_AUTO_TEST_CASE(a_start_reaches_nothing_and_breaks_nothing) {
    BOOST_TEST(start_problems(graded("ffffp")).empty());
    ScoreInput open;
    open.opened = {"a -> b 80/TCP"};
    BOOST_TEST(start_problems(graded("ffffp", open)).empty()); // what is to be closed
    BOOST_TEST(tells(start_problems(graded("pfffp")), "objective a is reached before"));
    BOOST_TEST(tells(start_problems(graded("fffpp")), "objective c is reached before")); // it waits
    BOOST_TEST(
        tells(start_problems(graded("ifffp")), "objective a is not missed, only inconclusive"));
    BOOST_TEST(tells(start_problems(graded("fpffp")), "objective b brings 3 points before"));
    BOOST_TEST(
        tells(start_problems(graded("fffff")), "mustNotBreak is broken from the start: kept"));
    BOOST_TEST(tells(
        start_problems(graded("ffffi")), "mustNotBreak cannot be shown from the start: kept"));
}

BOOST_AUTO_TEST_CASE(each_entry_of_protect_has_something_to_protect) {
    const ExerciseFolder::Files files{
        {"challenge.md", "---\nkind: challenge\nprotect:\n  - pod/clientt\n  - nothing\n---\n"}};
    const ExerciseFolder folder(files);
    auto loaded = three_objectives();
    loaded.head = {folder.path() + "/challenge.md", 2, 1};
    const Snapshot start{
        {"Namespace/default", {}}, {"Pod/default/client", {}}, {"Service/shop/web", {}}};
    loaded.challenge.protect = {
        "pod/client",
        "service/shop/*",
        "svc/*/web",
        "networkpolicy/*",
        "pod/default/*",
        "*/*/client"};
    check_protected(loaded, start); // the last but two for what must not be added
    const std::vector<std::pair<std::string, std::string>> bad{
        {"pod/clientt", "did you mean 'Pod/default/client'?"},
        {"nothing", "write KIND/NAME"},
        {"podd/client", "did you mean 'pod'?"},
        {"pod/client*x", "there is no"},
        {"pod/nowhere/*", "there is no"}};
    for (const auto& [entry, says] : bad) {
        loaded.challenge.protect = {entry};
        BOOST_CHECK_EXCEPTION(
            check_protected(loaded, start),
            labctl::manifest::ManifestError,
            [&says = says](const auto& error) {
                return std::string(error.what()).find(says) != std::string::npos;
            });
    }
    loaded.challenge.protect = {"pod/clientt", "nothing"};
    try {
        check_protected(loaded, start);
    } catch (const labctl::manifest::ManifestError& error) {
        BOOST_REQUIRE(error.findings().list.size() == 2U);
        BOOST_TEST(error.findings().list[0].source.line == 4);
        BOOST_TEST(error.findings().list[1].source.line == 5);
        BOOST_TEST(error.findings().list[1].source.column == 5);
    }
}

BOOST_AUTO_TEST_CASE(a_solution_solves_it) {
    BOOST_TEST(solution_problems(graded("ppppp")).empty());
    const auto missed = solution_problems(graded("pfppp"));
    BOOST_TEST(missed.size() == 2U);
    BOOST_TEST(tells(missed, "objective b is missed"));
    BOOST_TEST(tells(missed, "  second-1: timeout"));
    BOOST_TEST(tells(solution_problems(graded("ppppf")), "mustNotBreak is broken: kept"));
    BOOST_TEST(tells(solution_problems(graded("ppppi")), "mustNotBreak cannot be shown: kept"));
    ScoreInput spoiled;
    spoiled.tampered = {"Pod/default/x was changed"};
    BOOST_TEST(tells(solution_problems(graded("ppppp", spoiled)), "protected: Pod/default/x"));
    auto strict = three_objectives();
    strict.challenge.over_permissive = 1;
    ScoreInput open;
    open.opened = {"a -> b 80/TCP"};
    BOOST_TEST(tells(solution_problems(graded("ppppp", open, strict)), "opened: a -> b 80/TCP"));
}

BOOST_AUTO_TEST_CASE(a_wrong_answer_misses_what_it_is_said_to_miss) {
    BOOST_TEST(wrong_answer_problems(graded("pfppp", {}, with_wrong("b")), "x").empty());
    BOOST_TEST(
        tells(wrong_answer_problems(graded("pfppp", {}, with_wrong("a")), "x"), "does not fail a"));
    // what could not be shown is not missed
    BOOST_TEST(
        tells(wrong_answer_problems(graded("ipppp", {}, with_wrong("a")), "x"), "does not fail a"));
    BOOST_TEST(tells(
        wrong_answer_problems(graded("ppppp", {}, with_wrong("a")), "x"),
        "it solves the challenge"));
    BOOST_TEST(wrong_answer_problems(graded("ppppf", {}, with_wrong("mustNotBreak")), "x").empty());
    BOOST_TEST(
        !wrong_answer_problems(graded("pfppp", {}, with_wrong("mustNotBreak")), "x").empty());
    BOOST_TEST(
        !wrong_answer_problems(graded("pfppp", {}, with_wrong("overPermissive")), "x").empty());
    BOOST_TEST(!wrong_answer_problems(graded("pfppp", {}, with_wrong("protect")), "x").empty());
    ScoreInput spoiled;
    spoiled.tampered = {"Pod/default/x was changed"};
    BOOST_TEST(wrong_answer_problems(graded("ppppp", spoiled, with_wrong("protect")), "x").empty());
    ScoreInput open;
    open.opened = {"a -> b 80/TCP"};
    BOOST_TEST(
        wrong_answer_problems(graded("pfppp", open, with_wrong("overPermissive")), "x").empty());
}

BOOST_AUTO_TEST_CASE(a_folder_has_a_solution_and_the_wrong_answers_that_it_names) {
    const ExerciseFolder folder(
        {{"solution/a.yaml", "x"},
         {"wrong/one.yaml", "x"},
         {"wrong/two/a.yaml", "x"},
         {"wrong/notes.md", "x"}});
    Challenge challenge;
    challenge.directory = folder.path();
    challenge.wrong = {{"one", {"a"}}, {"two", {"a"}}};
    BOOST_TEST(answer_problems(challenge).empty());
    challenge.wrong = {{"one", {"a"}}, {"three", {"a"}}};
    const auto problems = answer_problems(challenge);
    BOOST_TEST(problems.size() == 2U);
    BOOST_TEST(tells(problems, "wrong/two is not in `wrong`"));
    BOOST_TEST(tells(problems, "there is no wrong/three"));
    const netemu::test::TemporaryDirectory nothing;
    challenge.directory = nothing.path();
    challenge.wrong.clear();
    BOOST_TEST(tells(answer_problems(challenge), "solution/ is not there"));
    BOOST_TEST(tells(answer_problems(challenge), "wrong/ is not there"));
}

BOOST_AUTO_TEST_CASE(comments_must_not_tell_the_answer) {
    const ExerciseFolder folder(
        {{"lab.yaml", "# two nodes\n"},
         {"manifests/a.yaml", "a: 1 # a prefix, a bugle\n\nb: 2 # BUG: the port\n"},
         {"solution/a.yaml", "# the solution\n"}}); // not for learners
    const auto found = spoilers(folder.path());
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(
        found[0] ==
        folder.path() + "/manifests/a.yaml:3: a comment tells learners too much: # BUG: the port");
}

BOOST_AUTO_TEST_CASE(a_question_has_an_answer_that_counts) {
    Quiz quiz;
    Question multi;
    multi.type = QuestionType::Multi;
    multi.answers = {"a, b", "c", "d"};
    multi.correct = {"a, b", "d"};
    Question prediction;
    prediction.type = QuestionType::Prediction;
    Question backend;
    backend.type = QuestionType::Prediction;
    backend.ask = Ask::Backend;
    quiz.questions = {multi, prediction, backend};
    BOOST_TEST(question_problems(quiz, 0, 3, truth_of(multi)).empty());
    BOOST_TEST(question_problems(quiz, 1, 0, {true, {"no"}, "refused"}).empty());
    quiz.questions[1].correct = {"yes"}; // what the author believes
    BOOST_TEST(tells(
        question_problems(quiz, 1, 0, {true, {"no"}, "refused"}),
        "the lab says 'no', and `correct` 'yes': refused"));
    BOOST_TEST(
        tells(question_problems(quiz, 2, 0, {false, {}, "nobody"}), "the lab cannot tell: nobody"));
    BOOST_TEST(tells(question_problems(quiz, 2, 0, {true, {}, ""}), "the lab cannot tell"));
}

BOOST_AUTO_TEST_SUITE_END()
