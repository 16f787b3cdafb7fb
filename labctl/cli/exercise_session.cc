#include "labctl/cli/exercise_session.h"

#include <ctime>
#include <optional>

#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/trial.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"

namespace labctl::cli {

learn::Sessions sessions_here() {
    return learn::Sessions(supervisor::LabPaths::of("any").state_root);
}

learn::Session current_session(const Context& context, const ExerciseKind& kind) {
    const auto sessions = sessions_here();
    std::vector<learn::Session> fitting;
    std::vector<std::string> names;
    for (const auto& name : sessions.names()) {
        const auto& wanted = context.options().lab;
        auto session = wanted.empty() || wanted == name ? sessions.find(name) : std::nullopt;
        if (session && session->kind == kind.word) {
            names.push_back(name);
            fitting.push_back(std::move(*session));
        }
    }
    const std::string word = kind.word;
    if (fitting.empty()) {
        throw netemu::UsageError(
            "no " + word + " is under way" +
                (context.options().lab.empty() ? "" : " in lab '" + context.options().lab + "'"),
            "`labctl " + word + " ls` lists them, `labctl " + word + " start NAME` begins one");
    }
    if (fitting.size() > 1) {
        throw netemu::UsageError(
            "several are under way: " + netemu::join(names, ", "), "name one with --lab NAME");
    }
    return std::move(fitting.front());
}

Client client_of(const learn::Session& session) {
    const auto paths = supervisor::LabPaths::of(session.name);
    if (!supervisor::lab_alive(paths)) {
        const std::string command = "`labctl " + session.kind;
        throw netemu::UsageError(
            "the lab of the " + session.kind + " '" + session.name + "' is not up any more",
            (session.kind == kChallengeKind.word ? command + " reset` starts it anew, " : "") +
                command + " stop` ends it");
    }
    return Client::connect(paths.socket);
}

learn::Session new_session(const Context& context, const ExerciseKind& kind) {
    const auto& options = context.options();
    const std::string word = kind.word;
    if (options.arguments.size() < 2) {
        throw netemu::UsageError("which " + word + "?", "`labctl " + word + " ls` lists them");
    }
    learn::Session session;
    session.kind = word;
    session.directory = find_exercise(kind, options.arguments[1]);
    session.name = session.directory.substr(session.directory.rfind('/') + 1);
    session.seed = options.seed;
    session.graded = options.graded;
    supervisor::check_lab_name(session.name);
    if (const auto other = sessions_here().find(session.name)) {
        throw netemu::UsageError(
            "the " + other->kind + " '" + session.name + "' is under way already",
            "`labctl " + other->kind + " stop` ends it" +
                (other->kind == kChallengeKind.word ? ", `labctl challenge reset` starts it anew"
                                                    : ""));
    }
    return session;
}

namespace {

/// The lab, and what is in it now.
void begin_lab(
    const Context& context,
    const learn::Variant& variant,
    learn::Session& session,
    std::optional<ScratchLab>& lab) {
    const auto start = netemu::Clock::now();
    lab.emplace(context, variant, session.name, false);
    auto client = lab->connect();
    session.baseline = snapshot_of(client);
    context.console().step(
        "lab '" + session.name + "' is up" +
            (variant.varies() ? ", variant " + std::to_string(variant.seed) : ""),
        netemu::micros_since(start));
}

} // namespace

void begin_session(const Context& context, const learn::Variant& variant, learn::Session& session) {
    session.started_at = now_text();
    std::optional<ScratchLab> lab; // until everything is there
    try {
        if (session.has_lab) {
            begin_lab(context, variant, session, lab);
        }
        supervisor::make_directories(supervisor::LabPaths::of(session.name).state_root);
        sessions_here().save(session);
    } catch (const netemu::Error&) {
        if (InterruptGuard::interrupted()) {
            throw InterruptedError();
        }
        throw;
    }
    InterruptGuard::lets_go();
    if (InterruptGuard::interrupted()) {
        sessions_here().remove(session.name);
        throw InterruptedError();
    }
    if (lab) {
        lab->keep();
    }
}

void end_session(const Context& context, const learn::Session& session) {
    if (session.has_lab) {
        take_down(context, supervisor::LabPaths::of(session.name), false);
    }
    sessions_here().remove(session.name);
}

std::string now_text() {
    const auto now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32]; // NOLINT(modernize-avoid-c-arrays): for strftime
    const auto size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text, size};
}

} // namespace labctl::cli
