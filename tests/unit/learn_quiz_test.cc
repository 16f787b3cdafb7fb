#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/learn/quiz.h"
#include "netemu/base/error.h"
#include "tests/unit/learn_fixture.h"

using namespace labctl::learn;
using labctl::check::Record;
using labctl::check::Verdict;
using labctl::learn::testing::ExerciseFolder;

namespace {

std::string quiz_with(const std::string& questions) {
    return "---\nkind: quiz\ntitle: T\nquestions:\n" + questions + "---\nText\n";
}

Quiz load(const std::string& questions, bool with_lab = true) {
    ExerciseFolder folder({{"quiz.md", quiz_with(questions)}, {"more.yaml", ""}});
    if (with_lab) {
        folder.write("lab.yaml", "");
    }
    return load_quiz({folder.path(), 0, {}}, "q", true);
}

std::string quiz_complaint(const std::string& questions, bool with_lab = true) {
    try {
        (void)load(questions, with_lab);
    } catch (const netemu::Error& error) {
        return error.what();
    }
    return "";
}

constexpr const char* kSingle =
    "  - {question: Which?, type: single, answers: [one, two, three], correct: two}\n";
constexpr const char* kMulti = "  - {question: Which?, type: multi, answers: [one, two, three], "
                               "correct: [one, three], points: 2}\n";
constexpr const char* kNumber =
    "  - {question: How many?, type: number, correct: 4.5, tolerance: 0.5}\n";
constexpr const char* kText = "  - {question: What?, type: text, correct: [Endpoint, endpoints]}\n";
constexpr const char* kReach = "  - {question: Does it?, type: prediction, from: a, to: 'b:80'}\n";

bool right(const Quiz& quiz, const std::string& answer, const Truth& truth) {
    const auto& question = quiz.questions.at(0);
    return is_right(question, understand_answer(question, options_of(quiz, 0, 0), answer), truth);
}

bool right(const Quiz& quiz, const std::string& answer) {
    return right(quiz, answer, truth_of(quiz.questions.at(0)));
}

Record record_with(Verdict verdict, const std::string& outcome) {
    Record record;
    record.verdict = verdict;
    record.outcome = outcome;
    record.reason = "because";
    return record;
}

} // namespace

BOOST_AUTO_TEST_SUITE(quizzes)

BOOST_AUTO_TEST_CASE(a_quiz_is_read) {
    const auto quiz = load(std::string(kSingle) + kMulti + kReach);
    BOOST_TEST(quiz.title == "T");
    BOOST_TEST(quiz.text == "Text\n");
    BOOST_TEST(quiz.pass_mark == 70);
    BOOST_TEST(quiz.has_lab);
    BOOST_TEST(quiz.points() == 4);
    BOOST_REQUIRE_EQUAL(quiz.questions.size(), 3U);
    BOOST_TEST(quiz.questions[2].probe.has_value());
    BOOST_TEST((quiz.questions[2].ask == Ask::Reach));
    BOOST_TEST(!load(kSingle, false).has_lab);
}

