#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <span>

#include "labctl/cli/assertions.h"
#include "labctl/cli/input.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/lint.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/overview.h"
#include "labctl/cli/underlay_input.h"
#include "labctl/cli/verdicts.h"
#include "labctl/manifest/read.h"
#include "labctl/report/graph.h"
#include "labctl/report/printer.h"
#include "labctl/report/table.h"
#include "netemu/kernel/features.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

/// What is known of a lab from its name: its state, and how much of it there is.
json entry_of(const std::string& name) {
    const auto paths = supervisor::LabPaths::of(name);
    json entry{{"name", name}, {"state", "gone"}};
    if (!supervisor::lab_alive(paths)) {
        return entry;
    }
    entry["state"] = "starting";
    try {
        const auto status =
            Client::connect(paths.socket).request("GET", "/apis/labctl.dev/v1/status");
        if (status.at("phase") == "Running") {
            entry["state"] = "up";
            entry["nodes"] = status.at("nodes");
            entry["pods"] = status.at("pods");
            entry["pid"] = status.at("supervisor").at("pid");
        }
    } catch (const netemu::Error&) {
        entry["state"] = "not answering";
    }
    return entry;
}

/// Whether the lab's nodes encrypt.
bool encrypted(const json& status) {
    const auto& cni = status.at("cni");
    return cni.contains("encryption") && !cni.at("encryption").is_null();
}

} // namespace

int run_ls(const Context& context) {
    auto table = report::Table::of({"NAME", "STATE", "NODES", "PODS", "SUPERVISOR"});
    json list = json::array();
    for (const auto& name : supervisor::known_labs()) {
        auto entry = entry_of(name);
        const auto text = [&](const char* field) {
            return entry.contains(field) ? entry[field].dump() : std::string("-");
        };
        table.add(
            {name, entry["state"].get<std::string>(), text("nodes"), text("pods"), text("pid")});
        list.push_back(std::move(entry));
    }
    const auto& output = context.options().output;
    if (output == "json") {
        std::cout << json{{"labs", list}}.dump(2) << "\n";
    } else if (output == "name") {
        for (const auto& entry : list) {
            std::cout << entry["name"].get<std::string>() << "\n";
        }
    } else if (list.empty()) {
        context.console().progress("no labs; `labctl up` brings one up");
    } else {
        std::cout << table.render();
    }
    return 0;
}

namespace {

/// "3 in userspace, 12 packets dropped, see `labctl get identities`".
std::string tunnels_text(const json& tunnels) {
    std::uint64_t dropped = 0;
    for (const auto& tunnel : tunnels) {
        dropped += tunnel.at("dropped").get<std::uint64_t>();
    }
    return std::to_string(tunnels.size()) + " in userspace, " + std::to_string(dropped) +
           " packets dropped" + (dropped > 0 ? ", see `labctl get identities`" : "");
}

/// "2 enforced"; "0 of 2 enforced" under a CNI profile that enforces none.
std::string enforced_of(const json& policies) {
    const auto& enforced = policies.at("enforced");
    const auto& stored = policies.at("stored");
    return enforced.dump() + (stored == enforced ? "" : " of " + stored.dump()) + " enforced";
}

} // namespace

