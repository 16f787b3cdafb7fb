#include <algorithm>
#include <iostream>

#include "labctl/cli/exercise.h"
#include "labctl/cli/exercise_session.h"
#include "labctl/learn/json_fields.h"
#include "labctl/learn/score.h"
#include "labctl/manifest/front_matter.h"
#include "labctl/report/table.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

/// Points of all objectives or questions.
double sum_of_points(const json& parts) {
    double sum = 0;
    for (const auto& part : parts) {
        sum += static_cast<double>(api::int_at(part, "points", 1));
    }
    return sum;
}

std::string state_of(const learn::Sessions& sessions, const std::string& name, const char* kind) {
    const auto session = sessions.find(name);
    if (!session || session->kind != kind) {
        return "";
    }
    const bool solved = std::ranges::any_of(
        session->attempts, [](const learn::Attempt& attempt) { return attempt.solved; });
    return solved ? "solved" : "under way";
}

/// What is in the front matter of an exercise, as a list shows it; null, with a warning, when it is
/// not valid.
json facts_of(const Context& context, const ExerciseKind& kind, const std::string& folder) {
    const auto file = folder + "/" + kind.file;
    const bool quiz = kind.word == kQuizKind.word;
    try {
        const auto head =
            manifest::read_front_matter(
                file, quiz ? manifest::FrontMatterKind::Quiz : manifest::FrontMatterKind::Challenge)
                .head.body;
        const auto name = folder.substr(folder.rfind('/') + 1);
        const auto title = api::string_at(head, "title");
        return {
            {"name", name},
            {"title", title},
            {"description", api::string_at(head, "description", title)},
            {"difficulty", api::string_at(head, "difficulty")},
            {"estimatedTime", api::string_at(head, "estimatedTime")},
            {"categories", learn::texts_at(head, "categories")},
            {"points", sum_of_points(api::at(head, quiz ? "questions" : "objectives"))},
            {"directory", folder},
            {"state", state_of(sessions_here(), name, kind.word)}};
    } catch (const manifest::ManifestError&) {
        context.console().warn(file + " is not valid: `labctl dev lint " + folder + "`");
        return nullptr;
    }
}

void print_exercises(const Context& context, const json& list) {
    auto table = report::Table::of(
        {"NAME", "DIFFICULTY", "TIME", "POINTS", "ABOUT", "STATE", "DESCRIPTION"});
    for (const auto& facts : list) {
        table.add(
            {facts.at("name").get<std::string>(),
             facts.at("difficulty").get<std::string>(),
             facts.at("estimatedTime").get<std::string>(),
             learn::points_text(facts.at("points").get<double>()),
             netemu::join(learn::texts_of(facts.at("categories")), ","),
             facts.at("state").get<std::string>(),
             facts.at("description").get<std::string>()});
    }
    report::Table::Style style;
    style.colour = context.console().color();
    std::cout << table.render(style);
}

} // namespace

int list_exercises(const Context& context, const ExerciseKind& kind) {
    const auto& arguments = context.options().arguments;
    json list = json::array();
    for (const auto& folder :
         find_exercises(kind, arguments.size() > 1 ? arguments[1] : std::string())) {
        auto facts = facts_of(context, kind, folder);
        if (!facts.is_null()) {
            list.push_back(std::move(facts));
        }
    }
    if (context.options().output == "json") {
        std::cout << json_text({{"schemaVersion", 1}, {kind.plural, list}});
    } else if (!list.empty()) {
        print_exercises(context, list);
    }
    if (list.empty()) {
        context.console().progress(
            std::string("no ") + kind.plural +
            " here; LABCTL_LABS_DIR says where to look, `labctl dev new DIR` makes one");
    }
    return static_cast<int>(list.empty() ? netemu::ExitCode::Inconclusive : netemu::ExitCode::Ok);
}

int run_action(const Context& context, std::span<const ExerciseAction> actions) {
    const auto& options = context.options();
    const auto& word = options.arguments.at(0);
    const auto action =
        std::ranges::find_if(actions, [&](const ExerciseAction& a) { return a.name == word; });
    if (action == actions.end()) {
        std::vector<std::string> names;
        for (const auto& known : actions) {
            names.emplace_back(known.name);
        }
        const auto near = netemu::nearest(word, names);
        throw netemu::UsageError(
            "labctl " + options.command + " has no '" + word + "'",
            near ? "did you mean '" + *near + "'?" : "it has " + netemu::join(names, ", "));
    }
    if (options.arguments.size() > action->words_max + 1) {
        throw netemu::UsageError(
            "'" + options.arguments[action->words_max + 1] + "' is too much for labctl " +
            options.command + " " + word);
    }
    if (options.output != "table" && !(action->json && options.output == "json")) {
        throw netemu::UsageError(
            "labctl " + options.command + " " + word + " has no output format '" + options.output +
                "'",
            action->json ? "table or json" : "");
    }
    return action->run(context);
}

} // namespace labctl::cli
