#include <algorithm>
#include <fstream>
#include <iostream>

#include "labctl/cli/exercise.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/learn/hints.h"
#include "labctl/manifest/front_matter.h"
#include "labctl/report/learn_text.h"
#include "labctl/report/table.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

/// A challenge that is under way, as its seed makes it.
struct UnderWay {
    explicit UnderWay(const Context& context)
        : UnderWay(current_session(context, kChallengeKind)) {}
    explicit UnderWay(learn::Session begun)
        : session(std::move(begun)),
          variant(learn::variant_of(session.directory, kChallengeKind.file, session.seed)),
          loaded(learn::load_challenge(variant, session.name, false)) {}

    learn::Session session;
    learn::Variant variant;
    learn::LoadedChallenge loaded;
};

std::string variant_text(const learn::Variant& variant) {
    return variant.varies() ? ", variant " + std::to_string(variant.seed) : "";
}

/// Points that the author's hints have cost so far.
double hint_cost(const UnderWay& under_way) {
    double cost = 0;
    for (const auto index : under_way.session.hints) {
        const auto& hints = under_way.loaded.challenge.hints;
        cost += under_way.session.graded && index < hints.size() ? hints[index].cost : 0;
    }
    return cost;
}

struct Judged {
    check::Report report;
    learn::Score score;
};

Judged judge_under_way(const Context& context, const UnderWay& under_way) {
    const auto options = options_for(context, under_way.session.name, context.options().quiet);
    const Context own(options);
    auto client = client_of(under_way.session);
    constexpr std::chrono::milliseconds kSettleMax(1000);
    wait_until_settled(client, kSettleMax);
    learn::ScoreInput input;
    input.tampered = learn::protected_changes(
        under_way.session.baseline, snapshot_of(client), under_way.loaded.challenge.protect);
    input.opened = opened_flows(own, under_way.loaded.challenge, under_way.variant);
    input.hint_cost = hint_cost(under_way);
    Judged judged;
    judged.report = judge(own, client, under_way.loaded.assertions, false);
    judged.score = learn::score(under_way.loaded, judged.report, std::move(input));
    return judged;
}

int list_challenges(const Context& context) {
    const auto& arguments = context.options().arguments;
    report::Table table =
        report::Table::of({"NAME", "DIFFICULTY", "TIME", "POINTS", "ABOUT", "DESCRIPTION"});
    const auto folders =
        find_exercises(kChallengeKind, arguments.size() > 1 ? arguments[1] : std::string());
    for (const auto& folder : folders) {
        const auto file = folder + "/" + kChallengeKind.file;
        try {
            auto front = manifest::read_front_matter(file, manifest::FrontMatterKind::Challenge);
            const auto challenge = learn::challenge_from(front.head.body, "", folder);
            table.add(
                {challenge.name,
                 challenge.difficulty,
                 challenge.estimated_time,
                 learn::points_text(challenge.points()),
                 netemu::join(challenge.categories, ","),
                 challenge.description.empty() ? challenge.title : challenge.description});
        } catch (const manifest::ManifestError&) {
            context.console().warn(file + " is not valid: `labctl dev lint " + folder + "`");
        }
    }
    if (table.empty()) {
        context.console().progress("no challenges here; LABCTL_LABS_DIR says where to look, "
                                   "`labctl dev new DIR` makes one");
        return static_cast<int>(netemu::ExitCode::Inconclusive);
    }
    report::Table::Style style;
    style.colour = context.console().color();
    std::cout << table.render(style);
    return 0;
}

void say_what_next(const Context& context) {
    context.console().progress(
        "next: look around (labctl get all -A, labctl explain, labctl exec), repair it (labctl "
        "apply, edit, delete), then `labctl challenge check`; `labctl challenge hint` helps");
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
        end_lab(context, paths, false);
        if (InterruptGuard::interrupted()) {
            throw InterruptedError();
        }
        throw;
    }
    InterruptGuard::lets_go();
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
    return 0;
}

