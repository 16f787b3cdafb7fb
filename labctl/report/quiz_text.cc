#include "labctl/report/learn_text.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

using learn::GivenAnswer;
using learn::QuestionType;

namespace {

std::string how_to_answer(const learn::Question& question) {
    switch (question.type) {
    case QuestionType::Multi:
        return "All that are right: labctl quiz answer a,c";
    case QuestionType::Number:
        return "A number: labctl quiz answer 42";
    case QuestionType::Text:
        return "In your words: labctl quiz answer '...'";
    case QuestionType::Prediction:
        if (question.ask == learn::Ask::Backend) {
            return "The name of a pod: labctl quiz answer NAME. The lab is asked afterwards.";
        }
        return "One of them: labctl quiz answer a. The lab is asked afterwards.";
    case QuestionType::Single:
        break;
    }
    return "One of them: labctl quiz answer a";
}

/// The beginning of a text, of at most so many bytes, cut between characters.
std::string shortened(std::string_view text, std::size_t width) {
    if (text.size() <= width) {
        return std::string(text);
    }
    auto end = width - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    return std::string(text.substr(0, end)) + "...";
}

bool full_points(const learn::Question& question, const GivenAnswer& given) {
    return given.earned >= question.points && given.proven;
}

} // namespace

std::string question_text(
    const learn::Quiz& quiz,
    std::size_t question,
    const std::vector<std::string>& options,
    bool colour) {
    const auto& asked = quiz.questions.at(question);
    std::string out = paint(
                          "Question " + std::to_string(question + 1) + " of " +
                              std::to_string(quiz.questions.size()),
                          Colour::Bold,
                          colour) +
                      " (" + learn::points_text(asked.points) +
                      (asked.points == 1 ? " point)" : " points)") + "\n\n" +
                      visible_lines(netemu::trim(asked.text)) + "\n\n";
    for (std::size_t i = 0; i < options.size(); ++i) {
        out +=
            "  " + std::string(1, static_cast<char>('a' + i)) + ") " + visible(options[i]) + "\n";
    }
    out += options.empty() ? "" : "\n";
    return out + paint(how_to_answer(asked), Colour::Dim, colour) + "\n";
}

std::string answer_text(
    const learn::Question& question,
    const GivenAnswer& given,
    const std::string& why,
    bool colour) {
    std::string out;
    if (!given.proven) {
        out += paint("? ", Colour::Yellow, colour) +
               "the lab could not tell, so this question does not count";
    } else if (full_points(question, given)) {
        out += paint("\xe2\x9c\x93 right", Colour::Green, colour) + ": " + visible(given.right);
    } else {
        out += paint("\xe2\x9c\x97 not right", Colour::Red, colour) +
               ". It is: " + visible(given.right);
    }
    out += "\n";
    out += why.empty() ? "" : "  the lab says: " + visible(why) + "\n";
    const auto explanation = visible_lines(netemu::trim(question.explanation));
    return out + (explanation.empty() ? "" : "\n" + explanation + "\n");
}

double quiz_points(const learn::Session& session) {
    double sum = 0;
    for (const auto& given : session.answers) {
        sum += given.earned;
    }
    return sum;
}

double quiz_countable_points(const learn::Quiz& quiz, const learn::Session& session) {
    double sum = 0;
    for (std::size_t i = 0; i < quiz.questions.size(); ++i) {
        const bool counts = i >= session.answers.size() || session.answers[i].proven;
        sum += counts ? quiz.questions[i].points : 0;
    }
    return sum;
}

bool quiz_passed(const learn::Quiz& quiz, const learn::Session& session) {
    constexpr double kPercent = 100;
    const auto total = quiz_countable_points(quiz, session);
    return total > 0 && quiz_points(session) * kPercent >= quiz.pass_mark * total;
}

std::string quiz_grade_text(const learn::Quiz& quiz, const learn::Session& session, bool colour) {
    Table table(
        {{"#", Align::Right}, {"QUESTION"}, {"ANSWER"}, {"RIGHT"}, {"POINTS", Align::Right}});
    constexpr std::size_t kQuestionWidth = 48;
    constexpr std::size_t kAnswerWidth = 28;
    for (std::size_t i = 0; i < quiz.questions.size(); ++i) {
        const auto& question = quiz.questions[i];
        const auto title =
            shortened(netemu::split(netemu::trim(question.text), '\n').front(), kQuestionWidth);
        if (i >= session.answers.size()) {
            table.add(
                {std::to_string(i + 1), title, "", "", "0/" + learn::points_text(question.points)});
            continue;
        }
        const auto& given = session.answers[i];
        table.add(
            {std::to_string(i + 1),
             title,
             Cell(
                 shortened(given.answer, kAnswerWidth),
                 full_points(question, given) ? Colour::Green : Colour::Red),
             given.proven ? shortened(given.right, kAnswerWidth) : "not known",
             given.proven
                 ? learn::points_text(given.earned) + "/" + learn::points_text(question.points)
                 : "-"});
    }
    Table::Style style;
    style.colour = colour;
    const bool passed = quiz_passed(quiz, session);
    return table.render(style) + "\n" + learn::points_text(quiz_points(session)) + " of " +
           learn::points_text(quiz_countable_points(quiz, session)) + " points, " +
           learn::points_text(quiz.pass_mark) + "% are needed: " +
           (passed ? paint("passed", Colour::Green, colour)
                   : paint("not passed", Colour::Red, colour)) +
           "\n";
}

api::Json quiz_grade_json(const learn::Quiz& quiz, const learn::Session& session) {
    api::Json questions = api::Json::array();
    for (std::size_t i = 0; i < quiz.questions.size(); ++i) {
        api::Json json{{"question", quiz.questions[i].text}, {"points", quiz.questions[i].points}};
        if (i < session.answers.size()) {
            const auto& given = session.answers[i];
            json["answer"] = given.answer;
            json["right"] = given.right;
            json["earned"] = given.earned;
            json["proven"] = given.proven;
        }
        questions.push_back(std::move(json));
    }
    return {
        {"schemaVersion", 1},
        {"quiz", quiz.name},
        {"seed", session.seed},
        {"startedAt", session.started_at},
        {"earned", quiz_points(session)},
        {"points", quiz_countable_points(quiz, session)},
        {"passMark", quiz.pass_mark},
        {"passed", quiz_passed(quiz, session)},
        {"questions", questions}};
}

} // namespace labctl::report
