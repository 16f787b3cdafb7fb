#include <algorithm>
#include <ctime>
#include <iostream>
#include <map>

#include "labctl/cli/objects.h"
#include "labctl/manifest/yaml.h"
#include "labctl/report/describe.h"
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
            "GET",
            resource_path(target, ns) + "?labelSelector=" + url_encode(context.options().selector));
        for (auto& item : list.at("items")) {
            add(std::move(item));
        }
    }
    return objects;
}

report::PrintOptions print_options(const Context& context) {
    report::PrintOptions options;
    options.wide = context.options().output == "wide";
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

void print(
    const Context& context,
    Client& client,
    const std::vector<api::ObjectPtr>& objects,
    bool single) {
    const auto& output = context.options().output;
    if (output == "name") {
        std::cout << report::print_names(objects);
    } else if (output == "json" || output == "yaml") {
        const auto body = single ? objects.at(0)->body : report::list_object(objects);
        std::cout << (output == "json" ? body.dump(2) + "\n" : manifest::to_yaml(body));
    } else if (output == "table" || output == "wide") {
        if (objects.empty()) {
            context.console().progress(
                context.options().all_namespaces
                    ? "No resources found"
                    : "No resources found in " + context.ns() + " namespace.");
        }
        const auto endpoints = endpoints_of(context, client, objects);
        auto options = print_options(context);
        options.endpoints = &endpoints;
        std::cout << report::print_tables(objects, options);
    } else {
        throw netemu::UsageError(
            "no output format '" + output + "'", "table, wide, json, yaml or name");
    }
}

int watch(const Context& context, Client& client, const KindTarget& target) {
    auto path = resource_path(target, namespace_of(context, target)) +
                "?watch=true&labelSelector=" + url_encode(context.options().selector);
    bool headers = true;
    client.stream("GET", path, nullptr, [&](const json& line) {
        const api::ObjectPtr object =
            std::make_shared<api::Object>(api::Object{line.at("object"), {}});
        if (!target.names.empty() && object->name() != target.names[0]) {
            return true;
        }
        if (context.options().output == "json") {
            std::cout << line.dump() << std::endl;
            return true;
        }
        auto options = print_options(context);
        options.headers = std::exchange(headers, false) && options.headers;
        std::cout << report::print_tables({&object, 1}, options) << std::flush;
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
void check_label_options(const Options& options, bool objects) {
    if (!options.show_labels && options.label_columns.empty()) {
        return;
    }
    if (!objects) {
        throw netemu::UsageError("'" + options.arguments.at(0) + "' are no objects with labels");
    }
    if (options.show_labels && options.output != "table" && options.output != "wide") {
        throw netemu::UsageError(
            "--show-labels option cannot be used with " + options.output + " printer",
            options.output == "name" ? "" : "-o " + options.output + " has the labels anyway");
    }
}

} // namespace

int run_get(const Context& context) {
    const auto listing = listing_of(context.options().arguments.at(0));
    check_label_options(context.options(), listing == nullptr);
    if (listing != nullptr) {
        return listing(context);
    }
    auto client = context.client();
    const auto targets = parse_targets(client, context.options().arguments);
    if (context.options().watch) {
        if (targets.size() != 1) {
            throw netemu::UsageError("one kind at a time can be watched");
        }
        return watch(context, client, targets[0]);
    }
    std::vector<api::ObjectPtr> objects;
    for (const auto& target : targets) {
        for (auto& object : fetch(context, client, target)) {
            objects.push_back(std::move(object));
        }
    }
    print(context, client, objects, targets.size() == 1 && targets[0].names.size() == 1);
    return 0;
}

int run_describe(const Context& context) {
    auto client = context.client();
    std::vector<api::ObjectPtr> related;
    for (const auto* word : {"events", "pods", "replicasets", "endpointslices", "endpoints"}) {
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
