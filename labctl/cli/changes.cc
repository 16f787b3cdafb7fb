#include <algorithm>
#include <iostream>
#include <optional>
#include <set>

#include "labctl/cli/input.h"
#include "labctl/cli/lab_conform.h"
#include "labctl/cli/objects.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

std::string resource_name(const json& item) {
    return netemu::to_lower(item.at("kind").get<std::string>()) + "/" +
           item.at("name").get<std::string>();
}

/// "3 operations: 1 add route, 2 create link" for people.
std::string summary(const json& report) {
    std::size_t total = 0;
    std::vector<std::string> parts;
    for (const auto& [what, count] : report.at("operations").items()) {
        total += count.get<std::size_t>();
        parts.push_back(std::to_string(count.get<std::size_t>()) + " " + what);
    }
    if (total == 0) {
        return "the network is unchanged";
    }
    return std::to_string(total) + (total == 1 ? " operation: " : " operations: ") +
           netemu::join(parts, ", ");
}

void print_report(const Context& context, const json& report, bool dry_run) {
    if (context.options().output == "json") {
        std::cout << report.dump(2) << "\n";
        return;
    }
    for (const auto& item : report.at("objects")) {
        std::cout << resource_name(item);
        if (context.options().output != "name") {
            std::cout << " " << item.at("action").get<std::string>()
                      << (dry_run ? " (dry run)" : "");
        }
        std::cout << "\n";
    }
    if (context.options().output == "name") {
        return;
    }
    for (const auto& line : report.at("lines")) {
        std::cout << "  " << line.get<std::string>() << "\n";
    }
    for (const auto& warning : report.at("warnings")) {
        context.console().warn(warning.get<std::string>());
    }
    context.console().step(summary(report), report.at("elapsedMicros"));
}

/// One object named as KIND NAME or KIND/NAME.
KindTarget single_target(Client& client, const std::vector<std::string>& words) {
    auto targets = parse_targets(client, words);
    if (targets.size() != 1 || targets[0].names.size() != 1) {
        throw netemu::UsageError("name one object: KIND NAME or KIND/NAME");
    }
    return targets[0];
}

/// kubectl's rules: 0 seconds only with --force; without it, 1.
std::optional<std::int64_t> grace_period(const Options& options) {
    if (options.now && options.grace_period >= 0) {
        throw netemu::UsageError("--now and --grace-period cannot be specified together");
    }
    if (options.force && options.grace_period > 0) {
        throw netemu::UsageError(
            "--force and --grace-period greater than 0 cannot be specified together");
    }
    if (options.force) {
        return 0;
    }
    if (options.now) {
        return 1;
    }
    return options.grace_period < 0
               ? std::nullopt
               : std::optional(std::max<std::int64_t>(1, options.grace_period));
}

/// The watch begins where the deletion has left the store, so that no end is missed.
void wait_until_gone(Client& client, const json& report) {
    std::set<std::pair<std::string, std::string>> waiting;
    for (const auto& pod : report.at("terminating")) {
        waiting.emplace(pod.at("namespace"), pod.at("name"));
    }
    client.stream(
        "GET",
        "/api/v1/pods?watch=1&resourceVersion=" + report.at("resourceVersion").get<std::string>(),
        nullptr,
        [&](const json& line) {
            const auto& metadata = line.at("object").at("metadata");
            if (line.at("type") == "DELETED") {
                waiting.erase({metadata.at("namespace"), metadata.at("name")});
            }
            return !waiting.empty();
        });
}

json key_json(const KindTarget& target, const std::string& ns, const std::string& name) {
    return {{"kind", target.kind}, {"namespace", target.namespaced ? ns : ""}, {"name", name}};
}

} // namespace

int apply_objects(
    const Context& context, Client& client, const std::vector<api::Object>& objects, bool dry_run) {
    const auto report = client.request(
        "POST",
        "/apis/labctl.dev/v1/apply",
        {{"objects", object_entries(objects)}, {"dryRun", dry_run}});
    print_report(context, report, dry_run);
    return 0;
}

int run_apply(const Context& context) {
    if (context.options().files.empty()) {
        throw netemu::UsageError("nothing to apply", "labctl apply -f FILE, DIRECTORY or -");
    }
    auto client = context.client();
    std::vector<std::string> namespaces;
    const auto known = client.request("GET", "/api/v1/namespaces");
    for (const auto& item : known.at("items")) {
        namespaces.push_back(item.at("metadata").at("name"));
    }
    const auto input = read_lab_objects(context, context.options().files, std::move(namespaces));
    std::optional<LabDifference> change;
    if (input.has_lab) {
        const auto running = running_lab(client);
        auto wanted = input.lab;
        override_as_running(running, wanted);
        if (wanted.name() != running.name()) {
            throw netemu::UsageError(
                "the Lab '" + wanted.name() + "' in " + wanted.source.to_string() +
                    " is not the one that runs, '" + running.name() + "'",
                "`labctl up` brings a lab up; leave its Lab object out to apply the others here");
        }
        change = change_of_lab(running, wanted);
    }
    const int status = apply_objects(context, client, input.objects, context.options().dry_run);
    if (change) {
        conform_lab(context, client, *change);
    }
    return status;
}

