#include "labctl/check/judge.h"

#include <algorithm>

#include "labctl/check/answer.h"
#include "labctl/check/happened.h"
#include "labctl/check/words.h"

namespace labctl::check {

namespace {

using probe::Outcome;

bool every_outcome_is(const probe::Result& result, Outcome outcome) {
    if (result.outcomes.empty()) {
        return result.first.outcome == outcome;
    }
    return result.outcomes.size() == 1 && result.outcomes.contains(probe::to_string(outcome));
}

bool any_ok(const probe::Result& result) {
    return result.first.outcome == Outcome::Ok || result.outcomes.contains("ok");
}

/// A proxy on the way answers 403 (gRPC: PERMISSION_DENIED) in the target's place when a policy
/// says so: an answer of HTTP, and a denial.
bool denied_with_an_answer(const probe::Result& result) {
    return result.first.outcome == Outcome::Ok && result.first.drop.has_value() &&
           result.dropped >= result.attempts;
}

/// Who has dropped some of it.
std::vector<std::string> owners(const probe::Result& result) {
    std::vector<std::string> names;
    for (const auto& drop : probe::drops_of(result)) {
        if (!drop.by.empty()) {
            names.push_back(drop.by);
        }
    }
    return names;
}

Judgement judge_allow(const Flow& flow, const probe::Result& result, const Expectation& expect) {
    if (denied_with_an_answer(result) && !expects_content(expect)) {
        return {Verdict::Fail, result.first.drop->text, {}, {result.first.drop->by}, false};
    }
    if (!every_outcome_is(result, Outcome::Ok)) {
        return {
            Verdict::Fail, counted(flow, result), port_hint(flow, result), owners(result), false};
    }
    auto [unmet, silent_about] = examine_answer(flow, result, expect);
    if (!unmet.empty()) {
        return {Verdict::Fail, std::move(unmet), {}, {}, false};
    }
    if (silent_about.empty() || flow.lenient) {
        return {Verdict::Pass, answered(result), {}, {}, !silent_about.empty()};
    }
    return {
        Verdict::Inconclusive,
        "an answer came, but it does not say " + silent_about,
        "only the built-in workload says who it is and whom it saw",
        {},
        false};
}

std::string packet_of(std::uint32_t size) {
    return "a packet of " + std::to_string(size) + " bytes ";
}

/// A packet of a size that is asserted, or one that is a byte too large.
Judgement judge_size(const Flow& flow, const probe::Result& result) {
    const auto size = flow.request.size;
    if (flow.too_large) {
        return any_ok(result)
                   ? Judgement{Verdict::Fail, packet_of(size) + "came through, too", {}, {}, false}
                   : Judgement{Verdict::Pass, packet_of(size) + "did not", {}, {}, false};
    }
    if (every_outcome_is(result, Outcome::Ok)) {
        return {Verdict::Pass, packet_of(size) + "came through", {}, {}, false};
    }
    return {
        Verdict::Fail,
        packet_of(size) + "did not come through: " + counted(flow, result),
        {},
        {},
        false};
}

Judgement inconclusive(std::string text, std::string hint = {}) {
    return {Verdict::Inconclusive, std::move(text), std::move(hint), {}, false};
}

/// A rule that has dropped some of it and in which the policy `by` has no share; nullptr: there is
/// none, or it is nobody's matter.
const DroppingRule* rule_of_others(const Proof& proof, const std::string& by) {
    const auto found = std::ranges::find_if(proof.rules, [&by](const DroppingRule& rule) {
        return rule.name != by && std::ranges::find(rule.owners, by) == rule.owners.end();
    });
    return by.empty() || found == proof.rules.end() ? nullptr : &*found;
}

std::vector<std::string> names(const std::vector<DroppingRule>& rules) {
    std::vector<std::string> all;
    std::ranges::transform(rules, std::back_inserter(all), &DroppingRule::name);
    return all;
}

Judgement judge_deny(
    const Flow& flow, const probe::Result& result, const Expectation& expect, const Proof& proof) {
    if (any_ok(result) && !denied_with_an_answer(result)) {
        const auto reached = every_outcome_is(result, Outcome::Ok) ? "it was " + answered(result)
                                                                   : counted(flow, result);
        return {Verdict::Fail, reached, {}, {}, false};
    }
    const auto happened = counted(flow, result);
    if (result.first.outcome == Outcome::DnsError && result.first.drop) {
        return inconclusive(
            happened + ": that was the look-up, so nothing was sent to " + flow.to.label(),
            "name the target by its address or its pods, or let " + flow.from.label() +
                " ask the DNS");
    }
    if (result.first.outcome == Outcome::DnsError) {
        return inconclusive(happened + ", and that is not what a rule decides");
    }
    if (!proof.sends) {
        return inconclusive(
            happened + ", but nothing shows that " + flow.from.label() + " can send");
    }
    if (!proof.listens) {
        return inconclusive(
            happened + ", but nothing shows that " +
                (proof.target.empty() ? flow.to.label() : proof.target) + " listens there",
            port_hint(flow, result));
    }
    if (proof.rules.empty()) {
        return inconclusive(
            happened + ", but no rule is known to have dropped it",
            "to assert what happens without saying why, expect " +
                probe::to_string(result.first.outcome) + " in place of deny");
    }
    if (const auto* other = rule_of_others(proof, expect.by)) {
        return {
            Verdict::Fail, "it was " + other->name + " that dropped it", {}, {other->name}, false};
    }
    const auto& rule = proof.rules.front();
    const auto how = rule.how.empty() ? "dropped by " + rule.name : rule.how;
    if (!proof.unseen.empty()) {
        return inconclusive(
            how + ", but " + proof.unseen,
            "assert it of each of the pods behind it, by their names");
    }
    return {
        Verdict::Pass,
        proof.choices > 1
            ? "each of its " + std::to_string(proof.choices) + " endpoints is denied: " + how
            : how,
        {},
        expect.by.empty() ? names(proof.rules) : std::vector{expect.by},
        false};
}

Judgement judge_outcome(
    const Flow& flow, const probe::Result& result, const Expectation& expect, const Proof& proof) {
    if (!every_outcome_is(result, expect.outcome)) {
        return {Verdict::Fail, counted(flow, result), port_hint(flow, result), {}, false};
    }
    if (expect.outcome == Outcome::Timeout && !proof.sends) {
        return inconclusive(
            counted(flow, result) + ", but nothing shows that " + flow.from.label() + " can send");
    }
    return {Verdict::Pass, counted(flow, result), {}, {}, false};
}

} // namespace

bool needs_proof(const Expectation& expect) {
    return expect.kind == Expectation::Kind::Deny ||
           (expect.kind == Expectation::Kind::Outcome && expect.outcome == Outcome::Timeout);
}

void prove_drop(const probe::Result& result, Proof& proof) {
    if (!result.first.drop || result.dropped < result.attempts) {
        return;
    }
    bool by_sidecar = false;
    for (const auto& drop : probe::drops_of(result)) {
        const auto& by = drop.by;
        proof.rules.push_back(
            {by.empty() ? "the rule that logs " + quote(drop.prefix) + " on " + drop.node : by,
             drop.policies,
             drop.text});
        by_sidecar = by_sidecar || by.starts_with("authorizationpolicy/") ||
                     by.starts_with("peerauthentication/") || by.starts_with("server/") ||
                     by.starts_with("default/");
    }
    if (by_sidecar && result.first.outcome != Outcome::Timeout) {
        // A sidecar took the connection and then ended it: nothing more can be shown without one
        // that the policies let in.
        proof.sends = proof.sends ? proof.sends : "it was connected";
        proof.listens = proof.listens ? proof.listens : "a sidecar took the connection";
    }
}

Judgement judge(
    const Flow& flow, const probe::Result* result, const Expectation& expect, const Proof& proof) {
    if (!flow.blocked.empty()) {
        const bool allow = expect.kind == Expectation::Kind::Allow;
        return {allow ? Verdict::Fail : Verdict::Inconclusive, flow.blocked, {}, {}, false};
    }
    if (result == nullptr) {
        return inconclusive("the probe gave no result");
    }
    const bool wanted =
        expect.kind == Expectation::Kind::Outcome && expect.outcome == Outcome::Unsupported;
    if (result->first.outcome == Outcome::Unsupported && !wanted) {
        return inconclusive(what_happened(flow, *result));
    }
    if (expect.mtu) {
        return judge_size(flow, *result);
    }
    switch (expect.kind) {
    case Expectation::Kind::Allow:
        return judge_allow(flow, *result, expect);
    case Expectation::Kind::Deny:
        return judge_deny(flow, *result, expect, proof);
    case Expectation::Kind::Outcome:
        break;
    }
    return judge_outcome(flow, *result, expect, proof);
}

} // namespace labctl::check
