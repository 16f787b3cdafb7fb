#include "labctl/api/fault.h"

#include <iostream>

#include "labctl/cli/traffic.h"
#include "labctl/report/table.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

constexpr const char* kFaultsPath = "/apis/labctl.dev/v1/faults";
constexpr const char* kHealPath = "/apis/labctl.dev/v1/heal";

/// The words of api::parse_fault: what stands on the command line, with the flags that were given.
api::Fault fault_of(const Options& options) {
    auto words = options.arguments;
    const auto add = [&](const char* flag, const std::string& value) {
        if (!value.empty()) {
            words.emplace_back(flag);
            words.push_back(value);
        }
    };
    add("--share", options.share);
    add("--proto", options.protocol);
    add("--port", options.port);
    add("--direction", options.direction);
    add("--period", options.period);
    add("--count", options.rounds);
    add("--for", options.heal_after);
    for (const auto& [name, value] : options.link_changes) {
        words.push_back("--" + name);
        words.push_back(value);
    }
    return api::parse_fault(words);
}

bool fault_wants_json(const Options& options) {
    if (options.output != "table" && options.output != "json" && options.output != "name") {
        throw netemu::UsageError(
            "no output format '" + options.output + "'", "table, json or name");
    }
    return options.output == "json";
}

std::string fault_detail(const json& fault) {
    if (fault.contains("dropped")) {
        return fault.at("dropped").dump() + " packets dropped";
    }
    if (fault.contains("ready")) {
        return std::string(fault.at("ready").get<bool>() ? "ready" : "not ready") + ", " +
               fault.at("rounds").dump() + " times so far";
    }
    return {};
}

int list_faults(const Context& context) {
    const auto& options = context.options();
    const bool as_json = fault_wants_json(options);
    auto client = context.client();
    const auto list = client.request("GET", kFaultsPath);
    if (as_json) {
        std::cout << list.dump(2) << "\n";
        return 0;
    }
    auto table = report::Table::of({"ID", "FAULT", "AGE", "HEALS IN", "DETAIL"});
    for (const auto& fault : list.at("items")) {
        const auto id = fault.at("id").get<std::string>();
        if (options.output == "name") {
            std::cout << id << "\n";
            continue;
        }
        const auto heals = fault.find("healsInMicros");
        table.add(
            {id,
             fault.at("fault").get<std::string>(),
             netemu::format_duration_us(fault.at("ageMicros")),
             heals == fault.end() ? "-" : netemu::format_duration_us(*heals),
             fault_detail(fault)});
    }
    if (options.output == "table") {
        if (table.empty()) {
            context.console().progress("nothing is broken; see `labctl fault --help`");
        } else {
            std::cout << table.render();
        }
    }
    return 0;
}

int heal(const Context& context, json question) {
    const bool as_json = fault_wants_json(context.options());
    question["namespace"] = context.ns();
    auto client = context.client();
    const auto healed = client.request("POST", kHealPath, question);
    if (as_json) {
        std::cout << healed.dump(2) << "\n";
        return 0;
    }
    for (const auto& fault : healed.at("items")) {
        std::cout << fault.at("id").get<std::string>()
                  << " healed: " << fault.at("fault").get<std::string>() << "\n";
    }
    if (healed.at("items").empty()) {
        context.console().progress("nothing is broken");
    }
    return 0;
}

/// The one word behind the verb.
const std::string& fault_word(const Options& options, const std::string& wanted) {
    if (options.arguments.size() != 2) {
        throw netemu::UsageError(options.arguments.at(0) + " needs " + wanted);
    }
    return options.arguments[1];
}

bool is_fault_id(const std::string& word) {
    return word.size() > 1 && word[0] == 'f' &&
           word.find_first_not_of("0123456789", 1) == std::string::npos;
}

int clear_faults(const Context& context) {
    const auto& options = context.options();
    if (options.all) {
        return heal(context, {{"all", true}});
    }
    const auto& word = fault_word(options, "the ID of a fault, a target, or --all");
    return heal(context, {{is_fault_id(word) ? "id" : "target", word}});
}

int inject(const Context& context) {
    const auto& options = context.options();
    const bool as_json = fault_wants_json(options);
    const auto fault = fault_of(options); // what is wrong is said before the lab is asked
    auto client = context.client();
    const auto active = client.request(
        "POST", kFaultsPath, {{"fault", api::to_string(fault)}, {"namespace", context.ns()}});
    const auto id = active.at("id").get<std::string>();
    if (as_json) {
        std::cout << active.dump(2) << "\n";
    } else if (options.output == "name") {
        std::cout << id << "\n";
    } else {
        std::cout << id << ": " << active.at("fault").get<std::string>() << "\n";
        context.console().hint("`labctl fault clear " + id + "` heals it");
    }
    return 0;
}

} // namespace

int run_fault(const Context& context) {
    const auto& options = context.options();
    const auto& verb = options.arguments.at(0);
    if (verb == "list" || verb == "ls") {
        return list_faults(context);
    }
    if (verb == "clear") {
        return clear_faults(context);
    }
    if (verb == "restore" || verb == "start") {
        if (options.arguments.size() == 3) {
            return heal(
                context,
                {{"verb", "link"},
                 {"target", options.arguments[1]},
                 {"peer", options.arguments[2]}});
        }
        const bool node = verb == "start";
        const auto& target =
            fault_word(options, node ? "node/NODE" : "the target of a cut or of bgp");
        return heal(context, {{"verb", node ? "stop" : "restore"}, {"target", target}});
    }
    return inject(context);
}

} // namespace labctl::cli
