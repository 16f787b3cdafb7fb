#include "labctl/learn/quiz.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

#include "labctl/check/parse.h"
#include "labctl/learn/json_fields.h"
#include "labctl/learn/shuffler.h"
#include "labctl/manifest/front_matter.h"
#include "labctl/manifest/locate.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace fs = std::filesystem;
using api::Json;
using netemu::UsageError;

double Quiz::points() const {
    double sum = 0;
    for (const auto& question : questions) {
        sum += question.points;
    }
    return sum;
}

namespace {

constexpr const char* kQuizFile = "/quiz.md";

QuestionType type_named(const std::string& name) {
    return name == "single"   ? QuestionType::Single
           : name == "multi"  ? QuestionType::Multi
           : name == "number" ? QuestionType::Number
           : name == "text"   ? QuestionType::Text
                              : QuestionType::Prediction;
}

std::vector<std::string> correct_of(const Json& json) {
    const auto text = [](const Json& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    std::vector<std::string> correct;
    if (json.is_array()) {
        for (const auto& value : json) {
            correct.push_back(text(value));
        }
    } else if (!json.is_null()) {
        correct.push_back(text(json));
    }
    return correct;
}

Question question_from(const Json& json, const api::Source& source) {
    Question question;
    question.text = api::string_at(json, "question");
    question.type = type_named(api::string_at(json, "type"));
    question.answers = texts_at(json, "answers");
    question.correct = correct_of(api::at(json, "correct"));
    question.explanation = api::string_at(json, "explanation");
    question.points = static_cast<double>(api::int_at(json, "points", 1));
    question.apply = api::string_at(json, "apply");
    question.object = api::string_at(json, "object");
    question.json_path = api::string_at(json, "jsonpath");
    if (const auto& tolerance = api::at(json, "tolerance"); tolerance.is_number()) {
        question.tolerance = tolerance.get<double>();
    }
    if (question.type == QuestionType::Prediction) {
        const auto ask = api::string_at(json, "ask", "reach");
        question.ask = ask == "outcome"   ? Ask::Outcome
                       : ask == "backend" ? Ask::Backend
                                          : Ask::Reach;
        question.probe = check::parse_assertion(
            {{"from", api::string_at(json, "from")},
             {"to", api::string_at(json, "to")},
             {"expect", "allow"}},
            source,
            "default");
    }
    return question;
}

/// What `apply` names must be there, inside the folder.
void check_apply(const Quiz& quiz, const api::Source& head) {
    manifest::Findings findings;
    manifest::Locator locator;
    for (std::size_t i = 0; i < quiz.questions.size(); ++i) {
        const auto& apply = quiz.questions[i].apply;
        if (apply.empty()) {
            continue;
        }
        const bool inside = fs::path(apply).is_relative() && apply.find("..") == std::string::npos;
        if (inside && fs::exists(quiz.directory + "/" + apply) && quiz.has_lab) {
            continue;
        }
        const auto path = "questions[" + std::to_string(i) + "].apply";
        auto missing = locator.warning(
            head,
            path,
            path + ": " +
                (quiz.has_lab ? "there is no '" + apply + "' in the folder of the quiz"
                              : std::string("the quiz has no lab to apply it to")),
            "");
        missing.severity = manifest::Severity::Error;
        findings.add(std::move(missing));
    }
    if (findings.errors > 0) {
        throw manifest::ManifestError(std::move(findings));
    }
}

/// The outcomes that one can tell apart without knowing this program.
const std::vector<std::string>& outcome_options() {
    static const std::vector<std::string> kOutcomes{
        "ok", "refused", "unreachable", "timeout", "reset", "dns-error", "tls-error"};
    return kOutcomes;
}

std::optional<double> number_in(std::string_view text) {
    double value = 0;
    const auto trimmed = netemu::trim(text);
    const auto [end, error] =
        std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), value);
    if (error != std::errc() || end != trimmed.data() + trimmed.size() || trimmed.empty()) {
        return std::nullopt;
    }
    return value;
}

std::string choose(const std::vector<std::string>& options, std::string_view word) {
    const auto lower = netemu::to_lower(netemu::trim(word));
    if (lower.size() == 1 && lower[0] >= 'a') {
        const auto index = static_cast<std::size_t>(lower[0] - 'a');
        if (index < options.size()) {
            return options[index];
        }
    }
    for (const auto& option : options) {
        const auto whole = netemu::to_lower(option);
        if (whole == lower || ((whole == "yes" || whole == "no") && whole.substr(0, 1) == lower)) {
            return option;
        }
    }
    throw UsageError(
        "'" + std::string(netemu::trim(word)) + "' is none of the answers",
        "give a letter from a to " + std::string(1, static_cast<char>('a' + options.size() - 1)) +
            ", or the answer itself");
}

} // namespace