BOOST_AUTO_TEST_CASE(choices_take_letters_and_words) {
    const auto single = load(kSingle);
    BOOST_TEST(right(single, "b"));
    BOOST_TEST(right(single, " B "));
    BOOST_TEST(right(single, "Two"));
    BOOST_TEST(!right(single, "a"));
    BOOST_CHECK_THROW((void)right(single, "d"), netemu::UsageError);
    BOOST_CHECK_THROW((void)right(single, "four"), netemu::UsageError);
    BOOST_CHECK_THROW((void)right(single, ""), netemu::UsageError);
    const auto multi = load(kMulti);
    BOOST_TEST(right(multi, "a,c"));
    BOOST_TEST(right(multi, "three, one"));
    BOOST_TEST(!right(multi, "a"));
    BOOST_TEST(!right(multi, "a,b,c"));
    BOOST_CHECK_THROW((void)right(multi, "a,,c"), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(numbers_and_texts) {
    const auto number = load(kNumber);
    BOOST_TEST(right(number, "4.5"));
    BOOST_TEST(right(number, "5"));
    BOOST_TEST(right(number, "4"));
    BOOST_TEST(!right(number, "5.01"));
    BOOST_CHECK_THROW((void)right(number, "four"), netemu::UsageError);
    BOOST_CHECK_THROW((void)right(number, "4 5"), netemu::UsageError);
    const auto exact = load("  - {question: How many?, type: number, correct: 3}\n");
    BOOST_TEST(right(exact, "3.0"));
    BOOST_TEST(!right(exact, "3.001"));
    const auto text = load(kText);
    BOOST_TEST(right(text, "ENDPOINTS"));
    BOOST_TEST(right(text, " endpoint"));
    BOOST_TEST(!right(text, "slice"));
}

BOOST_AUTO_TEST_CASE(a_prediction_is_judged_by_the_lab) {
    const auto quiz = load(kReach);
    const auto& question = quiz.questions[0];
    const auto yes = truth_of(question, record_with(Verdict::Pass, "ok"));
    const auto no = truth_of(question, record_with(Verdict::Fail, "timeout"));
    BOOST_TEST(yes.why == "because");
    BOOST_TEST(right(quiz, "y", yes));
    BOOST_TEST(right(quiz, "a", yes));
    BOOST_TEST(right(quiz, "no", no));
    BOOST_TEST(!right(quiz, "yes", no));
    const auto unknown = truth_of(question, record_with(Verdict::Inconclusive, "unsupported"));
    BOOST_TEST(!unknown.known);
    BOOST_TEST(!right(quiz, "yes", unknown));
    BOOST_TEST(!truth_of(question, record_with(Verdict::Error, "nothing selected")).known);
}

BOOST_AUTO_TEST_CASE(predictions_of_outcomes_and_backends) {
    const auto outcome =
        load("  - {question: What?, type: prediction, from: a, to: 'b:80', ask: outcome}\n");
    const auto refused = truth_of(outcome.questions[0], record_with(Verdict::Fail, "refused"));
    BOOST_TEST(right(outcome, "refused", refused));
    BOOST_TEST(!right(outcome, "timeout", refused));
    BOOST_CHECK_THROW((void)right(outcome, "nothing", refused), netemu::UsageError);
    const auto backend =
        load("  - {question: Who?, type: prediction, from: a, to: 'http://b/', ask: backend}\n");
    auto record = record_with(Verdict::Pass, "ok");
    labctl::check::Evidence evidence;
    evidence.backend = "shop/web-1";
    record.evidence.push_back(evidence);
    const auto web = truth_of(backend.questions[0], record);
    BOOST_TEST(right(backend, "web-1", web));
    BOOST_TEST(right(backend, "shop/web-1", web));
    BOOST_TEST(!right(backend, "web-2", web));
    BOOST_TEST(!truth_of(backend.questions[0], record_with(Verdict::Fail, "timeout")).known);
}

BOOST_AUTO_TEST_CASE(a_seed_shuffles_what_there_is_to_choose_from) {
    const auto quiz = load(kSingle);
    const std::vector<std::string> written{"one", "two", "three"};
    BOOST_TEST(options_of(quiz, 0, 0) == written, boost::test_tools::per_element());
    std::set<std::vector<std::string>> orders;
    for (std::uint64_t seed = 1; seed < 60; ++seed) {
        const auto options = options_of(quiz, 0, seed);
        BOOST_TEST(options == options_of(quiz, 0, seed), boost::test_tools::per_element());
        BOOST_TEST(std::is_permutation(options.begin(), options.end(), written.begin()));
        orders.insert(options);
    }
    BOOST_TEST(orders.size() == 6U);
}

BOOST_AUTO_TEST_CASE(bad_questions_are_told_with_their_place) {
    struct Row {
        const char* questions;
        const char* complaint;
    };
    for (const auto& row : std::vector<Row>{
             {"  - {question: Q, type: choice}\n",
              ":5:25: error: quiz: questions[0].type: Unsupported value"},
             {"  - {type: text, correct: a}\n", "questions[0].question: Required value"},
             {"  - {question: Q, type: single, correct: a}\n",
              "questions[0].answers: Required value"},
             {"  - {question: Q, type: single, answers: [a], correct: a}\n", "two answers or more"},
             {"  - {question: Q, type: single, answers: [a, b]}\n",
              "questions[0].correct: Required value"},
             {"  - {question: Q, type: single, answers: [a, b], correct: c}\n",
              "is none of the answers"},
             {"  - {question: Q, type: single, answers: [a, b], correct: [a]}\n",
              "expected the right answer"},
             {"  - {question: Q, type: multi, answers: [a, b], correct: a}\n",
              "a list of the right answers"},
             {"  - {question: Q, type: number, correct: x}\n", "expected a number"},
             {"  - {question: Q, type: number}\n", "or object and jsonpath"},
             {"  - {question: Q, type: number, object: pod/x}\n",
              "questions[0].jsonpath: Required value"},
             {"  - {question: Q, type: text, correct: a, object: pod/x, jsonpath: .a}\n",
              "the lab knows what is right"},
             {"  - {question: Q, type: number, correct: 1, tolerance: -1}\n", "not negative"},
             {"  - {question: Q, type: prediction, from: a}\n", "questions[0].to: Required value"},
             {"  - {question: Q, type: prediction, from: a, to: 'b:80', correct: yes}\n",
              "the lab knows what is right"},
             {"  - {question: Q, type: prediction, from: a, to: 'b:80', ask: when}\n",
              "questions[0].ask: Unsupported value"},
             {"  - {question: Q, type: text, correct: a, ask: reach}\n",
              "it belongs to predictions"},
             {"  - {question: Q, type: text, correct: a, apply: nowhere.yaml}\n",
              "there is no 'nowhere.yaml'"},
             {"  - {question: Q, type: text, correct: a, apply: ../more.yaml}\n",
              "there is no '../more.yaml'"},
             {"  - {question: Q, type: text, correct: a, apply: /etc/passwd}\n",
              "there is no '/etc/passwd'"},
         }) {
        BOOST_TEST_CONTEXT(row.questions) {
            const auto text = quiz_complaint(row.questions);
            BOOST_TEST(text.find(row.complaint) != std::string::npos, text);
        }
    }
    BOOST_TEST(
        quiz_complaint(kReach, false).find("asks the lab, and the quiz has none") !=
        std::string::npos);
    BOOST_TEST(
        quiz_complaint("  - {question: Q, type: text, correct: a, apply: more.yaml}\n") == "");
    BOOST_TEST(
        quiz_complaint("  - {question: Q, type: text, correct: a, apply: more.yaml}\n", false) !=
        "");
}

BOOST_AUTO_TEST_SUITE_END()
