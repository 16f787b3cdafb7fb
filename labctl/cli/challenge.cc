#include "labctl/cli/challenge.h"

#include <algorithm>
#include <fstream>
#include <iostream>

#include "labctl/cli/exercise.h"
#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/learn/answer.h"
#include "labctl/report/learn_text.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

int list_challenges(const Context& context) {
    return list_exercises(context, kChallengeKind);
}

void say_what_next(const Context& context) {
    context.console().progress(
        "next: look around (labctl get all -A, labctl explain, labctl exec), repair it (labctl "
        "apply, label, delete), then `labctl challenge check`; `labctl challenge hint` helps");
}

int begin(const Context& context, learn::Session session) {
    UnderWay under_way(std::move(session));
    begin_session(context, under_way.variant, under_way.session);
    std::cout << "\n"
              << report::challenge_text(under_way.loaded.challenge, context.console().color())
              << "\n"
              << std::flush;
    say_what_next(context);
    return 0;
}

int start_challenge(const Context& context) {
    return begin(context, new_session(context, kChallengeKind));
}

int show_challenge(const Context& context) {
    const UnderWay under_way(context);
    std::cout << report::challenge_text(under_way.loaded.challenge, context.console().color());
    const auto& session = under_way.session;
    context.console().progress(
        "\nstarted " + session.started_at +
        (under_way.variant.varies() ? ", variant " + std::to_string(session.seed) : "") + ", " +
        std::to_string(session.attempts.size()) +
        (session.attempts.size() == 1 ? " check" : " checks") + " so far");
    for (const auto index : session.hints) {
        if (index < under_way.loaded.challenge.hints.size()) {
            std::cout << "\nHint: "
                      << report::visible_lines(under_way.loaded.challenge.hints[index].text)
                      << "\n";
        }
    }
    return 0;
}

int check_challenge(const Context& context) {
    UnderWay under_way(context);
    const auto judged = judge_under_way(context, under_way);
    const auto& score = judged.score;
    under_way.session.attempts.push_back({now_text(), score.earned, score.total, score.solved});
    sessions_here().save(under_way.session);
    if (context.options().output == "json") {
        std::cout << json_text(report::score_json(under_way.loaded, judged.report, score, false));
    } else {
        report::LearnTextOptions text;
        text.colour = context.console().color();
        std::cout << report::score_text(under_way.loaded, judged.report, score, text) << std::flush;
        if (!score.solved) {
            context.console().progress("next: `labctl challenge hint` says where to look");
        } else {
            context.console().progress(
                "next: `labctl challenge submit` writes down what you did, `labctl challenge stop` "
                "ends it");
        }
    }
    return static_cast<int>(learn::exit_code(score));
}

int show_solution(const Context& context) {
    UnderWay under_way(context);
    if (under_way.session.graded) {
        throw netemu::UsageError(
            "a graded run has no look at the solution", "`labctl challenge stop` ends it");
    }
    const auto text = learn::solution_text(under_way.variant);
    under_way.session.solution_shown = true;
    sessions_here().save(under_way.session);
    std::cout << text << std::flush;
    context.console().progress("`labctl challenge solution | labctl apply -f -` applies it");
    return 0;
}

/// An older submission may be replaced, and nothing else.
void refuse_to_overwrite(const std::string& path) {
    std::ifstream there(path);
    if (!there) {
        return;
    }
    std::string line;
    bool ours = false;
    for (int i = 0; i < 2 && std::getline(there, line); ++i) {
        ours = ours || line == "kind: Submission";
    }
    if (!ours) {
        throw netemu::UsageError(
            path + " is there already, and no submission", "name another file with -w");
    }
}

int submit_challenge(const Context& context) {
    const UnderWay under_way(context);
    const auto& session = under_way.session;
    auto client = client_of(session);
    const auto changes = learn::difference(session.baseline, snapshot_of(client));
    learn::SubmissionFacts facts;
    facts.challenge = session.name;
    facts.seed = session.seed;
    facts.attempts = session.attempts.size();
    facts.hints = session.hints.size();
    facts.hint_cost = hint_cost(under_way);
    facts.solution_shown = session.solution_shown;
    facts.handed_in = now_text();
    const auto text = learn::submission_text(facts, changes.changed, changes.deleted);
    const auto& wanted = context.options().write_file;
    const auto path = wanted.empty() ? session.name + ".submission.yaml" : wanted;
    if (path == "-") {
        std::cout << text;
        return 0;
    }
    refuse_to_overwrite(path);
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) {
        throw netemu::UsageError(
            "cannot write " + path + ": " + netemu::errno_text(errno), "name another file with -w");
    }
    std::cout << path << ": " << changes.changed.size()
              << (changes.changed.size() == 1 ? " object" : " objects") << " changed or new, "
              << changes.deleted.size() << " deleted\n"
              << std::flush;
    context.console().progress(
        "next: `labctl grade " + path + " --challenge " + session.directory +
        "` judges it in a fresh lab");
    return 0;
}

/// Attempts and hints stay, and so does the session should the new lab not come up.
int reset_challenge(const Context& context) {
    auto session = UnderWay(context).session; // whose files are there and valid
    take_down(context, supervisor::LabPaths::of(session.name), false);
    return begin(context, std::move(session));
}

int stop_challenge(const Context& context) {
    end_session(context, current_session(context, kChallengeKind));
    return 0;
}

} // namespace

int run_challenge(const Context& context) {
    static constexpr std::array kActions{
        ExerciseAction{"ls", list_challenges, 1, true},
        ExerciseAction{"start", start_challenge, 1},
        ExerciseAction{"show", show_challenge},
        ExerciseAction{"check", check_challenge, 0, true},
        ExerciseAction{"hint", give_challenge_hint},
        ExerciseAction{"solution", show_solution},
        ExerciseAction{"submit", submit_challenge},
        ExerciseAction{"reset", reset_challenge},
        ExerciseAction{"stop", stop_challenge}};
    return run_action(context, kActions);
}

} // namespace labctl::cli
