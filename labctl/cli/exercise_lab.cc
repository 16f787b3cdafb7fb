#include "labctl/cli/exercise_lab.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "labctl/cli/input.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/policies.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/explain/policy_diff.h"
#include "netemu/base/event_loop.h"

namespace labctl::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kExerciseWaitMs = 3000; // some start with pods that never get ready
constexpr std::chrono::milliseconds kSettleStep(10);

} // namespace

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
    options.warnings = options.warnings && !quiet;
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
    const auto diff = explain::diff_policies(wanted_world, found_world);
    std::vector<std::string> opened;
    for (const auto& change : diff.changes) {
        if (change.after.allowed > change.before.allowed) {
            opened.push_back(change.from + " -> " + change.to + " " + change.port.to_string());
        }
    }
    return opened;
}

} // namespace labctl::cli
