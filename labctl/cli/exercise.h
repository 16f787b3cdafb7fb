#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/cli/context.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/learn/answer.h"
#include "labctl/learn/challenge.h"
#include "labctl/learn/grade.h"
#include "labctl/learn/quiz.h"
#include "labctl/learn/session.h"
#include "labctl/learn/snapshot.h"
#include "labctl/learn/variant.h"
#include "labctl/store/store.h"
#include "netemu/base/event_loop.h"

/// What the commands for learning share: finding exercises and sessions, and the labs they run in.
namespace labctl::cli {

/// "challenge" or "quiz", and the file that such a folder has.
struct ExerciseKind {
    const char* word;
    const char* plural; // of the folder in `labs` that holds them
    const char* file;
};
inline constexpr ExerciseKind kChallengeKind{"challenge", "challenges", "challenge.md"};
inline constexpr ExerciseKind kQuizKind{"quiz", "quizzes", "quiz.md"};

/// Folders that are looked into for exercises: LABCTL_LABS_DIR, the current one and its `labs`,
/// and those that were installed with this binary.
std::vector<std::string> exercise_roots();
/// All of that kind there, or below `directory` if it is not empty; sorted, each name once.
std::vector<std::string>
find_exercises(const ExerciseKind& kind, const std::string& directory = {});
/// The folder of one: a path, or a name of find_exercises. Throws UsageError.
std::string find_exercise(const ExerciseKind& kind, const std::string& name);

/// Where this user's sessions are.
learn::Sessions sessions_here();
/// The session that the command is about: of the lab that --lab names, or the only one of the kind.
/// Throws UsageError.
learn::Session current_session(const Context& context, const ExerciseKind& kind);

/// A connection to its lab. Throws UsageError if that is not up.
Client client_of(const learn::Session& session);

/// A copy of the options with which a lab of this name is worked on.
Options options_for(const Context& context, const std::string& lab, bool quiet);

/// Brings up the lab of an exercise under that name, without its checks, and waits a moment for its
/// pods. Throws UsageError if a lab of this name is up. Nothing but false when interrupted. For as
/// long as the guard of the caller covers it, an interrupt ends the lab.
bool start_exercise_lab(
    const Context& context, const learn::Variant& variant, const std::string& name);

/// Every object of the lab, of every kind.
std::vector<api::Json> all_objects(Client& client);
learn::Snapshot snapshot_of(Client& client);
/// Waits until no pod is on its way in or out, but not for longer.
void wait_until_settled(Client& client, std::chrono::milliseconds limit);
std::vector<std::string> namespaces_of(Client& client);
/// Deletes and applies what an answer says.
void apply_answer(Client& client, const learn::Answer& answer);

/// Flows that the lab lets through and that lab would not which has the solution of the challenge;
/// none where nobody looks, or without a solution.
std::vector<std::string> opened_flows(
    const Context& context, const learn::Challenge& challenge, const learn::Variant& variant);

/// What is right, once the manifests of the question are applied to that lab, which is asked where
/// nothing else says it. quiz.cc.
learn::Truth find_truth(
    const Context& context,
    const learn::Variant& variant,
    const learn::Question& question,
    const std::string& lab);

/// A lab that is there only for one trial of a challenge, and goes with this.
class Trial {
public:
    /// `loaded` and `variant` must live as long. Throws for what the lab cannot be.
    Trial(
        const Context& context,
        const learn::LoadedChallenge& loaded,
        const learn::Variant& variant,
        const std::string& name);
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;
    ~Trial();

    [[nodiscard]] Client connect() const;
    void apply(const learn::Answer& answer);
    /// Judges the lab as it is.
    void judge(learn::Grade& grade);

private:
    Options options_;
    Context context_;
    const learn::LoadedChallenge& loaded_;
    const learn::Variant& variant_;
    supervisor::LabPaths paths_;
    InterruptGuard guard_;
    learn::Snapshot baseline_;
};

/// "2026-11-27T12:00:00Z".
std::string now_text();

} // namespace labctl::cli
