#include "labctl/cli/input.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "labctl/cli/check_places.h"
#include "labctl/cli/conflist_input.h"
#include "labctl/cli/embedded/embedded.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/underlay_input.h"
#include "labctl/compile/cluster.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/proxies.h"
#include "labctl/learn/variant.h"
#include "labctl/manifest/read.h"
#include "labctl/store/journal.h"
#include "netemu/model/plan.h"

namespace labctl::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kDemo = "labs/demo/";
constexpr const char* kFlags = "labctl.dev/flags"; // of a Lab: those that it came up with

manifest::ReadOptions read_options(const Context& context) {
    manifest::ReadOptions options;
    options.strict = context.options().strict;
    options.recursive = context.options().recursive;
    options.variables = context.options().variables;
    if (!context.options().ns.empty()) {
        options.default_namespace = context.options().ns;
    }
    return options;
}

/// Warnings of a valid input, and the kinds that are only kept.
void print_findings(const Context& context, const manifest::ReadResult& result) {
    if (context.options().warnings) {
        std::cerr << manifest::format(result.findings);
    }
    for (const auto& kind : result.untyped_kinds) {
        context.console().progress(
            kind.kind + " (" + kind.api_version + "): stored, nothing acts on it");
    }
}

/// The objects of an input, with the namespaces that it uses without defining them in front.
std::vector<api::Object> take_objects(manifest::ReadResult& result) {
    std::vector<api::Object> objects;
    for (const auto& name : result.implicit_namespaces) {
        objects.push_back(
            {{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}}, {}});
    }
    for (auto& object : result.objects) {
        if (object.kind() != "Lab") {
            objects.push_back(std::move(object));
        }
    }
    // Others need them, in whatever order files name them.
    std::stable_partition(objects.begin(), objects.end(), [](const api::Object& object) {
        return object.kind() == "Namespace";
    });
    return objects;
}

/// Checks as objects of the lab, so that `labctl check` finds them later.
void add_checks(
    std::vector<api::Object>& objects, const std::vector<api::AssertionInput>& assertions) {
    using Name = std::pair<std::string, std::string>;
    std::map<Name, api::Object> checks;
    std::map<Name, std::vector<api::AssertionInput>> entries;
    for (const auto& assertion : assertions) {
        const Name name{assertion.ns, assertion.check_name};
        entries[name].push_back(assertion);
        auto& check = checks[name];
        if (check.body.is_null()) {
            check.source = assertion.source;
            check.body = {
                {"apiVersion", "labctl.dev/v1"},
                {"kind", "Check"},
                {"metadata", {{"name", assertion.check_name}, {"namespace", assertion.ns}}},
                {"spec", {{"assertions", json::array()}}}};
        }
        check.body["spec"]["assertions"].push_back(assertion.value);
    }
    for (auto& [name, check] : checks) {
        note_places(check, entries[name]);
        const auto key = check.key();
        std::erase_if(objects, [&](const auto& object) { return object.key() == key; });
        objects.push_back(std::move(check));
    }
}

/// What relative paths of the Lab refer to.
void note_directory(api::Object& lab, const std::string& directory) {
    lab.body["metadata"]["annotations"]["labctl.dev/directory"] =
        fs::absolute(directory.empty() ? "." : directory).lexically_normal().string();
}

LabInput builtin_demo(const Context& context) {
    LabInput input;
    input.title = "the built-in demo";
    std::string text;
    for (const auto path : embedded_files(kDemo)) {
        text += std::string(embedded_file(path)) + "\n---\n";
    }
    auto result = manifest::read_text(text, "built-in demo", read_options(context));
    for (const auto& object : result.objects) {
        if (object.kind() == "Lab") {
            input.lab = object;
        }
    }
    input.objects = take_objects(result);
    return input;
}

