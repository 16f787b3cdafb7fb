#include <algorithm>
#include <array>
#include <ctime>
#include <iostream>
#include <map>

#include "labctl/cli/get_output.h"
#include "labctl/cli/objects.h"
#include "labctl/report/describe.h"
#include "labctl/report/object_order.h"
#include "labctl/report/printer.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

std::string namespace_of(const Context& context, const KindTarget& target) {
    return target.namespaced && !context.options().all_namespaces ? context.ns() : "";
}

std::vector<api::ObjectPtr>
fetch(const Context& context, Client& client, const KindTarget& target) {
    std::vector<api::ObjectPtr> objects;
    const auto ns = namespace_of(context, target);
    const auto add = [&](json body) {
        objects.push_back(std::make_shared<api::Object>(api::Object{std::move(body), {}}));
    };
    for (const auto& name : target.names) {
        add(client.request("GET", resource_path(target, ns, name)));
    }
    if (target.names.empty()) {
        auto list = client.request(
            "GET", resource_path(target, ns) + "?" + selector_query(context.options()));
        for (auto& item : list.at("items")) {
            add(std::move(item));
        }
    }
    return objects;
}

report::PrintOptions print_options(const Context& context, const GetOutput& output) {
    report::PrintOptions options;
    options.wide = output.form() == GetOutput::Form::Wide;
    options.show_namespace = context.options().all_namespaces;
    options.headers = !context.options().no_headers;
    options.show_labels = context.options().show_labels;
    for (const auto& words : context.options().label_columns) {
        for (const auto key : netemu::split(words, ',')) {
            options.label_columns.emplace_back(netemu::trim(key));
        }
    }
    options.colour = context.console().color();
    options.now = std::time(nullptr);
    return options;
}

/// What is behind each Service, if the listing shows it.
std::map<std::string, std::string>
endpoints_of(const Context& context, Client& client, const std::vector<api::ObjectPtr>& objects) {
    const bool shown = std::any_of(objects.begin(), objects.end(), [](const auto& object) {
        return object->kind() == "Service";
    });
    if (!shown || context.options().output != "wide") {
        return {};
    }
    std::vector<api::ObjectPtr> slices;
    auto list = client.request("GET", "/apis/discovery.k8s.io/v1/endpointslices");
    for (auto& item : list.at("items")) {
        slices.push_back(std::make_shared<api::Object>(api::Object{std::move(item), {}}));
    }
    return report::endpoints_by_service(slices);
}

void print_as_tables(
    const Context& context,
    Client& client,
    const std::vector<api::ObjectPtr>& objects,
    const GetOutput& output) {
    if (objects.empty()) {
        context.console().progress(
            context.options().all_namespaces
                ? "No resources found"
                : "No resources found in " + context.ns() + " namespace.");
    }
    const auto endpoints = endpoints_of(context, client, objects);
    auto options = print_options(context, output);
    options.endpoints = &endpoints;
    std::cout << report::print_tables(objects, options);
}

int watch(
    const Context& context, Client& client, const KindTarget& target, const GetOutput& output) {
    if (!context.options().sort_by.empty()) {
        context.console().warn("--watch requested, --sort-by will be ignored");
    }
    auto path = resource_path(target, namespace_of(context, target)) + "?watch=true&" +
                selector_query(context.options());
    bool headers = !context.options().no_headers;
    client.stream("GET", path, nullptr, [&](const json& line) {
        const std::vector<api::ObjectPtr> objects{
            std::make_shared<api::Object>(api::Object{line.at("object"), {}})};
        if (!target.names.empty() && objects[0]->name() != target.names[0]) {
            return true;
        }
        const bool titles = std::exchange(headers, false);
        if (output.form() == GetOutput::Form::Json) {
            std::cout << line.dump() << std::endl;
        } else if (output.table()) {
            auto options = print_options(context, output);
            options.headers = titles;
            std::cout << report::print_tables(objects, options) << std::flush;
        } else {
            const bool document = output.form() == GetOutput::Form::Yaml;
            std::cout << (document ? "---\n" : "") << output.print(objects, true, titles)
                      << std::flush;
        }
        return static_cast<bool>(std::cout);
    });
    return 0;
}

/// What is listed and is no object.
using Listing = int (*)(const Context&);
Listing listing_of(const std::string& word) {
    static const std::map<std::string, Listing> kListings{
        {"affinity", run_get_affinity},
        {"identities", run_get_identities},
        {"bgp", run_get_bgp},
        {"links", run_get_links}};
    const auto found = kListings.find(word);
    return found == kListings.end() ? nullptr : found->second;
}

