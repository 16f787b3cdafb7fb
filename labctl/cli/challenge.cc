#include "labctl/cli/challenge.h"

#include <algorithm>
#include <fstream>
#include <iostream>

#include "labctl/cli/exercise.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/report/learn_text.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

std::string variant_text(const learn::Variant& variant) {
    return variant.varies() ? ", variant " + std::to_string(variant.seed) : "";
}

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
    auto& begun = under_way.session;
    begun.started_at = now_text();
    InterruptGuard guard;
    const auto start = netemu::Clock::now();
    if (!start_exercise_lab(context, under_way.variant, begun.name)) {
        return static_cast<int>(netemu::ExitCode::Interrupted);
    }
    const auto paths = supervisor::LabPaths::of(begun.name);
    try {
        auto client = Client::connect(paths.socket);
        begun.baseline = snapshot_of(client);
        sessions_here().save(begun);
    } catch (...) {
        take_down(context, paths, false);
        if (InterruptGuard::interrupted()) {
            throw InterruptedError();
        }
        throw;
    }
    InterruptGuard::lets_go();
    if (InterruptGuard::interrupted()) {
        forget_exercise(context, begun);
    }
    context.console().step(
        "lab '" + begun.name + "' is up" + variant_text(under_way.variant),
        netemu::micros_since(start));
    std::cout << "\n"
              << report::challenge_text(under_way.loaded.challenge, context.console().color())
              << "\n"
              << std::flush;
    say_what_next(context);
    return 0;
}

int start_challenge(const Context& context) {
    const auto& options = context.options();
    if (options.arguments.size() < 2) {
        throw netemu::UsageError("which challenge?", "`labctl challenge ls` lists them");
    }
    learn::Session session;
    session.kind = kChallengeKind.word;
    session.directory = find_exercise(kChallengeKind, options.arguments[1]);
    session.name = session.directory.substr(session.directory.rfind('/') + 1);
    session.seed = options.seed;
    session.graded = options.graded;
    if (const auto other = sessions_here().find(session.name)) {
        throw netemu::UsageError(
            "the " + other->kind + " '" + session.name + "' is under way already",
            "`labctl " + other->kind + " stop` ends it, `labctl challenge reset` starts it anew");
    }
    return begin(context, std::move(session));
}

int show_challenge(const Context& context) {
    const UnderWay under_way(context);
    std::cout << report::challenge_text(under_way.loaded.challenge, context.console().color());
    const auto& session = under_way.session;
    context.console().progress(
        "\nstarted " + session.started_at + variant_text(under_way.variant) + ", " +
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

void end_lab_of(const Context& context, const learn::Session& session) {
    take_down(context, supervisor::LabPaths::of(session.name), false);
}

int reset_challenge(const Context& context) {
    auto session = UnderWay(context).session; // whose files are there and valid
    end_lab_of(context, session);
    session.baseline.clear(); // the session itself stays, should the new lab not come up
    return begin(context, std::move(session)); // attempts and hints stay
}

int stop_challenge(const Context& context) {
    const auto session = current_session(context, kChallengeKind);
    end_lab_of(context, session);
    sessions_here().remove(session.name);
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
