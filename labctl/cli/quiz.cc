#include "labctl/learn/quiz.h"

#include <algorithm>
#include <iostream>

#include "labctl/cli/exercise.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/objects.h"
#include "labctl/report/json_path.h"
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

int begin_quiz(const Context& context, learn::Session session) {
    QuizUnderWay under_way(std::move(session));
    auto& begun = under_way.session;
    begun.started_at = now_text();
    begun.has_lab = under_way.quiz.has_lab;
    InterruptGuard guard;
    const auto start = netemu::Clock::now();
    if (begun.has_lab) {
        if (!start_exercise_lab(context, under_way.variant, begun.name)) {
            return static_cast<int>(netemu::ExitCode::Interrupted);
        }
        context.console().step("lab '" + begun.name + "' is up", netemu::micros_since(start));
    } else {
        supervisor::make_directories(supervisor::LabPaths::of(begun.name).state_root);
    }
    try {
        sessions_here().save(begun);
    } catch (...) {
        if (begun.has_lab) {
            take_down(context, supervisor::LabPaths::of(begun.name), false);
        }
        throw;
    }
    InterruptGuard::lets_go();
    if (InterruptGuard::interrupted()) {
        forget_exercise(context, begun);
    }
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

int start_quiz(const Context& context) {
    const auto& options = context.options();
    if (options.arguments.size() < 2) {
        throw netemu::UsageError("which quiz?", "`labctl quiz ls` lists them");
    }
    learn::Session session;
    session.kind = kQuizKind.word;
    session.directory = find_exercise(kQuizKind, options.arguments[1]);
    session.name = session.directory.substr(session.directory.rfind('/') + 1);
    session.seed = options.seed;
    session.graded = options.graded;
    supervisor::check_lab_name(session.name);
    if (const auto other = sessions_here().find(session.name)) {
        throw netemu::UsageError(
            "the " + other->kind + " '" + session.name + "' is under way already",
            "`labctl " + other->kind + " stop` ends it");
    }
    return begin_quiz(context, std::move(session));
}

int show_question(const Context& context) {
    print_question(context, QuizUnderWay(context));
    return 0;
}

/// What the lab has at the place that the question names.
std::string look_up(Client& client, const learn::Question& question) {
    const auto key = learn::key_of(question.object);
    const auto target = parse_targets(client, {netemu::to_lower(key.kind)}).at(0);
    const auto object = client.request("GET", resource_path(target, key.ns, key.name));
    return report::JsonPath::parse(question.json_path).print(object);
}

} // namespace

learn::Truth find_truth(
    const Context& context,
    const learn::Variant& variant,
    const learn::Question& question,
    const std::string& lab) {
    if (question.type != learn::QuestionType::Prediction && question.object.empty() &&
        question.apply.empty()) {
        return learn::truth_of(question);
    }
    constexpr std::chrono::milliseconds kSettleMax(3000);
    const auto options = options_for(context, lab, true);
    const Context own(options);
    auto client = own.client();
    if (!question.apply.empty()) {
        auto reading = variant.read_options();
        reading.known_namespaces = namespaces_of(client);
        apply_answer(client, learn::read_answer(variant.directory + "/" + question.apply, reading));
    }
    if (question.type == learn::QuestionType::Prediction) {
        wait_until_settled(client, kSettleMax);
        const auto report = judge(own, client, {*question.probe}, false);
        return learn::truth_of(question, report.records.at(0));
    }
    return question.object.empty() ? learn::truth_of(question)
                                   : learn::truth_of(question, look_up(client, question));
}

namespace {

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
    if (session.has_lab) {
        take_down(context, supervisor::LabPaths::of(session.name), false);
    }
    sessions_here().remove(session.name);
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
