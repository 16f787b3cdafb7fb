#include <algorithm>
#include <set>
#include <string>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/text.h"

/// Rules of challenges and quizzes that involve more than one field.
namespace labctl::manifest {

namespace {

bool is_variable_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                                std::string_view::npos;
}

/// NAME: [value, ...] of numbers and texts without line breaks.
void check_variables(const Cursor& variables) {
    if (variables.present() && !variables.json().is_object()) {
        variables.error(
            "expected a mapping of names to lists", "write variables: {PORT: [80, 8080]}");
        return;
    }
    variables.each_key([](std::string_view name, const Cursor& values) {
        if (!is_variable_name(name)) {
            values.error_at_key(
                compose({"'", name, "' is no name of a variable"}),
                "capitals, digits and '_': it is written ${NAME} in the files");
        }
        if (!values.json().is_array() || values.size() == 0) {
            values.error("expected a list of values, of which the seed chooses one");
            return;
        }
        values.each([](const Cursor& value) {
            const bool fine = value.is_number() || (value.is_text() && value.text().find('\n') ==
                                                                           std::string_view::npos);
            if (!fine) {
                value.error("expected a number or a text of one line");
            }
        });
    });
}

std::set<std::string_view> keys_of(const Cursor& objectives) {
    std::set<std::string_view> keys;
    objectives.each([&](const Cursor& objective) { keys.insert(objective["key"].text()); });
    return keys;
}

void check_key(const Cursor& named, const std::set<std::string_view>& keys) {
    if (keys.contains(named.text())) {
        return;
    }
    std::vector<std::string> known(keys.begin(), keys.end());
    const auto near = netemu::nearest(named.text(), known);
    named.error(
        compose({"no objective has the key '", named.text(), "'"}),
        near ? "did you mean '" + *near + "'?" : "the keys are " + netemu::join(known, ", "));
}

/// `needs` may only look back, so nothing waits for itself.
void check_needs(const Cursor& objectives) {
    std::set<std::string_view> earlier;
    const auto all = keys_of(objectives);
    objectives.each([&](const Cursor& objective) {
        objective["needs"].each([&](const Cursor& needed) {
            if (all.contains(needed.text()) && !earlier.contains(needed.text())) {
                needed.error(
                    compose({"'", needed.text(), "' does not come before this objective"}),
                    "put the objectives in the order in which they are reached");
            } else {
                check_key(needed, all);
            }
        });
        earlier.insert(objective["key"].text());
    });
}

void check_wrong(const Cursor& wrong, const std::set<std::string_view>& keys) {
    if (wrong.present() && !wrong.json().is_object()) {
        wrong.error(
            "expected a mapping of wrong answers to the objectives that each must miss",
            "write wrong: {allow-all: [isolated]}");
        return;
    }
    auto allowed = keys;
    allowed.insert("mustNotBreak");
    allowed.insert("overPermissive");
    allowed.insert("protect");
    wrong.each_key([&](std::string_view /*name*/, const Cursor& missed) {
        if (!missed.json().is_array() || missed.size() == 0) {
            missed.error(
                "expected a list of keys of objectives, mustNotBreak, overPermissive or protect");
            return;
        }
        missed.each([&](const Cursor& key) { check_key(key, allowed); });
    });
}

bool is_answer(const Cursor& answers, std::string_view text) {
    bool found = false;
    answers.each([&](const Cursor& answer) { found = found || answer.text() == text; });
    return found;
}

void check_choice(const Cursor& question, bool several) {
    const auto answers = question["answers"];
    const auto correct = question["correct"];
    if (answers.size() < 2) {
        answers.present() ? answers.error("expected two answers or more to choose from")
                          : answers.required("what there is to choose from");
    }
    if (!correct.present()) {
        correct.required();
        return;
    }
    if (several != correct.json().is_array() || (several && correct.size() == 0)) {
        correct.error(
            several ? "expected a list of the right answers" : "expected the right answer");
        return;
    }
    const auto check = [&](const Cursor& right) {
        if (!is_answer(answers, right.text())) {
            right.error(compose({quoted(right.json()), " is none of the answers"}));
        }
    };
    several ? correct.each(check) : check(correct);
}

/// What is right is written, or read off an object of the lab.
void check_key_of_answer(const Cursor& question, bool number) {
    const auto correct = question["correct"];
    const bool looked_up = question["object"].present();
    if (looked_up != question["jsonpath"].present()) {
        question[looked_up ? "jsonpath" : "object"].required("object and jsonpath belong together");
    }
    if (looked_up == correct.present()) {
        looked_up ? correct.error("the lab knows what is right: object and jsonpath say where")
                  : correct.required("or object and jsonpath, which say where the lab has it");
        return;
    }
    if (correct.json().is_array() && correct.size() == 0) {
        correct.required("what is right");
        return;
    }
    if (correct.present() && number && !correct.json().is_number()) {
        correct.error("expected a number");
    }
    const bool texts = correct.is_text() || correct.json().is_array() || correct.json().is_number();
    if (correct.present() && !number && !texts) {
        correct.error("expected a text, or a list of texts that are all right");
    }
    const auto tolerance = question["tolerance"];
    if (tolerance.present() &&
        (!tolerance.json().is_number() || tolerance.json().get<double>() < 0)) {
        tolerance.error("expected a number that is not negative");
    }
}

void check_prediction(const Cursor& question) {
    for (const auto* field : {"from", "to"}) {
        if (!question[field].present()) {
            question[field].required("a prediction is about a connection");
        }
    }
    // `correct` is what the author expects: `dev test` compares it with the lab.
    const auto correct = question["correct"];
    if (correct.present() && !correct.is_text() && !correct.json().is_boolean()) {
        correct.error("expected what the author believes to be right, as one text");
    }
}

} // namespace

void check_challenge(const Cursor& challenge) {
    const auto objectives = challenge["objectives"];
    const auto keys = keys_of(objectives);
    check_needs(objectives);
    challenge["hints"].each([&](const Cursor& hint) {
        if (hint["objective"].present()) {
            check_key(hint["objective"], keys);
        }
    });
    check_variables(challenge["variables"]);
    check_wrong(challenge["wrong"], keys);
}

void check_question(const Cursor& question) {
    const auto type = question["type"].text();
    if (type == "single" || type == "multi") {
        check_choice(question, type == "multi");
    } else if (type == "prediction") {
        check_prediction(question);
    } else if (type == "number" || type == "text") {
        check_key_of_answer(question, type == "number");
    }
    if (type != "prediction" && question["ask"].present()) {
        question["ask"].forbidden("it belongs to predictions");
    }
}

void check_quiz(const Cursor& quiz) {
    check_variables(quiz["variables"]);
}

} // namespace labctl::manifest
