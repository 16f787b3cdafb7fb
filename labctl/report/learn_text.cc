#include "labctl/report/learn_text.h"

#include <algorithm>

#include "labctl/learn/hints.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

using check::Record;
using check::Verdict;
using learn::Standing;

namespace {

constexpr const char* kYes = "\xe2\x9c\x93";
constexpr const char* kNo = "\xe2\x9c\x97";

std::string points_word(double points) {
    return learn::points_text(points) + (points == 1 ? " point" : " points");
}

/// Without the empty lines around it; ends with a line feed unless there is nothing.
std::string paragraph(std::string_view text) {
    const auto trimmed = visible_lines(netemu::trim(text));
    return trimmed.empty() ? "" : trimmed + "\n";
}

struct Sign {
    const char* mark;
    Colour colour;
};

Sign sign_of(Standing standing) {
    switch (standing) {
    case Standing::Reached:
        return {kYes, Colour::Green};
    case Standing::Missed:
        return {kNo, Colour::Red};
    case Standing::Inconclusive:
    case Standing::Waiting:
        break;
    }
    return {"?", Colour::Yellow};
}

/// Writes what became of a challenge, for a learner or an author.
class ScoreWriter {
public:
    ScoreWriter(
        const learn::LoadedChallenge& loaded,
        const check::Report& report,
        const learn::Score& score,
        const LearnTextOptions& options)
        : loaded_(loaded), report_(report), score_(score), options_(options) {}

    std::string run() {
        for (const auto& objective : score_.objectives) {
            write_objective(objective);
        }
        write_keep();
        for (const auto& change : score_.input.tampered) {
            line(kNo, Colour::Red, "must stay as it was: " + visible(change));
        }
        write_opened();
        if (score_.input.hint_cost > 0) {
            line("-", Colour::Yellow, "hints: -" + points_word(score_.input.hint_cost));
        }
        write_sum();
        return std::move(out_);
    }

private:
    void line(const char* mark, Colour colour, const std::string& text) {
        out_ += paint(mark, colour, options_.colour) + " " + text + "\n";
    }

    [[nodiscard]] bool is_veiled(std::size_t index) const {
        return loaded_.assertions[index].hidden && !options_.reveal;
    }

    void write_record(std::size_t index) {
        const auto& record = report_.records[index];
        if (record.verdict == Verdict::Pass && !options_.reveal) {
            return;
        }
        const bool pass = record.verdict == Verdict::Pass;
        const bool unknown = record.verdict == Verdict::Inconclusive;
        out_ += "    " +
                paint(
                    pass      ? kYes
                    : unknown ? "?"
                              : kNo,
                    pass      ? Colour::Green
                    : unknown ? Colour::Yellow
                              : Colour::Red,
                    options_.colour) +
                " ";
        if (is_veiled(index)) {
            out_ += learn::veiled_title(index + 1) + ": " + learn::category_of(record) + "\n";
            return;
        }
        out_ += visible(record.title);
        out_ += pass ? "\n"
                     : ": expected " + visible(record.expected) + ", got " +
                           visible(record.outcome) + "\n";
        if (options_.reveal && !pass && !record.reason.empty()) {
            out_ += "        " + visible(record.reason) + "\n";
        }
    }

    void write_objective(const learn::ObjectiveScore& result) {
        const auto& objective = loaded_.challenge.objectives[result.objective];
        const auto sign = sign_of(result.standing);
        std::string text =
            visible(objective.title) + "  " +
            paint(
                learn::points_text(result.earned) + "/" + learn::points_text(objective.points),
                Colour::Dim,
                options_.colour);
        if (result.standing == Standing::Waiting) {
            text += "  needs " + netemu::join(objective.needs, ", ");
        }
        line(sign.mark, sign.colour, text);
        for (const auto index : result.records) {
            write_record(index);
        }
    }

    void write_keep() {
        for (const auto index : score_.broken) {
            line(
                kNo,
                Colour::Red,
                "broken: must go on as before  -" +
                    learn::points_text(report_.records[index].points));
            write_record(index);
        }
        for (const auto index : score_.unproven) {
            line("?", Colour::Yellow, "could not be shown to go on as before:");
            write_record(index);
        }
        if (!loaded_.challenge.keep.empty() && score_.broken.empty() && score_.unproven.empty()) {
            line(kYes, Colour::Green, "nothing else is broken");
        }
    }