/// Throws netemu::UsageError for options that do not go together, as kubectl does.
void check_options(const Options& options, const GetOutput& output) {
    if (options.show_labels && !output.table()) {
        throw netemu::UsageError(
            "--show-labels option cannot be used with " + output.name() + " printer",
            output.form() == GetOutput::Form::Json || output.form() == GetOutput::Form::Yaml
                ? "-o " + output.name() + " has the labels anyway"
                : "");
    }
}

/// The same for what is listed and is no object.
void check_listing_options(const Options& options) {
    const auto& word = options.arguments.at(0);
    if (options.show_labels || !options.label_columns.empty()) {
        throw netemu::UsageError("'" + word + "' are no objects with labels");
    }
    if (!options.sort_by.empty() || !options.field_selector.empty()) {
        throw netemu::UsageError(
            "'" + word + "' are no objects that could be selected or sorted by a field");
    }
}

/// What the lab's mesh makes of an object; null where there is none.
json mesh_of(Client& client, const api::Object& object) {
    constexpr std::array<std::string_view, 8> kOfMeshes{
        "Pod",
        "PeerAuthentication",
        "AuthorizationPolicy",
        "RequestAuthentication",
        "VirtualService",
        "DestinationRule",
        "Server",
        "AuthorizationPolicy.policy.linkerd.io"};
    if (std::find(kOfMeshes.begin(), kOfMeshes.end(), object.kind()) == kOfMeshes.end()) {
        return nullptr;
    }
    return client.request(
        "GET",
        "/apis/labctl.dev/v1/mesh?kind=" + url_encode(object.kind()) +
            "&namespace=" + url_encode(object.ns()) + "&name=" + url_encode(object.name()));
}

bool has_names(const std::vector<KindTarget>& targets) {
    return std::any_of(
        targets.begin(), targets.end(), [](const auto& target) { return !target.names.empty(); });
}

} // namespace

std::string selector_query(const Options& options) {
    return "labelSelector=" + url_encode(options.selector) +
           "&fieldSelector=" + url_encode(options.field_selector);
}

int run_get(const Context& context) {
    const auto& options = context.options();
    if (const auto listing = listing_of(options.arguments.at(0))) {
        check_listing_options(options);
        return listing(context);
    }
    const GetOutput output(options);
    check_options(options, output);
    auto client = context.client();
    const auto targets = parse_targets(client, options.arguments);
    if (!options.field_selector.empty() && has_names(targets)) {
        throw netemu::UsageError(
            "a name and --field-selector cannot be used together",
            "--field-selector metadata.name=NAME");
    }
    if (options.watch) {
        if (targets.size() != 1) {
            throw netemu::UsageError("one kind at a time can be watched");
        }
        return watch(context, client, targets[0], output);
    }
    std::vector<api::ObjectPtr> objects;
    for (const auto& target : targets) {
        for (auto& object : fetch(context, client, target)) {
            objects.push_back(std::move(object));
        }
    }
    const bool single = targets.size() == 1 && targets[0].names.size() == 1;
    if (!options.sort_by.empty() && !single) {
        report::sort_objects(objects, options.sort_by);
    }
    if (output.table()) {
        print_as_tables(context, client, objects, output);
    } else {
        std::cout << output.print(objects, single, !options.no_headers);
    }
    return 0;
}

int run_describe(const Context& context) {
    auto client = context.client();
    std::vector<api::ObjectPtr> related;
    for (const auto* word :
         {"events", "pods", "replicasets", "endpointslices", "endpoints", "services"}) {
        const json all = client.request(
            "GET",
            word == std::string_view("replicasets") ? "/apis/apps/v1/replicasets"
            : word == std::string_view("endpointslices")
                ? "/apis/discovery.k8s.io/v1/endpointslices"
                : std::string("/api/v1/") + word);
        for (const auto& item : all.at("items")) {
            related.push_back(std::make_shared<api::Object>(api::Object{item, {}}));
        }
    }
    report::DescribeOptions options;
    options.now = std::time(nullptr);
    options.related = related;
    options.identities = client.request("GET", "/apis/labctl.dev/v1/identities");
    bool first = true;
    for (const auto& target : parse_targets(client, context.options().arguments)) {
        for (const auto& object : fetch(context, client, target)) {
            options.mesh = mesh_of(client, *object);
            std::cout << (std::exchange(first, false) ? "" : "\n\n")
                      << report::describe_object(*object, options);
            if (object->kind() == "Node") {
                std::cout << bgp_of_node(client, object->name());
            }
        }
    }
    return 0;
}

} // namespace labctl::cli
