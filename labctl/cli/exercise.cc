#include "labctl/cli/exercise.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <thread>

#include <unistd.h>

#include "labctl/cli/input.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/policies.h"
#include "labctl/compile/policy_diff.h"
#include "labctl/compile/policy_enforcement.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kExerciseWaitMs = 3000; // some start with pods that never get ready
constexpr std::chrono::milliseconds kSettleStep(10);

std::string executable_folder() {
    std::error_code ignored;
    return fs::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

bool is_exercise(const ExerciseKind& kind, const fs::path& folder) {
    std::error_code ignored;
    return fs::is_regular_file(folder / kind.file, ignored);
}

void add_exercises(
    const ExerciseKind& kind, const fs::path& root, std::vector<std::string>& found) {
    std::error_code ignored;
    std::vector<std::string> here;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
        if (entry.is_directory(ignored) && is_exercise(kind, entry.path())) {
            here.push_back(entry.path().string());
        }
    }
    std::ranges::sort(here);
    for (auto& folder : here) {
        const auto name = fs::path(folder).filename();
        if (std::ranges::none_of(
                found, [&](const auto& other) { return fs::path(other).filename() == name; })) {
            found.push_back(std::move(folder));
        }
    }
}

} // namespace

std::vector<std::string> trusted_roots() {
    std::vector<std::string> roots;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    if (const char* chosen = std::getenv("LABCTL_LABS_DIR"); chosen != nullptr) {
        roots.emplace_back(chosen);
    }
    roots.push_back(executable_folder() + "/../share/labctl/labs");
    return roots;
}

std::vector<std::string> exercise_roots() {
    auto roots = trusted_roots();
    const auto installed = roots.end() - 1; // the last place to look
    roots.insert(installed, {".", "labs"});
    return roots;
}

std::vector<std::string> find_exercises(const ExerciseKind& kind, const std::string& directory) {
    std::vector<std::string> found;
    const auto roots = directory.empty() ? exercise_roots() : std::vector{directory};
    for (const auto& root : roots) {
        add_exercises(kind, root, found);
        add_exercises(kind, fs::path(root) / kind.plural, found);
    }
    return found;
}

std::string find_exercise(const ExerciseKind& kind, const std::string& name) {
    std::error_code ignored;
    if (is_exercise(kind, name)) {
        auto folder = fs::absolute(name).lexically_normal().string();
        while (folder.size() > 1 && folder.back() == '/') { // of "." or "x/"
            folder.pop_back();
        }
        return folder;
    }
    if (fs::is_directory(name, ignored)) {
        throw netemu::UsageError(
            "'" + name + "' is no " + kind.word + ": it has no " + kind.file,
            "`labctl " + std::string(kind.word) + " ls` lists those that there are");
    }
    return find_exercise_in(kind, name, exercise_roots());
}

std::string find_exercise_in(
    const ExerciseKind& kind, const std::string& name, const std::vector<std::string>& roots) {
    std::vector<std::string> names;
    for (const auto& root : roots) {
        for (const auto& folder : find_exercises(kind, root)) {
            names.push_back(fs::path(folder).filename().string());
            if (names.back() == name) {
                return fs::absolute(folder).lexically_normal().string();
            }
        }
    }
    const auto near = netemu::nearest(name, names);
    throw netemu::UsageError(
        "there is no " + std::string(kind.word) + " '" + name + "'",
        near ? "did you mean '" + *near + "'?"
             : "`labctl " + std::string(kind.word) +
                   " ls` lists those that there are; LABCTL_LABS_DIR says where to look");
}