    void write_opened() {
        constexpr std::size_t kShownMax = 8;
        const auto& opened = score_.input.opened;
        if (opened.empty()) {
            return;
        }
        line(
            kNo,
            Colour::Red,
            "too open: " + std::to_string(opened.size()) +
                (opened.size() == 1 ? " flow" : " flows") + " that nobody asked for  -" +
                learn::points_text(loaded_.challenge.over_permissive));
        for (std::size_t i = 0; i < std::min(kShownMax, opened.size()); ++i) {
            out_ += "    " + visible(opened[i]) + "\n";
        }
        if (opened.size() > kShownMax) {
            out_ += "    and " + std::to_string(opened.size() - kShownMax) + " more\n";
        }
    }

    void write_sum() {
        out_ +=
            "\n" + learn::points_text(score_.earned) + " of " + points_word(score_.total) + ": ";
        out_ += score_.solved ? paint("solved", Colour::Green, options_.colour)
                : score_.inconclusive
                    ? paint("not shown either way", Colour::Yellow, options_.colour)
                    : paint("not solved yet", Colour::Yellow, options_.colour);
        out_ += "\n";
    }

    const learn::LoadedChallenge& loaded_;
    const check::Report& report_;
    const learn::Score& score_;
    const LearnTextOptions& options_;
    std::string out_;
};

} // namespace

std::string exercise_line(
    const std::string& difficulty,
    const std::vector<std::string>& categories,
    const std::string& estimated_time,
    double points) {
    std::vector<std::string> parts{difficulty};
    parts.insert(parts.end(), categories.begin(), categories.end());
    if (!estimated_time.empty()) {
        parts.push_back("about " + estimated_time);
    }
    parts.push_back(points_word(points));
    return visible(netemu::join(parts, ", "));
}

std::string challenge_text(const learn::Challenge& challenge, bool colour) {
    std::string out = paint(visible(challenge.title), Colour::Bold, colour) + "\n";
    out += paint(
               exercise_line(
                   challenge.difficulty,
                   challenge.categories,
                   challenge.estimated_time,
                   challenge.points()),
               Colour::Dim,
               colour) +
           "\n";
    const auto body = paragraph(challenge.text);
    out += body.empty() ? "" : "\n" + body;
    out += "\nTo be reached:\n";
    for (const auto& objective : challenge.objectives) {
        out += "  - " + visible(objective.title) + "  (" + points_word(objective.points) + ")\n";
    }
    if (!challenge.keep.empty()) {
        out += "Everything else must go on as before.\n";
    }
    if (!challenge.protect.empty()) {
        out += "Not to be changed: " + visible(netemu::join(challenge.protect, ", ")) + "\n";
    }
    return out;
}

std::string score_text(
    const learn::LoadedChallenge& loaded,
    const check::Report& report,
    const learn::Score& score,
    const LearnTextOptions& options) {
    return ScoreWriter(loaded, report, score, options).run();
}

api::Json score_json(
    const learn::LoadedChallenge& loaded,
    const check::Report& report,
    const learn::Score& score,
    bool reveal) {
    using api::Json;
    const auto record_json = [&](std::size_t index) -> Json {
        const auto& record = report.records[index];
        if (loaded.assertions[index].hidden && !reveal) {
            return {
                {"title", learn::veiled_title(index + 1)},
                {"verdict", check::to_string(record.verdict)},
                {"category", learn::category_of(record)}};
        }
        Json json{
            {"title", record.title},
            {"verdict", check::to_string(record.verdict)},
            {"expected", record.expected},
            {"outcome", record.outcome},
            {"points", record.points}};
        if (reveal) {
            json["reason"] = record.reason;
            json["decidedBy"] = record.decided_by;
        }
        return json;
    };
    Json objectives = Json::array();
    for (const auto& result : score.objectives) {
        const auto& objective = loaded.challenge.objectives[result.objective];
        Json checks = Json::array();
        for (const auto index : result.records) {
            checks.push_back(record_json(index));
        }
        objectives.push_back(
            {{"key", objective.key},
             {"title", objective.title},
             {"standing", to_string(result.standing)},
             {"earned", result.earned},
             {"points", objective.points},
             {"checks", checks}});
    }
    Json broken = Json::array();
    for (const auto index : score.broken) {
        broken.push_back(record_json(index));
    }
    Json unproven = Json::array();
    for (const auto index : score.unproven) {
        unproven.push_back(record_json(index));
    }
    return {
        {"schemaVersion", 1},
        {"challenge", loaded.challenge.name},
        {"solved", score.solved},
        {"inconclusive", score.inconclusive},
        {"earned", score.earned},
        {"points", score.total},
        {"objectives", objectives},
        {"broken", broken},
        {"unproven", unproven},
        {"protectedChanges", score.input.tampered},
        {"opened", score.input.opened},
        {"hintCost", score.input.hint_cost}};
}

} // namespace labctl::report
