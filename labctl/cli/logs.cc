#include <iostream>

#include "labctl/cli/objects.h"
#include "netemu/base/error.h"

/// `labctl logs`: what pods printed, or which requests they served.
namespace labctl::cli {

using nlohmann::json;

namespace {

/// kubectl's, for pods that are chosen by their labels.
constexpr int kTailOfSelected = 10;

std::string tail_query(int lines) {
    return lines < 0 ? "" : "&tailLines=" + std::to_string(lines);
}

void print_log(Client& client, const std::string& path, const std::string& prefix) {
    bool fresh = true; // whether the next byte begins a line
    client.text(path, [&](std::string_view text) {
        if (prefix.empty()) {
            std::cout << text << std::flush;
            return static_cast<bool>(std::cout);
        }
        for (const char byte : text) {
            if (fresh) {
                std::cout << prefix;
            }
            std::cout << byte;
            fresh = byte == '\n';
        }
        std::cout << std::flush;
        return static_cast<bool>(std::cout);
    });
}

/// The log of BIRD on a node, a router or outside.
int print_bird_log(const Context& context, Client& client, const std::string& whose) {
    if (context.options().follow) {
        throw netemu::UsageError(
            "the log of a node or router is not followed", "leave out --follow");
    }
    const auto path = whose.starts_with("node/")
                          ? "/api/v1/nodes/" + url_encode(whose.substr(5)) + "/log?x="
                          : "/apis/labctl.dev/v1/bird-log?of=" + url_encode(whose);
    print_log(client, path + tail_query(context.options().tail), "");
    return 0;
}

std::string log_path(const Options& options, const std::string& ns, const std::string& name) {
    return "/api/v1/namespaces/" + url_encode(ns) + "/pods/" + url_encode(name) + "/log?x=" +
           (options.container.empty() ? "" : "&container=" + url_encode(options.container));
}

int print_selected(const Context& context, Client& client) {
    const auto& options = context.options();
    if (!options.arguments.empty()) {
        throw netemu::UsageError("name a pod or give -l SELECTOR, not both");
    }
    if (options.follow) {
        throw netemu::UsageError(
            "the logs of several pods are not followed", "name one of them, or leave out --follow");
    }
    const auto ns = context.ns();
    const auto pods = client.request(
        "GET", "/api/v1/namespaces/" + url_encode(ns) + "/pods?" + selector_query(options));
    if (pods.at("items").empty()) {
        context.console().warn("no pods with these labels in namespace " + ns);
    }
    for (const auto& pod : pods.at("items")) {
        const std::string name = pod.at("metadata").at("name");
        print_log(
            client,
            log_path(options, ns, name) +
                tail_query(options.tail < 0 ? kTailOfSelected : options.tail),
            options.prefix ? "[pod/" + name + "] " : "");
    }
    return 0;
}

} // namespace

int run_logs(const Context& context) {
    const auto& options = context.options();
    auto client = context.client();
    if (!options.selector.empty()) {
        return print_selected(context, client);
    }
    if (options.arguments.empty()) {
        throw netemu::UsageError("whose log?", "labctl logs POD, or -l SELECTOR");
    }
    const auto& whose = options.arguments[0];
    if (whose.starts_with("router/") || whose == "external" || whose.starts_with("node/")) {
        return print_bird_log(context, client, whose);
    }
    const auto pod = client.request(
        "GET",
        "/apis/labctl.dev/v1/pod?of=" + url_encode(whose) +
            "&namespace=" + url_encode(context.ns()));
    const std::string name = pod.at("name");
    auto path = log_path(options, pod.at("namespace"), name) + tail_query(options.tail);
    if (options.follow) {
        path += "&follow=true";
    }
    print_log(client, path, options.prefix ? "[pod/" + name + "] " : "");
    return 0;
}

} // namespace labctl::cli