LabInput from_files(const Context& context) {
    const auto& options = context.options();
    LabInput input;
    auto choices = read_options(context);
    if (choices.variables.empty() && !options.arguments.empty()) {
        choices.variables = exercise_variables(options.arguments[0]);
    }
    manifest::LabInput read;
    if (options.arguments.empty()) {
        read.manifests = manifest::read_manifests(options.files, choices);
        for (const auto& object : read.manifests.objects) {
            if (object.kind() == "Lab") {
                read.lab = object;
                read.directory = fs::path(object.source.file).parent_path();
            }
        }
    } else {
        read = manifest::read_lab(options.arguments[0], options.files, choices);
    }
    print_findings(context, read.manifests);
    input.has_lab = read.lab.has_value();
    if (read.lab) {
        input.lab = *read.lab;
        note_directory(input.lab, read.directory);
        if (options.cni.empty()) {
            add_conflist(input.lab, read.directory);
        }
    } else {
        constexpr std::size_t kNodes = 3;
        const auto name = options.arguments.empty()
                              ? std::string("lab")
                              : fs::path(options.arguments[0]).filename().string();
        input.lab = compile::ClusterConfig::default_lab(name.empty() ? "lab" : name, kNodes);
    }
    note_places(read.manifests);
    input.objects = take_objects(read.manifests);
    if (!read.check_files.empty()) {
        const auto checks = manifest::read_checks(read.check_files, choices);
        if (options.warnings) {
            std::cerr << manifest::format(checks.findings);
        }
        add_checks(input.objects, checks.assertions);
    }
    return input;
}

/// The Lab object of a lab that was up before.
LabInput from_journal(const supervisor::LabPaths& paths) {
    LabInput input;
    auto journal = store::Journal::open(paths.journal);
    for (auto& object : journal.load()) {
        if (object.kind() == "Lab") {
            input.lab = std::move(object);
        }
    }
    if (input.lab.body.is_null()) {
        throw netemu::Error("the journal " + paths.journal + " holds no lab");
    }
    input.title = "the journal of '" + paths.name + "'";
    return input;
}

} // namespace

namespace {

json flags_of(const api::Object& lab) {
    const auto annotations = lab.annotations();
    const auto found = annotations.find(kFlags);
    auto flags = found == annotations.end() ? json() : json::parse(found->second, nullptr, false);
    return flags.is_object() ? flags : json::object();
}

/// Those of an earlier command stay where this one has not got them.
void note_flags(const Options& options, api::Object& lab) {
    auto flags = flags_of(lab);
    if (options.nodes != 0) {
        flags["nodes"] = options.nodes;
    }
    if (!options.name.empty()) {
        flags.emplace("nameInFile", lab.name());
    }
    for (const auto& [name, text] :
         {std::pair("name", &options.name),
          std::pair("cni", &options.cni),
          std::pair("encryption", &options.encryption),
          std::pair("proxyMode", &options.proxy_mode)}) {
        if (!text->empty()) {
            flags[name] = *text;
        }
    }
    if (!flags.empty()) {
        lab.body["metadata"]["annotations"][kFlags] = flags.dump();
    }
}

} // namespace

void override_as_running(const api::Object& running, api::Object& lab) {
    const auto flags = flags_of(running);
    Options options;
    if (api::string_at(flags, "nameInFile") == lab.name()) {
        options.name = api::string_at(flags, "name");
    }
    options.nodes = static_cast<std::size_t>(api::int_at(flags, "nodes", 0));
    options.cni = api::string_at(flags, "cni");
    options.encryption = api::string_at(flags, "encryption");
    options.proxy_mode = api::string_at(flags, "proxyMode");
    override_lab(options, lab);
}

void override_lab(const Options& options, api::Object& lab) {
    note_flags(options, lab);
    auto& spec = lab.body["spec"];
    if (!options.name.empty()) {
        lab.body["metadata"]["name"] = options.name;
    }
    if (options.nodes != 0) {
        spec["nodes"] = options.nodes;
    }
    if (!options.cni.empty()) {
        spec["cni"]["profile"] = options.cni;
        spec["cni"].erase("conflist");
    }
    if (!options.encryption.empty()) {
        spec["cni"]["encryption"] = options.encryption;
    }
    for (const auto* profile : compile::cni_profiles()) {
        if (api::string_at(lab.body, "spec.cni.profile", "bridge") == profile->name) {
            // As its plugin has it by default.
            const bool encrypted = api::string_at(lab.body, "spec.cni.encryption") == "wireguard";
            spec["cni"].emplace("overlay", encrypted ? compile::kOverlayNone : profile->overlay);
        }
    }
    if (!options.proxy_mode.empty()) {
        spec["proxy"]["mode"] = options.proxy_mode;
    }
}

std::map<std::string, std::string> exercise_variables(const std::string& path) {
    for (const auto* file : {"challenge.md", "quiz.md"}) {
        std::error_code ignored;
        if (fs::is_regular_file(fs::path(path) / file, ignored)) {
            return learn::variant_of(path, file, 0).values;
        }
    }
    return {};
}

