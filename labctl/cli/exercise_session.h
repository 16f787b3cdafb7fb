#pragma once

#include <string>

#include "labctl/cli/client.h"
#include "labctl/cli/exercise.h"
#include "labctl/learn/session.h"
#include "labctl/learn/variant.h"

/// What somebody is at, between two commands.
namespace labctl::cli {

/// Where this user's sessions are.
learn::Sessions sessions_here();
/// The session that the command is about: of the lab that --lab names, or the only one of the kind.
/// Throws UsageError.
learn::Session current_session(const Context& context, const ExerciseKind& kind);
/// The one that `start` is told to begin, not begun yet. Throws UsageError if it is under way.
learn::Session new_session(const Context& context, const ExerciseKind& kind);

/// Brings its lab up, if it has one, and saves the session, with what the lab is like now. After an
/// error or an interrupt nothing is left; throws InterruptedError.
void begin_session(const Context& context, const learn::Variant& variant, learn::Session& session);
/// Takes its lab down, if it has one, and forgets it.
void end_session(const Context& context, const learn::Session& session);

/// A connection to its lab. Throws UsageError if that is not up.
Client client_of(const learn::Session& session);

/// "2026-11-27T12:00:00Z".
std::string now_text();

} // namespace labctl::cli
