#include <memory>

#include <boost/test/unit_test.hpp>

#include "labctl/report/learn_text.h"
#include "tests/unit/learn_fixture.h"

using namespace labctl::learn;
using labctl::learn::testing::report_of;
using labctl::learn::testing::three_objectives;
namespace report = labctl::report;

namespace {

Grade grade_of(const LoadedChallenge& loaded, const std::string& who, const std::string& verdicts) {
    Grade grade;
    grade.who = who;
    grade.path = "in/" + who;
    grade.command = "labctl grade in/" + who + " --challenge three";
    grade.report = report_of(loaded, verdicts);
    for (auto& record : grade.report.records) {
        record.reason = "it was so";
    }
    grade.score = score(loaded, grade.report);
    grade.loaded = std::make_shared<LoadedChallenge>(loaded);
    return grade;
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(learn_texts)

BOOST_AUTO_TEST_CASE(a_score_says_what_is_reached) {
    const auto loaded = three_objectives();
    const auto judged = report_of(loaded, "fppff");
    BOOST_TEST(
        report::score_text(loaded, judged, score(loaded, judged), {}) ==
        "\xe2\x9c\x97 The first  0/2\n"
        "    \xe2\x9c\x97 first: expected allow, got timeout\n"
        "\xe2\x9c\x93 The second  4/4\n"
        "\xe2\x9c\x97 The third  0/1\n"
        "    \xe2\x9c\x97 third: expected allow, got timeout\n"
        "\xe2\x9c\x97 broken: must go on as before  -2\n"
        "    \xe2\x9c\x97 kept: expected allow, got timeout\n"
        "\n2 of 7 points: not solved yet\n");
    const auto all = report_of(loaded, "ppppp");
    BOOST_TEST(
        report::score_text(loaded, all, score(loaded, all), {}) ==
        "\xe2\x9c\x93 The first  2/2\n"
        "\xe2\x9c\x93 The second  4/4\n"
        "\xe2\x9c\x93 The third  1/1\n"
        "\xe2\x9c\x93 nothing else is broken\n"
        "\n7 of 7 points: solved\n");
}

BOOST_AUTO_TEST_CASE(hidden_assertions_do_not_leak) {
    auto loaded = three_objectives();
    loaded.assertions[0].hidden = true;
    loaded.assertions[4].hidden = true;
    auto judged = report_of(loaded, "fpppf");
    judged.records[0].reason = judged.records[4].reason = "secret";
    judged.records[0].decided_by = "networkpolicy/shop/secret";
    const auto result = score(loaded, judged);
    const auto text = report::score_text(loaded, judged, result, {});
    BOOST_TEST(holds(text, "hidden check 1: policy"));
    BOOST_TEST(holds(text, "hidden check 5: path"));
    BOOST_TEST(!holds(text, "secret"));
    BOOST_TEST(!holds(text, "first:"));
    BOOST_TEST(!holds(text, "kept"));
    const auto json = report::score_json(loaded, judged, result, false).dump();
    BOOST_TEST(!holds(json, "secret"));
    BOOST_TEST(!holds(json, "\"first\""));
    BOOST_TEST(!holds(json, "\"kept\""));
    BOOST_TEST(holds(json, "\"category\":\"policy\""));
    const auto revealed = report::score_text(loaded, judged, result, {false, true});
    BOOST_TEST(holds(revealed, "secret"));
    BOOST_TEST(holds(report::score_json(loaded, judged, result, true).dump(), "secret"));
}

BOOST_AUTO_TEST_CASE(what_costs_points_is_named) {
    auto loaded = three_objectives();
    loaded.challenge.over_permissive = 3;
    const auto judged = report_of(loaded, "ppppp");
    ScoreInput input;
    input.opened = std::vector<std::string>(10, "a -> b 80/TCP");
    input.hint_cost = 1;
    const auto text = report::score_text(loaded, judged, score(loaded, judged, input), {});
    BOOST_TEST(holds(text, "too open: 10 flows that nobody asked for  -3"));
    BOOST_TEST(holds(text, "and 2 more"));
    BOOST_TEST(holds(text, "hints: -1 point"));
    BOOST_TEST(holds(text, "3 of 7 points: not solved yet"));
}

BOOST_AUTO_TEST_CASE(grades_of_a_class) {
    const auto loaded = three_objectives();
    auto bad = grade_of(loaded, "=cmd,\"x\".yaml", "fffff");
    bad.error = "no such file\nat all";
    const std::vector<Grade> grades{
        grade_of(loaded, "ada", "ppppp"), grade_of(loaded, "bob", "fppff"), bad};
    BOOST_TEST(
        report::grade_csv(loaded, grades) ==
        "answer,path,seed,result,earned,points,a,b,c,broken,opened,attempts,hints,error\r\n"
        "ada,in/ada,0,solved,7,7,2,4,1,0,0,0,0,\r\n"
        "bob,in/bob,0,not solved,2,7,0,4,0,1,0,0,0,\r\n"
        "\"'=cmd,\"\"x\"\".yaml\",\"in/=cmd,\"\"x\"\".yaml\",0,error,0,7,0,0,0,1,0,0,0,no such "
        "file\\nat all\r\n");
    const auto json = report::grade_json(loaded, grades);
    BOOST_TEST(json.at("grades").size() == 3U);
    BOOST_TEST(json.at("grades")[0].at("solved") == true);
    BOOST_TEST(json.at("grades")[1].at("earned") == 2);
    BOOST_TEST(json.at("grades")[2].at("error") == "no such file\nat all");
    const auto markdown = report::grade_markdown(loaded, grades);
    BOOST_TEST(holds(markdown, "| The first | missed | 0/2 | first: it was so |"));
    BOOST_TEST(holds(markdown, "- broken: kept: it was so"));
    BOOST_TEST(holds(markdown, "- again: `labctl grade in/bob --challenge three`"));
    const auto table = report::grade_table(grades, {false, true});
    BOOST_TEST(holds(table, "it was so"));
    BOOST_TEST(holds(table, "could not be judged: no such file"));
}

BOOST_AUTO_TEST_CASE(junit_tells_of_everything_that_kept_it_from_being_solved) {
    auto loaded = three_objectives();
    loaded.challenge.over_permissive = 1;
    auto grade = grade_of(loaded, "ada", "fpppp");
    grade.score.input.tampered = {"Pod/default/x was changed"};
    grade.score.input.opened = {"a -> b 80/TCP"};
    const auto junit = report::grade_junit({grade});
    for (const auto* part :
         {"Pod/default/x was changed",
          "a -&gt; b 80/TCP",
          "it needs a, not reached",
          "failures=\"4\""}) {
        BOOST_TEST(holds(junit, part), junit);
    }
    BOOST_TEST(holds(report::grade_junit({grade_of(loaded, "ada", "ppppp")}), "failures=\"0\""));
    grade.error = "no such file";
    Grade unread;
    unread.error = grade.error;
    const auto both = report::grade_junit({grade_of(loaded, "bob", "ppppp"), unread});
    BOOST_TEST(holds(both, "no such file"), both);
    BOOST_TEST(holds(both, "<testsuites tests=\"6\" failures=\"0\" errors=\"1\""), both);
    BOOST_TEST(holds(both, "<testsuite name=\"labctl grade bob\" tests=\"5\""), both);
}

BOOST_AUTO_TEST_CASE(a_quiz_is_graded) {
    Quiz quiz;
    quiz.name = "q";
    Question first;
    first.text = "A question that is so long that no table should show all of it at once\nand more";
    first.points = 2;
    Question second;
    second.text = "Another";
    Question third = second;
    quiz.questions = {first, second, third};
    Session session;
    session.answers = {{"a", "a", 2, true}, {"b", "", 0, false}};
    auto text = report::quiz_grade_text(quiz, session, false);
    BOOST_TEST(holds(text, "A question that is so long that no table shou..."));
    BOOST_TEST(holds(text, "not known"));
    // what the lab could not tell does not count: 2 of 3, and 70% are needed
    BOOST_TEST(holds(text, "2 of 3 points, 70% are needed: not passed"));
    session.answers.push_back({"c", "c", 1, true});
    BOOST_TEST(report::quiz_passed(quiz, session));
    BOOST_TEST(report::quiz_grade_json(quiz, session).at("passed") == true);
    BOOST_TEST(!report::quiz_passed(Quiz(), Session()));
}

BOOST_AUTO_TEST_CASE(nothing_from_outside_reaches_the_terminal) {
    auto loaded = three_objectives();
    loaded.challenge.title = "a\033[31mb";
    loaded.challenge.text = "c\033]0;x\007d\nnext";
    const auto text = report::challenge_text(loaded.challenge, false);
    BOOST_TEST(!holds(text, "\033"));
    BOOST_TEST(!holds(text, "\007"));
    BOOST_TEST(holds(text, "d\nnext\n"));
    Question question;
    question.text = "\033[2J";
    Quiz quiz;
    quiz.questions = {question};
    BOOST_TEST(!holds(report::question_text(quiz, 0, {"\033[1m"}, false), "\033"));
}

BOOST_AUTO_TEST_SUITE_END()