LabInput read_lab_input(const Context& context) {
    const auto& options = context.options();
    LabInput input;
    if (options.arguments.empty() && options.files.empty()) {
        input = builtin_demo(context);
    } else if (!options.arguments.empty() && !fs::exists(options.arguments[0])) {
        const auto& name = options.arguments[0];
        const auto paths = supervisor::LabPaths::of(name);
        if (name.find('/') != std::string::npos || name.empty() || !fs::exists(paths.journal)) {
            throw netemu::UsageError(
                "no lab directory, lab file or earlier lab '" + name + "'",
                "`labctl up` without arguments brings the demo up; -f FILE takes manifests");
        }
        input = from_journal(paths);
        if (!options.files.empty()) {
            input.objects = read_objects(context, options.files);
        }
    } else {
        input = from_files(context);
    }
    override_lab(options, input.lab);
    supervisor::check_lab_name(input.lab.name());
    check_lab_config(input.lab);
    return input;
}

namespace {

std::vector<api::Object> read_with(
    const Context& context,
    const std::vector<std::string>& inputs,
    const manifest::ReadOptions& options) {
    if (inputs.empty()) {
        return {};
    }
    auto result = manifest::read_manifests(inputs, options);
    print_findings(context, result);
    note_places(result);
    return take_objects(result);
}

} // namespace

std::vector<api::Object> read_objects(
    const Context& context,
    const std::vector<std::string>& inputs,
    std::vector<std::string> known) {
    auto options = read_options(context);
    options.known_namespaces = std::move(known);
    return read_with(context, inputs, options);
}

LabInput read_lab_objects(
    const Context& context,
    const std::vector<std::string>& inputs,
    std::vector<std::string> known) {
    auto options = read_options(context);
    options.known_namespaces = std::move(known);
    auto result = manifest::read_manifests(inputs, options);
    print_findings(context, result);
    note_places(result);
    LabInput input;
    for (const auto& object : result.objects) {
        if (object.kind() == "Lab") {
            input.lab = object;
            input.has_lab = true;
            const auto directory = fs::path(object.source.file).parent_path();
            note_directory(input.lab, directory);
            add_conflist(input.lab, directory);
        }
    }
    input.objects = take_objects(result);
    return input;
}

std::vector<api::Object>
read_named_objects(const Context& context, const std::vector<std::string>& inputs) {
    auto options = read_options(context);
    options.may_create_namespaces = false;
    options.names_only = true;
    return read_with(context, inputs, options);
}

LabInput read_cluster_input(const Context& context, const std::vector<std::string>& inputs) {
    auto choices = read_options(context);
    if (choices.variables.empty()) {
        choices.variables = exercise_variables(inputs.front());
    }
    auto read = manifest::read_lab(inputs.front(), std::span(inputs).subspan(1), choices);
    print_findings(context, read.manifests);
    LabInput input;
    if (read.lab) {
        input.lab = std::move(*read.lab);
    }
    input.objects = take_objects(read.manifests);
    return input;
}

json object_entry(const api::Object& object) {
    json entry{
        {"object", object.body},
        {"source",
         {{"file", object.source.file},
          {"line", object.source.line},
          {"column", object.source.column}}}};
    if (!object.written.empty()) {
        entry["written"] = object.written;
    }
    return entry;
}

json object_entries(std::span<const api::Object> objects) {
    json list = json::array();
    for (const auto& object : objects) {
        list.push_back(object_entry(object));
    }
    return list;
}

int print_plan(const Context& context, const LabInput& input) {
    store::Store store;
    compile::Cluster cluster(store, compile::ClusterConfig::from_lab(input.lab));
    cluster.assume_ready();
    cluster.bootstrap();
    for (const auto& object : input.objects) {
        cluster.apply_object(object);
    }
    cluster.reconcile();
    const auto plan = netemu::make_plan(compile::compile_lab(store, cluster.config()), {});
    for (const auto& operation : plan.operations) {
        std::cout << netemu::describe(operation) << "\n";
    }
    std::cout << bgp_plan(store, cluster.config());
    std::string summary;
    for (const auto& [what, count] : netemu::summarize(plan)) {
        summary += (summary.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    }
    context.console().progress(std::to_string(plan.operations.size()) + " operations: " + summary);
    return 0;
}

} // namespace labctl::cli