namespace {

/// The names that a target gives, or those of all objects that the selector selects.
std::vector<std::string>
chosen_names(const Context& context, Client& client, const KindTarget& target) {
    auto names = target.names;
    if (!names.empty()) {
        return names;
    }
    const auto& options = context.options();
    if (options.selector.empty() && options.field_selector.empty() && !options.all) {
        throw netemu::UsageError(
            "which " + target.plural + "?",
            "give names, -l SELECTOR, --field-selector SELECTOR or --all");
    }
    const auto list =
        client.request("GET", resource_path(target, context.ns()) + "?" + selector_query(options));
    for (const auto& item : list.at("items")) {
        names.push_back(item.at("metadata").at("name"));
    }
    return names;
}

} // namespace

int run_delete(const Context& context) {
    const auto& options = context.options();
    auto client = context.client();
    json keys = json::array();
    for (const auto& object : read_named_objects(context, options.files)) {
        keys.push_back(
            {{"kind", object.kind()}, {"namespace", object.ns()}, {"name", object.name()}});
    }
    if (!options.arguments.empty()) {
        for (const auto& target : parse_targets(client, options.arguments)) {
            for (const auto& name : chosen_names(context, client, target)) {
                keys.push_back(key_json(target, context.ns(), name));
            }
        }
    } else if (options.files.empty()) {
        throw netemu::UsageError("nothing to delete", "labctl delete KIND NAME, or -f FILE");
    }
    json request{{"objects", keys}};
    if (const auto grace = grace_period(options)) {
        request["gracePeriodSeconds"] = *grace;
    }
    const auto report = client.request("POST", "/apis/labctl.dev/v1/delete", request);
    print_report(context, report, false);
    if (options.wait_for_end && !report.at("terminating").empty()) {
        wait_until_gone(client, report);
    }
    return 0;
}

int run_scale(const Context& context) {
    auto client = context.client();
    const auto target = single_target(client, context.options().arguments);
    client.request(
        "PUT",
        resource_path(target, context.ns(), target.names[0]) + "/scale",
        {{"spec", {{"replicas", context.options().replicas}}}});
    std::cout << netemu::to_lower(target.kind) << "/" << target.names[0] << " scaled\n";
    return 0;
}

int run_label(const Context& context) {
    auto client = context.client();
    std::vector<std::string> words;
    json changes = json::object();
    for (const auto& word : context.options().arguments) {
        const auto equals = word.find('=');
        if (equals != std::string::npos) {
            changes[word.substr(0, equals)] = word.substr(equals + 1);
        } else if (!words.empty() && word.ends_with('-')) {
            changes[word.substr(0, word.size() - 1)] = nullptr;
        } else {
            words.push_back(word);
        }
    }
    if (changes.empty()) {
        throw netemu::UsageError("no label to change", "KEY=VALUE sets, KEY- removes");
    }
    json keys = json::array();
    for (const auto& target : parse_targets(client, words)) {
        for (const auto& name : chosen_names(context, client, target)) {
            keys.push_back(key_json(target, context.ns(), name));
        }
    }
    client.request(
        "POST",
        "/apis/labctl.dev/v1/label",
        {{"objects", keys}, {"labels", changes}, {"overwrite", context.options().overwrite}});
    for (const auto& key : keys) {
        std::cout << netemu::to_lower(key["kind"].get<std::string>()) << "/"
                  << key["name"].get<std::string>() << " labeled\n";
    }
    if (keys.empty()) {
        context.console().warn("no resources found");
    }
    return 0;
}

namespace {

/// `labctl set proxy-mode MODE`.
int set_proxy_mode(const Context& context, const std::string& mode) {
    auto client = context.client();
    const auto report = client.request("POST", "/apis/labctl.dev/v1/proxy-mode", {{"mode", mode}});
    if (context.options().output == "json") {
        std::cout << report.dump(2) << "\n";
        return 0;
    }
    std::cout << "proxy-mode=" << mode << "\n";
    context.console().step(summary(report), report.at("elapsedMicros"));
    return 0;
}

} // namespace

int run_set(const Context& context) {
    auto words = context.options().arguments;
    if (words.size() == 2 && words[0] == "proxy-mode") {
        return set_proxy_mode(context, words[1]);
    }
    const auto setting = words.back();
    words.pop_back();
    const auto value = setting.starts_with("ready=") ? setting.substr(6) : "";
    if (value != "true" && value != "false" && value != "auto") {
        throw netemu::UsageError(
            "cannot set '" + setting + "'",
            "labctl set POD ready=true, ready=false or ready=auto; labctl set proxy-mode MODE");
    }
    if (words.size() == 1 && words[0].find('/') == std::string::npos) {
        words.insert(words.begin(), "pod");
    }
    auto client = context.client();
    const auto target = single_target(client, words);
    if (target.kind != "Pod") {
        throw netemu::UsageError("only pods have a readiness to set");
    }
    const json wanted = value == "auto" ? json(nullptr) : json(value);
    client.request(
        "PATCH",
        resource_path(target, context.ns(), target.names[0]),
        {{"metadata", {{"annotations", {{"labctl.dev/ready", wanted}}}}}});
    std::cout << "pod/" << target.names[0] << " ready=" << value << "\n";
    return 0;
}

} // namespace labctl::cli
