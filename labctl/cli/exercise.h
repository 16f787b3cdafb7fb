#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
/// The folder of one of that name below these roots, and nowhere else. Throws UsageError.
std::string find_exercise_in(
    const ExerciseKind& kind, const std::string& name, const std::vector<std::string>& roots);
/// Of exercise_roots those that nobody brings along: not the current folder.
std::vector<std::string> trusted_roots();

/// Indented, ending with a line feed. Bytes that are no UTF-8 (of file names) are replaced.
std::string json_text(const nlohmann::json& value);

/// `ls` of that kind.
int list_exercises(const Context& context, const ExerciseKind& kind);

/// One action of a command such as `labctl challenge`: "start".
struct ExerciseAction {
    std::string_view name;
    int (*run)(const Context&);
    std::size_t words_max = 0; // behind its name
    bool json = false;         // whether it knows `-o json`
};
/// Runs the one that the command line names. Throws UsageError.
int run_action(const Context& context, std::span<const ExerciseAction> actions);

/// Where this user's sessions are.
learn::Sessions sessions_here();
/// The session that the command is about: of the lab that --lab names, or the only one of the kind.
/// Throws UsageError.
learn::Session current_session(const Context& context, const ExerciseKind& kind);

/// A connection to its lab. Throws UsageError if that is not up.
Client client_of(const learn::Session& session);

/// Takes its lab down, if it has one, and forgets the session: for an interrupt that came while it
/// was begun. Throws InterruptedError.
[[noreturn]] void forget_exercise(const Context& context, const learn::Session& session);

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

/// An exercise's lab that goes with this; an interrupt ends it at once. The kernel may still be at
/// work afterwards: wait_for_kernel.
class ScratchLab {
public:
    /// Throws for what the lab cannot be, and InterruptedError.
    ScratchLab(const Context& context, const learn::Variant& variant, const std::string& name);
    ScratchLab(const ScratchLab&) = delete;
    ScratchLab& operator=(const ScratchLab&) = delete;
    ~ScratchLab();

    [[nodiscard]] Client connect() const;
    /// That works on this lab, and says nothing.
    [[nodiscard]] const Context& context() const { return context_; }

private:
    Options options_;
    Context context_;
    supervisor::LabPaths paths_;
    InterruptGuard guard_;
};

/// One answer to a challenge in a lab of its own. `loaded` and `variant` must live as long.
class Trial {
public:
    Trial(
        const Context& context,
        const learn::LoadedChallenge& loaded,
        const learn::Variant& variant,
        const std::string& name);

    [[nodiscard]] Client connect() const { return lab_.connect(); }
    void apply(const learn::Answer& answer);
    /// Judges the lab as it is.
    void judge(learn::Grade& grade);

private:
    const learn::LoadedChallenge& loaded_;
    const learn::Variant& variant_;
    ScratchLab lab_;
    learn::Snapshot baseline_;
};

/// "2026-11-27T12:00:00Z".
std::string now_text();

} // namespace labctl::cli
