#include <algorithm>
#include <iostream>

#include "labctl/cli/challenge.h"
#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/cli/lab_world.h"
#include "labctl/learn/hints.h"
#include "labctl/report/text.h"

namespace labctl::cli {

double hint_cost(const UnderWay& under_way) {
    double cost = 0;
    for (const auto index : under_way.session.hints) {
        const auto& hints = under_way.loaded.challenge.hints;
        cost += under_way.session.graded && index < hints.size() ? hints[index].cost : 0;
    }
    return cost;
}

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
    (void)run_interruptible(client, [&] {
        judged.report = judge(own, client, under_way.loaded.assertions, false);
        return 0;
    });
    judged.score = learn::score(under_way.loaded, judged.report, std::move(input));
    return judged;
}

namespace {

using nlohmann::json;

/// What is in the way.
struct Obstacle {
    std::optional<std::size_t> assertion; // the first that is no pass; none: only what was spoiled
    std::string objective;                // that it belongs to; empty: to what must not break
};

Obstacle first_obstacle(const UnderWay& under_way, const Judged& judged) {
    const auto is = [&](std::size_t index, bool hidden) {
        return under_way.loaded.assertions[index].hidden == hidden &&
               judged.report.records[index].verdict != check::Verdict::Pass;
    };
    // One that can be told of says more than a hidden one.
    for (const bool hidden : {false, true}) {
        for (const auto& objective : judged.score.objectives) {
            const auto bad = std::ranges::find_if(
                objective.records, [&](std::size_t index) { return is(index, hidden); });
            if (bad != objective.records.end()) {
                return {*bad, under_way.loaded.challenge.objectives[objective.objective].key};
            }
        }
        for (const auto& list : {judged.score.broken, judged.score.unproven}) {
            const auto bad =
                std::ranges::find_if(list, [&](std::size_t index) { return is(index, hidden); });
            if (bad != list.end()) {
                return {*bad, ""};
            }
        }
    }
    return {};
}

std::string connection_of(const probe::Target& target) {
    const auto scheme = probe::to_string(target.scheme);
    const bool datagrams = scheme == "udp" || scheme == "sctp";
    const auto host =
        target.host.find(':') == std::string::npos ? target.host : "[" + target.host + "]";
    return host + ":" +
           (!target.port.empty() ? target.port
            : scheme == "https"  ? "443"
                                 : "80") +
           (datagrams ? "/" + scheme : "");
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
    const auto target = probe::Target::parse(bad->to);
    std::vector<std::string> questions;
    if (bad->to.starts_with("http")) {
        questions.push_back(bad->to); // what becomes of a URL, where something takes it apart
    }
    if (bad->outcome != "ok") { // the way of one that was answered is no riddle
        questions.push_back(connection_of(target));
    }
    for (const auto& question : questions) {
        try {
            const json answer = client.request(
                "POST",
                "/apis/labctl.dev/v1/explain",
                {{"from", bad->from},
                 {"to", question},
                 {"namespace", bad->from.substr(0, bad->from.find('/'))}});
            if (auto summary = answer.value("summary", ""); !summary.empty()) {
                return summary;
            }
        } catch (const netemu::Error&) { // the hint that the record gives is there all the same
            continue;
        }
    }
    return {};
}

/// From the lab as it is.
std::vector<std::string>
hints_of_lab(const UnderWay& under_way, const Judged& judged, const Obstacle& obstacle) {
    if (!obstacle.assertion) {
        return learn::hints_of_spoils(judged.score.input);
    }
    const auto& record = judged.report.records[*obstacle.assertion];
    const auto& assertion = under_way.loaded.assertions[*obstacle.assertion];
    if (assertion.hidden) {
        return learn::veiled_hints(record);
    }
    auto hints = learn::hints_from(assertion, record);
    if (record.decided_by.empty() && !hints.empty() && learn::category_of(record) != "too open") {
        auto client = client_of(under_way.session);
        if (const auto summary = summary_of_way(client, record); !summary.empty()) {
            hints.back() = summary;
        }
    }
    return hints;
}

/// What hints are about: those about something else begin anew.
std::string topic_of(const UnderWay& under_way, const Judged& judged, const Obstacle& obstacle) {
    return obstacle.assertion ? under_way.loaded.assertions[*obstacle.assertion].title + ": " +
                                    learn::category_of(judged.report.records[*obstacle.assertion])
                              : "spoiled";
}

/// The next one of the author: first one for the objective in question, then one for any, then
/// those for others that are not reached.
std::optional<std::size_t>
next_hint(const UnderWay& under_way, const learn::Score& score, const Obstacle& obstacle) {
    const auto& challenge = under_way.loaded.challenge;
    const auto& shown = under_way.session.hints;
    const auto rank = [&](const learn::Hint& hint) {
        const bool reached =
            std::ranges::any_of(score.objectives, [&](const learn::ObjectiveScore& objective) {
                return challenge.objectives[objective.objective].key == hint.objective &&
                       objective.standing == learn::Standing::Reached;
            });
        return reached                                ? 3
               : hint.objective.empty()               ? 1
               : hint.objective == obstacle.objective ? 0
                                                      : 2;
    };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < challenge.hints.size(); ++i) {
        const auto own = rank(challenge.hints[i]);
        if (own < 3 && std::ranges::find(shown, i) == shown.end() &&
            (!best || own < rank(challenge.hints[*best]))) {
            best = i;
        }
    }
    return best;
}

void give_own_hint(const Context& context, learn::Session& session, const std::string& hint) {
    std::cout << report::visible_lines(hint) << "\n" << std::flush;
    ++session.own_hints;
    sessions_here().save(session);
    context.console().progress("(from your lab as it is; free)");
}

void give_author_hint(const Context& context, UnderWay& under_way, std::size_t index) {
    auto& session = under_way.session;
    const auto& hint = under_way.loaded.challenge.hints[index];
    const bool costs = session.graded && hint.cost > 0;
    if (costs && session.announced_hint != static_cast<std::int64_t>(index)) {
        session.announced_hint = static_cast<std::int64_t>(index);
        sessions_here().save(session);
        std::cout << "The next hint is the author's, and costs " << learn::points_text(hint.cost)
                  << ". The same command again gives it.\n";
        return;
    }
    std::cout << report::visible_lines(hint.text) << "\n" << std::flush;
    session.hints.push_back(index);
    sessions_here().save(session);
    context.console().progress(
        costs ? "(from the author; it costs " + learn::points_text(hint.cost) + ")"
              : "(from the author)");
}

} // namespace

int give_challenge_hint(const Context& context) {
    UnderWay under_way(context);
    const auto judged = judge_under_way(context, under_way);
    if (judged.score.solved) {
        std::cout << "It is solved: there is nothing to hint at.\n";
        return 0;
    }
    auto& session = under_way.session;
    const auto obstacle = first_obstacle(under_way, judged);
    const auto own = hints_of_lab(under_way, judged, obstacle);
    if (const auto topic = topic_of(under_way, judged, obstacle); topic != session.hint_topic) {
        session.hint_topic = topic;
        session.own_hints = 0;
    }
    if (session.own_hints < own.size()) {
        give_own_hint(context, session, own[session.own_hints]);
    } else if (const auto next = next_hint(under_way, judged.score, obstacle)) {
        give_author_hint(context, under_way, *next);
    } else {
        std::cout
            << (own.empty() ? "There is no hint for what is in the way now.\n"
                            : "There are no more hints. Those that come from your lab begin "
                              "anew; `labctl challenge show` has the author's.\n");
        session.own_hints = 0;
        sessions_here().save(session);
    }
    return 0;
}

} // namespace labctl::cli
