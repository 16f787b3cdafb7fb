#include "labctl/learn/quiz.h"

#include <algorithm>
#include <iostream>

#include "labctl/cli/exercise.h"
#include "labctl/cli/exercise_session.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/quiz_truth.h"
#include "labctl/report/learn_text.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

/// A quiz that is under way, as its seed makes it.
struct QuizUnderWay {
    explicit QuizUnderWay(const Context& context)
        : QuizUnderWay(current_session(context, kQuizKind)) {}
    explicit QuizUnderWay(learn::Session begun)
        : session(std::move(begun)),
          variant(learn::variant_of(session.directory, kQuizKind.file, session.seed)),
          quiz(learn::load_quiz(variant, session.name, false)) {}

    [[nodiscard]] bool is_over() const { return session.answers.size() >= quiz.questions.size(); }
    [[nodiscard]] std::size_t current() const { return session.answers.size(); }

    learn::Session session;
    learn::Variant variant;
    learn::Quiz quiz;
};

int list_quizzes(const Context& context) {
    return list_exercises(context, kQuizKind);
}

void print_question(const Context& context, const QuizUnderWay& under_way) {
    if (under_way.is_over()) {
        std::cout << "That was the last question.\n" << std::flush;
        context.console().progress("next: `labctl quiz grade`, then `labctl quiz stop`");
        return;
    }
    const auto question = under_way.current();
    std::cout << report::question_text(
                     under_way.quiz,
                     question,
                     learn::options_of(under_way.quiz, question, under_way.session.seed),
                     context.console().color())
              << std::flush;
}

int start_quiz(const Context& context) {
    QuizUnderWay under_way(new_session(context, kQuizKind));
    under_way.session.has_lab = under_way.quiz.has_lab;
    begin_session(context, under_way.variant, under_way.session);
    const auto text = report::visible_lines(netemu::trim(under_way.quiz.text));
    std::cout << "\n"
              << report::paint(
                     report::visible(under_way.quiz.title),
                     report::Colour::Bold,
                     context.console().color())
              << "\n"
              << (text.empty() ? "" : text + "\n") << "\n";
    print_question(context, under_way);
    return 0;
}

int show_question(const Context& context) {
    print_question(context, QuizUnderWay(context));
    return 0;
}

int answer_question(const Context& context) {
    QuizUnderWay under_way(context);
    if (under_way.is_over()) {
        throw netemu::UsageError("every question is answered", "`labctl quiz grade`");
    }
    const auto index = under_way.current();
    const auto& question = under_way.quiz.questions[index];
    const auto& arguments = context.options().arguments;
    const auto given = learn::understand_answer(
        question,
        learn::options_of(under_way.quiz, index, under_way.session.seed),
        netemu::join(std::span(arguments).subspan(1), " "));
    if (under_way.session.has_lab) {
        (void)client_of(under_way.session); // or say what to do
    }
    const auto truth = find_truth(context, under_way.variant, question, under_way.session.name);
    const bool right = learn::is_right(question, given, truth);
    learn::GivenAnswer record;
    record.answer = netemu::join(given, ", ");
    record.right = question.type == learn::QuestionType::Multi ? netemu::join(truth.right, ", ")
                   : truth.right.empty()                       ? ""
                                                               : truth.right.front();
    record.earned = right ? question.points : 0;
    record.proven = truth.known;
    under_way.session.answers.push_back(record);
    sessions_here().save(under_way.session);
    if (under_way.session.graded) {
        std::cout << "noted\n\n";
    } else {
        const auto& why = question.type == learn::QuestionType::Prediction ? truth.why : "";
        std::cout << report::answer_text(question, record, why, context.console().color()) << "\n";
    }
    print_question(context, under_way);
    return 0;
}

int grade_quiz(const Context& context) {
    const QuizUnderWay under_way(context);
    if (under_way.session.graded && !under_way.is_over()) {
        throw netemu::UsageError(
            "the quiz is not over: " + std::to_string(under_way.current()) + " of " +
                std::to_string(under_way.quiz.questions.size()) + " questions are answered",
            "`labctl quiz show` shows the next one");
    }
    if (context.options().output == "json") {
        std::cout << json_text(report::quiz_grade_json(under_way.quiz, under_way.session));
    } else {
        std::cout << report::quiz_grade_text(
            under_way.quiz, under_way.session, context.console().color());
    }
    if (report::quiz_countable_points(under_way.quiz, under_way.session) == 0) {
        return static_cast<int>(netemu::ExitCode::Inconclusive); // the lab could tell of none
    }
    return static_cast<int>(
        report::quiz_passed(under_way.quiz, under_way.session) ? netemu::ExitCode::Ok
                                                               : netemu::ExitCode::CheckFailed);
}

int stop_quiz(const Context& context) {
    const auto session = current_session(context, kQuizKind);
    end_session(context, session);
    context.console().progress("quiz '" + session.name + "' is over");
    return 0;
}

} // namespace

int run_quiz(const Context& context) {
    constexpr std::size_t kAnswerWordsMax = 100;
    static constexpr std::array kActions{
        ExerciseAction{"ls", list_quizzes, 1, true},
        ExerciseAction{"start", start_quiz, 1},
        ExerciseAction{"show", show_question},
        ExerciseAction{"answer", answer_question, kAnswerWordsMax},
        ExerciseAction{"grade", grade_quiz, 0, true},
        ExerciseAction{"stop", stop_quiz}};
    return run_action(context, kActions);
}

} // namespace labctl::cli
