#pragma once

#include "labctl/check/record.h"
#include "labctl/cli/exercise_session.h"
#include "labctl/learn/challenge.h"
#include "labctl/learn/score.h"

/// What the actions of `labctl challenge` share.
namespace labctl::cli {

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

struct Judged {
    check::Report report;
    learn::Score score;
};
/// Judges its lab as it is. Throws UsageError if that is not up.
Judged judge_under_way(const Context& context, const UnderWay& under_way);
/// Points that the author's hints have cost so far.
double hint_cost(const UnderWay& under_way);

/// `labctl challenge hint`: first what the lab itself tells, then what the author has to say. In a
/// graded run one that costs something is announced before it is given.
int give_challenge_hint(const Context& context);

} // namespace labctl::cli
