#include <algorithm>

#include "labctl/report/check_forms.h"
#include "labctl/report/check_report.h"
#include "labctl/report/learn_text.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

using learn::Grade;
using learn::Standing;

namespace {

std::string result_word(const Grade& grade) {
    return !grade.error.empty()       ? "error"
           : grade.score.solved       ? "solved"
           : grade.score.inconclusive ? "inconclusive"
                                      : "not solved";
}

Colour result_colour(const Grade& grade) {
    return grade.score.solved && grade.error.empty() ? Colour::Green : Colour::Red;
}

std::string sum_of(const Grade& grade) {
    return learn::points_text(grade.score.earned) + "/" + learn::points_text(grade.score.total);
}

/// A field of RFC 4180; what a spreadsheet would take for a formula is only text.
std::string csv_field(const std::string& text) {
    auto shown = visible(text);
    if (!shown.empty() && std::string_view("=+-@").find(shown.front()) != std::string_view::npos) {
        shown.insert(shown.begin(), '\'');
    }
    if (shown.find_first_of(",\"\n") == std::string::npos) {
        return shown;
    }
    std::string quoted = "\"";
    for (const char c : shown) {
        quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
    return quoted + "\"";
}

/// What cost points besides objectives, each in a few words.
std::vector<std::string> deductions(const Grade& grade) {
    std::vector<std::string> lines;
    for (const auto index : grade.score.broken) {
        lines.push_back(
            "broken: " + grade.report.records[index].title + ": " +
            grade.report.records[index].reason);
    }
    for (const auto index : grade.score.unproven) {
        lines.push_back("not shown to go on as before: " + grade.report.records[index].title);
    }
    for (const auto& change : grade.score.input.tampered) {
        lines.push_back("must stay as it was: " + change);
    }
    if (!grade.score.input.opened.empty()) {
        lines.push_back(
            "too open (-" + learn::points_text(grade.loaded->challenge.over_permissive) +
            "): " + netemu::join(grade.score.input.opened, "; "));
    }
    if (grade.score.input.hint_cost > 0) {
        lines.push_back("hints: -" + learn::points_text(grade.score.input.hint_cost));
    }
    return lines;
}

} // namespace

std::string grade_table(const std::vector<Grade>& grades, const LearnTextOptions& options) {
    std::string out;
    for (const auto& grade : grades) {
        out += paint(visible(grade.path), Colour::Bold, options.colour) + "\n";
        if (!grade.error.empty()) {
            out += paint("\xe2\x9c\x97", Colour::Red, options.colour) +
                   " could not be judged: " + visible_lines(grade.error) + "\n";
            out += grade.hint.empty() ? "\n" : "  " + visible(grade.hint) + "\n\n";
            continue;
        }
        out += score_text(*grade.loaded, grade.report, grade.score, options) + "\n";
    }
    Table table(
        {{"ANSWER"},
         {"RESULT"},
         {"POINTS", Align::Right},
         {"ATTEMPTS", Align::Right},
         {"HINTS", Align::Right}});
    for (const auto& grade : grades) {
        table.add(
            {grade.who,
             Cell(result_word(grade), result_colour(grade)),
             sum_of(grade),
             grade.attempts == 0 ? "" : std::to_string(grade.attempts),
             grade.hints == 0 ? "" : std::to_string(grade.hints)});
    }
    Table::Style style;
    style.colour = options.colour;
    return out + table.render(style);
}

namespace {

/// A code span of Markdown, whatever backticks are in the text (CommonMark 6.1).
std::string code_span(const std::string& text) {
    std::size_t longest = 0;
    std::size_t run = 0;
    for (const char c : text) {
        run = c == '`' ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    const std::string fence(longest + 1, '`');
    const char* const pad = longest == 0 ? "" : " ";
    return fence + pad + visible(text) + pad + fence;
}

/// What kept an objective from being reached, with reasons.
std::string reasons_of(const Grade& grade, const learn::ObjectiveScore& result) {
    std::vector<std::string> reasons;
    for (const auto index : result.records) {
        const auto& record = grade.report.records[index];
        if (record.verdict != check::Verdict::Pass) {
            reasons.push_back(record.title + ": " + record.reason);
        }
    }
    return netemu::join(reasons, "; ");
}

std::string one_grade_markdown(const Grade& grade) {
    std::string out = "\n## " + markdown_escape(grade.who) + ": " + result_word(grade) + ", " +
                      sum_of(grade) + "\n\n";
    if (!grade.error.empty()) {
        return out + "Could not be judged: " + markdown_escape(grade.error) + "\n";
    }
    out += "| objective | | points | why |\n|---|---|---|---|\n";
    for (const auto& result : grade.score.objectives) {
        const auto& objective = grade.loaded->challenge.objectives[result.objective];
        out += "| " + markdown_escape(objective.title) + " | " + to_string(result.standing) +
               " | " + learn::points_text(result.earned) + "/" +
               learn::points_text(objective.points) + " | " +
               markdown_escape(reasons_of(grade, result)) + " |\n";
    }
    out += "\n";
    for (const auto& line : deductions(grade)) {
        out += "- " + markdown_escape(line) + "\n";
    }
    for (const auto& [name, value] : grade.properties) {
        out += "- " + markdown_escape(name) + ": " + markdown_escape(value) + "\n";
    }
    return out + "- again: " + code_span(grade.command) + "\n";
}

} // namespace

std::string grade_markdown(const learn::LoadedChallenge& loaded, const std::vector<Grade>& grades) {
    std::string out = "# " + markdown_escape(loaded.challenge.title) + "\n";
    for (const auto& grade : grades) {
        out += one_grade_markdown(grade);
    }
    return out;
}

std::string grade_csv(const learn::LoadedChallenge& loaded, const std::vector<Grade>& grades) {
    std::string out = "answer,path,seed,result,earned,points";
    for (const auto& objective : loaded.challenge.objectives) {
        out += "," + csv_field(objective.key);
    }
    out += ",broken,opened,attempts,hints,error\r\n";
    for (const auto& grade : grades) {
        out += csv_field(grade.who) + "," + csv_field(grade.path) + "," +
               std::to_string(grade.seed) + "," + result_word(grade) + "," +
               learn::points_text(grade.score.earned) + "," +
               learn::points_text(loaded.challenge.points());
        for (std::size_t i = 0; i < loaded.challenge.objectives.size(); ++i) {
            out += "," + (i < grade.score.objectives.size()
                              ? learn::points_text(grade.score.objectives[i].earned)
                              : std::string("0"));
        }
        out += "," + std::to_string(grade.score.broken.size()) + "," +
               std::to_string(grade.score.input.opened.size()) + "," +
               std::to_string(grade.attempts) + "," + std::to_string(grade.hints) + "," +
               csv_field(grade.error) + "\r\n";
    }
    return out;
}

namespace {

/// Something that is judged beside the assertions, as a failed one.
check::Record spoiled(const std::string& title, const std::string& reason) {
    check::Record record;
    record.title = title;
    record.verdict = check::Verdict::Fail;
    record.outcome = "spoiled";
    record.reason = reason;
    return record;
}

check::Report suite_of(const Grade& grade) {
    auto report = grade.error.empty() ? grade.report : check::failed_setup(grade.error, grade.hint);
    report.title = "labctl grade " + grade.who;
    report.properties = grade.properties;
    for (const auto& change : grade.score.input.tampered) {
        report.records.push_back(spoiled("must stay as it was", change));
    }
    const bool counts = grade.loaded != nullptr && grade.loaded->challenge.over_permissive > 0;
    for (const auto& flow : grade.score.input.opened) {
        if (counts) {
            report.records.push_back(spoiled("nobody asked for this flow", flow));
        }
    }
    for (const auto& objective : grade.score.objectives) {
        if (objective.standing == Standing::Waiting) {
            const auto& waiting = grade.loaded->challenge.objectives[objective.objective];
            report.records.push_back(spoiled(
                waiting.title, "it needs " + netemu::join(waiting.needs, ", ") + ", not reached"));
        }
    }
    return report;
}

} // namespace

std::string grade_junit(const std::vector<Grade>& grades) {
    std::vector<check::Report> suites;
    std::ranges::transform(grades, std::back_inserter(suites), suite_of);
    return check_junit(suites, {});
}

api::Json grade_json(const learn::LoadedChallenge& loaded, const std::vector<Grade>& grades) {
    api::Json list = api::Json::array();
    for (const auto& grade : grades) {
        api::Json json = grade.error.empty()
                             ? score_json(*grade.loaded, grade.report, grade.score, true)
                             : api::Json{
                                   {"schemaVersion", 1},
                                   {"challenge", loaded.challenge.name},
                                   {"error", grade.error},
                                   {"hint", grade.hint},
                                   {"earned", 0},
                                   {"points", loaded.challenge.points()},
                                   {"solved", false}};
        json["answer"] = grade.who;
        json["path"] = grade.path;
        json["seed"] = grade.seed;
        json["attempts"] = grade.attempts;
        json["hints"] = grade.hints;
        json["solutionShown"] = grade.solution_shown;
        json["command"] = grade.command;
        json["properties"] = api::Json::object();
        for (const auto& [name, value] : grade.properties) {
            json["properties"][name] = value;
        }
        list.push_back(std::move(json));
    }
    return {{"schemaVersion", 1}, {"challenge", loaded.challenge.name}, {"grades", list}};
}

} // namespace labctl::report