int run_status(const Context& context) {
    const auto paths = context.lab();
    auto client = context.client();
    const auto status = client.request("GET", "/apis/labctl.dev/v1/status");
    if (context.options().output == "json") {
        std::cout << status.dump(2) << "\n";
        return 0;
    }
    auto table = report::Table::of({"WHAT", "VALUE"});
    const auto memory = [](const json& process) {
        return "pid " + process.at("pid").dump() + ", " +
               std::to_string(process.at("residentBytes").get<std::uint64_t>() >> 20U) + " MiB";
    };
    table.add({"lab", paths.name});
    table.add({"phase", status.at("phase").get<std::string>()});
    if (status.contains("nodes")) {
        table.add({"nodes", status.at("nodes").dump()});
        table.add(
            {"pods",
             status.at("pods").dump() + ", " + std::to_string(status.at("podsNotReady").size()) +
                 " not ready"});
        table.add({"network namespaces", status.at("namespaces").dump()});
        table.add(
            {"cni",
             status.at("cni").at("profile").get<std::string>() + ", " +
                 status.at("cni").at("overlay").get<std::string>() +
                 (status.at("cni").value("crossSubnet", false) ? " across subnets" : "") +
                 (encrypted(status) ? ", WireGuard" : "") + ", MTU " +
                 status.at("cni").at("mtu").dump()});
        if (const auto tunnels = status.find("tunnels"); tunnels != status.end()) {
            table.add({"tunnels", tunnels_text(*tunnels)});
        }
        if (const auto bgp = bgp_status_line(status); !bgp.empty()) {
            table.add({"bgp", bgp});
        }
        if (const auto proxy = status.find("proxy"); proxy != status.end()) {
            table.add(
                {"proxy",
                 proxy->at("mode").get<std::string>() + ", " +
                     proxy->at("layout").get<std::string>() + " layout, " +
                     proxy->at("servicePorts").dump() + " service ports"});
        }
        if (const auto policies = status.find("policies"); policies != status.end()) {
            table.add(
                {"policies",
                 enforced_of(*policies) + ", established connections: " +
                     policies->at("established").get<std::string>()});
        }
        if (const auto faults = status.value("faults", 0); faults > 0) {
            table.add(
                {"faults",
                 {std::to_string(faults) + " in force, see `labctl fault list`",
                  report::Colour::Yellow}});
        }
        table.add({"supervisor", memory(status.at("supervisor"))});
        table.add({"data plane", memory(status.at("dataPlane"))});
        table.add({"journal", status.at("journal").at("path").get<std::string>()});
    }
    std::cout << table.render();
    if (const auto policies = status.value("policies", json::object());
        policies.contains("warning")) {
        context.console().warn(policies.at("warning").get<std::string>());
    }
    const auto not_ready = status.value("podsNotReady", json::object());
    for (const auto& [pod, reason] : not_ready.items()) {
        context.console().warn(pod + " is not ready: " + reason.get<std::string>());
    }
    return 0;
}

int run_events(const Context& context) {
    if (context.options().dns) {
        return run_dns_events(context);
    }
    if (context.options().drops) {
        return run_drops(context);
    }
    auto client = context.client();
    const auto ns = context.options().ns;
    report::PrintOptions options;
    options.show_namespace = ns.empty();
    options.now = std::time(nullptr);
    const auto path = "/api/v1" + (ns.empty() ? "" : "/namespaces/" + url_encode(ns)) + "/events";
    const auto object_of = [](const json& body) -> api::ObjectPtr {
        return std::make_shared<api::Object>(api::Object{body, {}});
    };
    if (context.options().watch) {
        client.stream("GET", path + "?watch=true", nullptr, [&](const json& line) {
            const auto object = object_of(line.at("object"));
            std::cout << report::print_table("Event", {&object, 1}, options) << std::flush;
            options.headers = false;
            return static_cast<bool>(std::cout);
        });
        return 0;
    }
    const auto list = client.request("GET", path);
    if (context.options().output == "json") {
        std::cout << list.dump(2) << "\n";
        return 0;
    }
    std::vector<api::ObjectPtr> objects;
    for (const auto& item : list.at("items")) {
        objects.push_back(object_of(item));
    }
    std::cout << report::print_table("Event", objects, options);
    return 0;
}

int run_doctor(const Context& context) {
    const auto features = netemu::detect_features(netemu::FeatureScope::All);
    auto table = report::Table::of({"FEATURE", "STATE", "NEEDED", "WHY NOT"});
    bool able = true;
    json list = json::array();
    for (const auto& feature : features) {
        able = able && (feature.available || !feature.required);
        table.add(
            {feature.name,
             feature.available ? "yes" : "no",
             feature.required ? "always" : "for some labs",
             feature.why_not});
        list.push_back(
            {{"name", feature.name},
             {"available", feature.available},
             {"required", feature.required},
             {"whyNot", feature.why_not},
             {"remedy", feature.remedy}});
    }
    if (context.options().output == "json") {
        std::cout << json{{"able", able}, {"features", list}}.dump(2) << "\n";
    } else {
        std::cout << table.render();
        for (const auto& feature : features) {
            if (!feature.available && feature.required && !feature.remedy.empty()) {
                context.console().hint(feature.name + ": " + feature.remedy);
            }
        }
        context.console().progress(able ? "this host can run labs" : "this host cannot run labs");
    }
    return static_cast<int>(able ? netemu::ExitCode::Ok : netemu::ExitCode::HostCannot);
}

int run_plan(const Context& context) {
    const auto& options = context.options();
    if (!options.arguments.empty() || !options.files.empty()) {
        return print_plan(context, read_lab_input(context));
    }
    auto client = context.client();
    const auto plan = client.request("GET", "/apis/labctl.dev/v1/plan");
    for (const auto& line : plan.at("lines")) {
        std::cout << line.get<std::string>() << "\n";
    }
    context.console().progress(
        plan.at("lines").empty()
            ? "the kernel is as the objects say"
            : std::to_string(plan.at("lines").size()) +
                  " operations would bring the kernel to what the objects say");
    return 0;
}