std::string json_text(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

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

void forget_exercise(const Context& context, const learn::Session& session) {
    if (session.has_lab) {
        end_lab(context, supervisor::LabPaths::of(session.name), false);
    }
    sessions_here().remove(session.name);
    throw InterruptedError();
}

Options options_for(const Context& context, const std::string& lab, bool quiet) {
    Options options = context.options();
    options.lab = lab;
    options.ns.clear();
    options.all_namespaces = true;
    options.output = "table";
    options.arguments.clear();
    options.files.clear();
    options.selector.clear();
    options.quiet = options.quiet || quiet;
    return options;
}

bool start_exercise_lab(
    const Context& context, const learn::Variant& variant, const std::string& name) {
    supervisor::check_lab_name(name);
    const auto paths = supervisor::LabPaths::of(name);
    if (is_up(paths)) {
        throw netemu::UsageError(
            "lab '" + name + "' is up already", "`labctl down " + name + "` takes it down");
    }
    if (fs::exists(paths.journal)) {
        throw netemu::UsageError(
            "there was a lab '" + name + "', which can come back by `labctl up " + name + "`",
            "`labctl down " + name + "` forgets it");
    }
    auto options = options_for(context, name, false);
    options.name = name;
    options.arguments = {variant.directory};
    options.variables = variant.values;
    const Context own(options);
    auto input = read_lab_input(own);
    std::erase_if(input.objects, [](const api::Object& o) { return o.kind() == "Check"; });
    supervisor::remove_run_files(paths);
    return start_lab(own, paths, input, kExerciseWaitMs).has_value();
}

std::vector<api::Json> all_objects(Client& client) {
    std::vector<api::Json> objects;
    const auto kinds = client.request("GET", "/apis/labctl.dev/v1/kinds");
    for (const auto& kind : kinds.at("kinds")) {
        if (kind.at("count") == 0) {
            continue;
        }
        KindTarget target;
        target.kind = kind.at("kind");
        target.api_version = kind.at("apiVersion");
        target.plural = kind.at("plural");
        target.namespaced = kind.at("namespaced");
        auto list = client.request("GET", resource_path(target, ""));
        for (auto& item : list.at("items")) {
            item.emplace("kind", target.kind); // what lists leave out
            item.emplace("apiVersion", target.api_version);
            objects.push_back(std::move(item));
        }
    }
    return objects;
}

learn::Snapshot snapshot_of(Client& client) {
    return learn::take_snapshot(all_objects(client));
}

void wait_until_settled(Client& client, std::chrono::milliseconds limit) {
    const auto deadline = netemu::Clock::now() + limit;
    const auto is_moving = [](const json& pod) {
        if (!api::at(pod, "metadata.deletionTimestamp").is_null()) {
            return true;
        }
        const auto phase = api::string_at(pod, "status.phase");
        bool ready = phase == "Succeeded" || phase == "Failed";
        if (const auto& conditions = api::at(pod, "status.conditions"); conditions.is_array()) {
            for (const auto& condition : conditions) {
                ready = ready || (condition.value("type", "") == "Ready" &&
                                  condition.value("status", "") == "True");
            }
        }
        return !ready;
    };
    for (;;) {
        const auto pods = client.request("GET", "/api/v1/pods");
        if (std::ranges::none_of(pods.at("items"), is_moving) || netemu::Clock::now() >= deadline) {
            return;
        }
        std::this_thread::sleep_for(kSettleStep);
    }
}

std::vector<std::string> namespaces_of(Client& client) {
    std::vector<std::string> names;
    const auto list = client.request("GET", "/api/v1/namespaces");
    for (const auto& item : list.at("items")) {
        names.push_back(item.at("metadata").at("name"));
    }
    return names;
}

void apply_answer(Client& client, const learn::Answer& answer) {
    constexpr std::chrono::milliseconds kGoneMax(3000);
    if (!answer.deleted.empty()) {
        json keys = json::array();
        for (const auto& reference : answer.deleted) {
            const auto key = learn::key_of(reference);
            keys.push_back({{"kind", key.kind}, {"namespace", key.ns}, {"name", key.name}});
        }
        client.request(
            "POST", "/apis/labctl.dev/v1/delete", {{"objects", keys}, {"gracePeriodSeconds", 0}});
        wait_until_settled(client, kGoneMax);
    }
    auto objects = json::array();
    for (const auto& name : answer.namespaces) {
        objects.push_back(object_entry(
            {{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}}, {}}));
    }
    for (const auto& object : answer.objects) {
        objects.push_back(object_entry(object));
    }
    if (!objects.empty()) {
        client.request(
            "POST", "/apis/labctl.dev/v1/apply", {{"objects", objects}, {"dryRun", false}});
    }
}

std::vector<std::string> opened_flows(
    const Context& context, const learn::Challenge& challenge, const learn::Variant& variant) {
    if (challenge.over_permissive <= 0 || !learn::has_solution(variant.directory)) {
        return {};
    }
    auto options = options_for(context, context.options().lab, true);
    options.variables = variant.values;
    const Context own(options);
    auto input = read_cluster_input(own, {variant.directory});
    const auto solution =
        learn::read_answer(variant.directory + "/solution", variant.read_options());
    std::erase_if(input.objects, [&](const api::Object& object) {
        const auto reference =
            object.kind() + "/" + (object.ns().empty() ? "" : object.ns() + "/") + object.name();
        return std::ranges::find(solution.deleted, reference) != solution.deleted.end();
    });
    input.objects.insert(input.objects.end(), solution.objects.begin(), solution.objects.end());
    const auto found = store_of_lab(own);
    const auto wanted = imagine_cluster(*found.list("Lab").at(0), input.objects, true);
    const auto wanted_world = compile::enforced_world(wanted);
    const auto found_world = compile::enforced_world(found);
    const auto diff = compile::diff_policies(wanted_world, found_world);
    std::vector<std::string> opened;
    for (const auto& change : diff.changes) {
        if (change.after.allowed > change.before.allowed) {
            opened.push_back(change.from + " -> " + change.to + " " + change.port.to_string());
        }
    }
    return opened;
}

ScratchLab::ScratchLab(
    const Context& context, const learn::Variant& variant, const std::string& name)
    : options_(options_for(context, name, true)), context_(options_),
      paths_(supervisor::LabPaths::of(name)) {
    if (!start_exercise_lab(context_, variant, name)) {
        throw InterruptedError();
    }
}

ScratchLab::~ScratchLab() {
    try {
        end_lab(context_, paths_, false);
    } catch (const std::exception& error) {
        context_.console().warn(error.what());
    }
}

Client ScratchLab::connect() const {
    return Client::connect(paths_.socket);
}

Trial::Trial(
    const Context& context,
    const learn::LoadedChallenge& loaded,
    const learn::Variant& variant,
    const std::string& name)
    : loaded_(loaded), variant_(variant), lab_(context, variant, name) {
    auto client = connect();
    baseline_ = snapshot_of(client);
}

void Trial::apply(const learn::Answer& answer) {
    auto client = connect();
    apply_answer(client, answer);
}

void Trial::judge(learn::Grade& grade) {
    constexpr std::chrono::milliseconds kSettleMax(3000);
    auto client = connect();
    wait_until_settled(client, kSettleMax);
    learn::ScoreInput input;
    input.tampered =
        learn::protected_changes(baseline_, snapshot_of(client), loaded_.challenge.protect);
    input.opened = opened_flows(lab_.context(), loaded_.challenge, variant_);
    input.hint_cost = grade.score.input.hint_cost;
    grade.report = cli::judge(lab_.context(), client, loaded_.assertions, false);
    grade.score = learn::score(loaded_, grade.report, std::move(input));
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