Quiz load_quiz(const Variant& variant, const std::string& name, bool strict) {
    const auto& directory = variant.directory;
    const auto file = directory + kQuizFile;
    if (!fs::exists(file)) {
        throw UsageError(
            "'" + directory + "' is no quiz: it has no quiz.md", "`labctl quiz ls` lists quizzes");
    }
    auto front = manifest::read_front_matter(
        file, manifest::FrontMatterKind::Quiz, variant.read_options(strict));
    const auto& head = front.head.body;
    Quiz quiz;
    quiz.name = name;
    quiz.directory = directory;
    quiz.title = api::string_at(head, "title");
    quiz.description = api::string_at(head, "description");
    quiz.difficulty = api::string_at(head, "difficulty", "medium");
    quiz.categories = texts_at(head, "categories");
    quiz.estimated_time = api::string_at(head, "estimatedTime");
    quiz.text = std::move(front.text);
    quiz.pass_mark = static_cast<double>(api::int_at(head, "passMark", 70));
    quiz.has_lab = fs::exists(directory + "/lab.yaml") || fs::exists(directory + "/manifests");
    for (const auto& question : api::at(head, "questions")) {
        quiz.questions.push_back(question_from(question, front.head.source));
        const auto& last = quiz.questions.back();
        if (!quiz.has_lab && (last.type == QuestionType::Prediction || !last.object.empty())) {
            throw UsageError(
                file + ": '" + last.text + "' asks the lab, and the quiz has none",
                "add lab.yaml or manifests/");
        }
    }
    check_apply(quiz, front.head.source);
    return quiz;
}

std::vector<std::string> options_of(const Quiz& quiz, std::size_t question, std::uint64_t seed) {
    const auto& asked = quiz.questions.at(question);
    if (asked.type == QuestionType::Prediction) {
        return asked.ask == Ask::Reach     ? std::vector<std::string>{"yes", "no"}
               : asked.ask == Ask::Outcome ? outcome_options()
                                           : std::vector<std::string>();
    }
    auto options = asked.answers;
    Shuffler shuffler(seed, question);
    for (std::size_t i = options.size(); seed != 0 && i > 1; --i) {
        std::swap(options[i - 1], options[shuffler.below(i)]);
    }
    return options;
}

Truth truth_of(const Question& question) {
    return {true, question.correct, ""};
}

Truth truth_of(const Question& question, const check::Record& record) {
    Truth truth;
    truth.why = record.reason;
    const bool asked =
        record.verdict == check::Verdict::Pass || record.verdict == check::Verdict::Fail;
    if (!asked) {
        truth.known = false;
        return truth;
    }
    if (question.ask == Ask::Reach) {
        truth.right = {record.verdict == check::Verdict::Pass ? "yes" : "no"};
    } else if (question.ask == Ask::Outcome) {
        truth.right = {record.outcome};
    } else {
        for (const auto& evidence : record.evidence) {
            if (!evidence.control && !evidence.backend.empty()) {
                truth.right.push_back(evidence.backend);
                truth.right.push_back(evidence.backend.substr(evidence.backend.find('/') + 1));
            }
        }
        truth.known = !truth.right.empty();
    }
    return truth;
}

Truth truth_of(const Question& /*question*/, const std::string& looked_up) {
    return {!looked_up.empty(), {looked_up}, ""};
}

std::vector<std::string> understand_answer(
    const Question& question, const std::vector<std::string>& options, const std::string& answer) {
    const auto text = std::string(netemu::trim(answer));
    if (text.empty()) {
        throw UsageError("the answer is empty");
    }
    if (question.type == QuestionType::Number) {
        if (!number_in(text)) {
            throw UsageError("'" + text + "' is no number");
        }
        return {text};
    }
    if (options.empty()) {
        return {text};
    }
    if (question.type != QuestionType::Multi) {
        return {choose(options, text)};
    }
    std::set<std::string> chosen;
    for (const auto part : netemu::split(text, ',')) {
        chosen.insert(choose(options, part));
    }
    return {chosen.begin(), chosen.end()};
}

bool is_right(
    const Question& question, const std::vector<std::string>& answer, const Truth& truth) {
    if (!truth.known || answer.empty() || truth.right.empty()) {
        return false;
    }
    if (question.type == QuestionType::Number) {
        const auto given = number_in(answer.front());
        const auto right = number_in(truth.right.front());
        // A tolerance of nothing still allows for what a decimal fraction loses.
        constexpr double kRounding = 1e-9;
        return given && right &&
               std::fabs(*given - *right) <=
                   question.tolerance + kRounding * std::max(1.0, std::fabs(*right));
    }
    if (question.type == QuestionType::Multi) {
        return std::set<std::string>(answer.begin(), answer.end()) ==
               std::set<std::string>(truth.right.begin(), truth.right.end());
    }
    const auto given = netemu::to_lower(answer.front());
    return std::ranges::any_of(
        truth.right, [&](const std::string& right) { return netemu::to_lower(right) == given; });
}

} // namespace labctl::learn