namespace {

/// A lab has a lab file, manifests in a folder of their own, or checks.
bool is_lab_folder(const std::string& path) {
    const std::filesystem::path folder(path);
    std::error_code ignored;
    return std::filesystem::is_directory(folder, ignored) &&
           std::ranges::any_of(
               std::vector<std::string>{
                   "lab.yaml", "lab.yml", "manifests", "checks.yaml", "checks.yml"},
               [&](const auto& name) { return std::filesystem::exists(folder / name, ignored); });
}

/// Everything in it, as `up` reads it: the lab file and the checks too.
manifest::ReadResult
read_lab_folder(const std::vector<std::string>& inputs, manifest::ReadOptions choices) {
    choices.variables = exercise_variables(inputs.front());
    auto read = manifest::read_lab(inputs.front(), std::span(inputs).subspan(1), choices);
    auto result = std::move(read.manifests);
    if (read.lab) {
        result.objects.push_back(std::move(*read.lab));
    }
    if (!read.check_files.empty()) {
        auto checks = manifest::read_checks(read.check_files, choices);
        std::ranges::move(checks.assertions, std::back_inserter(result.assertions));
        for (auto& finding : checks.findings.list) {
            result.findings.add(std::move(finding));
        }
    }
    return result;
}

} // namespace

int run_lint(const Context& context) {
    const auto& options = context.options();
    auto inputs = options.arguments;
    inputs.insert(inputs.end(), options.files.begin(), options.files.end());
    if (inputs.empty()) {
        throw netemu::UsageError("nothing to lint", "labctl lint FILE or DIRECTORY");
    }
    manifest::ReadOptions choices;
    choices.strict = options.strict;
    choices.recursive = options.recursive;
    choices.bare_lists = true;
    manifest::ReadResult result;
    (void)assertions_of([&] {
        result = is_lab_folder(inputs.front()) ? read_lab_folder(inputs, choices)
                                               : manifest::read_manifests(inputs, choices);
        std::cerr << manifest::format(result.findings);
        return result.assertions;
    });
    for (const auto& kind : result.untyped_kinds) {
        context.console().progress(
            kind.kind + " (" + kind.api_version + "): stored, nothing acts on it");
    }
    for (const auto& object : result.objects) {
        if (object.kind() == "Lab") {
            check_lab_config(object);
        }
    }
    const auto meant = lint_objects(result);
    std::cerr << manifest::format(meant);
    const auto warnings = result.findings.warnings + meant.warnings;
    const auto assertions = result.assertions.size();
    std::cout << result.objects.size() << " objects "
              << (assertions == 0 ? "" : "and " + std::to_string(assertions) + " assertions ")
              << "are valid, " << warnings << " warnings\n";
    return static_cast<int>(
        options.strict && meant.warnings != 0 ? netemu::ExitCode::Usage : netemu::ExitCode::Ok);
}

namespace {

/// The links of an underlay that is a topology; none where there is only the segment.
std::vector<report::GraphLink> graph_links(Client& client) {
    std::vector<report::GraphLink> links;
    const auto list = client.request("GET", "/apis/labctl.dev/v1/links");
    for (const auto& link : list.at("items")) {
        const auto field = [&](const char* end, const char* name) {
            return link.at(end).at(name).get<std::string>();
        };
        if (field("a", "place") == "underlay") {
            return {};
        }
        auto label = field("a", "impairment");
        if (const auto back = field("b", "impairment"); back != label) {
            label = "> " + (label.empty() ? "-" : label) + ", < " + (back.empty() ? "-" : back);
        }
        links.push_back({field("a", "place"), field("b", "place"), std::move(label)});
    }
    return links;
}

} // namespace

int run_graph(const Context& context) {
    const auto paths = context.lab();
    auto client = context.client();
    const auto objects = lab_objects(client);
    const auto status = client.request("GET", "/apis/labctl.dev/v1/status");
    report::GraphInput input;
    input.title = paths.name;
    input.objects = objects;
    const auto& outside = status.at("externalAddresses");
    input.external_ip = outside.empty() ? "" : outside.at(0).get<std::string>();
    const auto& cni = status.at("cni");
    input.bridge = cni.at("ports");
    const auto overlay = cni.at("overlay").get<std::string>();
    input.overlay = encrypted(status) ? "WireGuard" : overlay == "none" ? "" : overlay;
    input.links = graph_links(client);
    input.underlay = input.links.empty() ? input.underlay : "topology";
    const auto& output = context.options().output;
    std::cout << report::graph(
        input, output == "table" ? report::GraphFormat::Ascii : report::parse_graph_format(output));
    return 0;
}

} // namespace labctl::cli