int check_challenge(const Context& context) {
    UnderWay under_way(context);
    const auto judged = judge_under_way(context, under_way);
    const auto& score = judged.score;
    under_way.session.attempts.push_back({now_text(), score.earned, score.total, score.solved});
    sessions_here().save(under_way.session);
    if (context.options().output == "json") {
        std::cout << report::score_json(under_way.loaded, judged.report, score, false).dump(2)
                  << "\n";
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

/// What hints that come from the lab are about: the first assertion that is in the way, in the
/// order of the objectives. Nothing if only hidden ones are.
std::optional<std::size_t> hint_record(const UnderWay& under_way, const Judged& judged) {
    for (const auto& objective : judged.score.objectives) {
        for (const auto index : objective.records) {
            if (judged.report.records[index].verdict != check::Verdict::Pass &&
                !under_way.loaded.assertions[index].hidden) {
                return index;
            }
        }
    }
    for (const auto index : judged.score.broken) {
        if (!under_way.loaded.assertions[index].hidden) {
            return index;
        }
    }
    return std::nullopt;
}

/// What the rules of the lab make of the first exchange that went wrong, in one sentence; nothing
/// where `explain` cannot say.
std::string summary_of_way(Client& client, const check::Record& record) {
    const auto bad = std::ranges::find_if(record.evidence, [](const check::Evidence& evidence) {
        return !evidence.control && evidence.verdict != check::Verdict::Pass;
    });
    if (bad == record.evidence.end()) {
        return {};
    }
    try {
        const auto target = probe::Target::parse(bad->to);
        const auto scheme = probe::to_string(target.scheme);
        const bool datagrams = scheme == "udp" || scheme == "sctp";
        const auto port = !target.port.empty() ? target.port : scheme == "https" ? "443" : "80";
        const auto host =
            target.host.find(':') == std::string::npos ? target.host : "[" + target.host + "]";
        const auto answer = client.request(
            "POST",
            "/apis/labctl.dev/v1/explain",
            {{"from", bad->from},
             {"to", host + ":" + port + (datagrams ? "/" + scheme : "")},
             {"namespace", bad->from.substr(0, bad->from.find('/'))}});
        return answer.value("summary", "");
    } catch (const netemu::Error&) { // the hint that the record gives is there all the same
        return {};
    }
}

/// From the lab as it is; none when only what is hidden is in the way.
std::vector<std::string> hints_of_lab(const UnderWay& under_way, const Judged& judged) {
    const auto index = hint_record(under_way, judged);
    if (!index) {
        return {};
    }
    const auto& record = judged.report.records[*index];
    auto hints = learn::hints_from(under_way.loaded.assertions[*index], record);
    if (record.decided_by.empty() && !hints.empty()) {
        auto client = client_of(under_way.session);
        if (const auto summary = summary_of_way(client, record); !summary.empty()) {
            hints.back() = summary;
        }
    }
    return hints;
}

/// One that is about something else than the last one begins anew.
std::string hint_topic(const UnderWay& under_way, const Judged& judged) {
    const auto index = hint_record(under_way, judged);
    return index ? under_way.loaded.assertions[*index].title + ": " +
                       learn::category_of(judged.report.records[*index])
                 : "";
}

/// The next one of the author that helps with what is not reached.
std::optional<std::size_t> next_hint(const UnderWay& under_way, const learn::Score& score) {
    const auto& challenge = under_way.loaded.challenge;
    const auto& shown = under_way.session.hints;
    for (std::size_t i = 0; i < challenge.hints.size(); ++i) {
        const auto& hint = challenge.hints[i];
        const bool is_reached =
            std::ranges::any_of(score.objectives, [&](const learn::ObjectiveScore& objective) {
                return challenge.objectives[objective.objective].key == hint.objective &&
                       objective.standing == learn::Standing::Reached;
            });
        if (!is_reached && std::ranges::find(shown, i) == shown.end()) {
            return i;
        }
    }
    return std::nullopt;
}

int give_hint(const Context& context) {
    UnderWay under_way(context);
    const auto judged = judge_under_way(context, under_way);
    if (judged.score.solved) {
        std::cout << "It is solved: there is nothing to hint at.\n";
        return 0;
    }
    auto& session = under_way.session;
    const auto own = hints_of_lab(under_way, judged);
    if (const auto topic = hint_topic(under_way, judged); topic != session.hint_topic) {
        session.hint_topic = topic;
        session.own_hints = 0;
    }
    if (session.own_hints < own.size()) {
        std::cout << report::visible_lines(own[session.own_hints]) << "\n" << std::flush;
        ++session.own_hints;
        sessions_here().save(session);
        context.console().progress("(from your lab as it is; free)");
        return 0;
    }
    const auto next = next_hint(under_way, judged.score);
    if (!next) {
        std::cout << "There are no more hints. Those that come from your lab begin anew.\n";
        session.own_hints = 0;
        sessions_here().save(session);
        return 0;
    }
    const auto& hint = under_way.loaded.challenge.hints[*next];
    std::cout << report::visible_lines(hint.text) << "\n" << std::flush;
    session.hints.push_back(*next);
    sessions_here().save(session);
    context.console().progress(
        session.graded && hint.cost > 0
            ? "(from the author; it costs " + learn::points_text(hint.cost) + ")"
            : "(from the author)");
    if (const auto after = next_hint(under_way, judged.score); after && session.graded) {
        context.console().progress(
            "the next one costs " +
            learn::points_text(under_way.loaded.challenge.hints[*after].cost));
    }
    return 0;
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
    facts.handed_in = now_text();
    const auto text = learn::submission_text(facts, changes.changed, changes.deleted);
    const auto& wanted = context.options().write_file;
    const auto path = wanted.empty() ? session.name + ".submission.yaml" : wanted;
    if (path == "-") {
        std::cout << text;
        return 0;
    }
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) {
        throw netemu::SysError("write " + path, errno);
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
    end_lab(context, supervisor::LabPaths::of(session.name), false);
}

int reset_challenge(const Context& context) {
    auto session = current_session(context, kChallengeKind);
    end_lab_of(context, session);
    sessions_here().remove(session.name);
    session.baseline.clear();
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
    struct Action {
        std::string_view name;
        int (*run)(const Context&);
    };
    static constexpr std::array kActions{
        Action{"ls", list_challenges},
        Action{"list", list_challenges},
        Action{"start", start_challenge},
        Action{"show", show_challenge},
        Action{"check", check_challenge},
        Action{"hint", give_hint},
        Action{"submit", submit_challenge},
        Action{"reset", reset_challenge},
        Action{"stop", stop_challenge}};
    const auto& word = context.options().arguments.at(0);
    const auto* action =
        std::ranges::find_if(kActions, [&](const Action& a) { return a.name == word; });
    if (action == kActions.end()) {
        throw netemu::UsageError(
            "labctl challenge cannot '" + word + "'",
            "ls, start NAME, show, check, hint, submit, reset or stop");
    }
    return action->run(context);
}

} // namespace labctl::cli
