#include <algorithm>
#include <iostream>

#include "labctl/cli/objects.h"
#include "labctl/compile/bgp_speakers.h"
#include "labctl/report/bgp_table.h"
#include "labctl/report/table.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

constexpr const char* kBgpPath = "/apis/labctl.dev/v1/bgp";

json only_of(const json& list, const std::string& node) {
    json items = json::array();
    for (const auto& entry : list) {
        if (entry.at("node") == node) {
            items.push_back(entry);
        }
    }
    return items;
}

} // namespace

int run_get_bgp(const Context& context) {
    const auto& options = context.options();
    const bool as_json = options.output == "json";
    if (!as_json && options.output != "table" && options.output != "wide") {
        throw netemu::UsageError("no output format '" + options.output + "'", "table or json");
    }
    if (options.arguments.size() > 2) {
        throw netemu::UsageError("one speaker at a time", "labctl get bgp NODE");
    }
    auto node = options.arguments.size() == 2 ? options.arguments[1] : std::string();
    node = node.substr(node.find('/') + 1); // of node/node-1, router/leaf-1
    auto client = context.client();
    auto bgp = client.request("GET", kBgpPath);
    if (bgp.at("enabled").get<bool>() && !node.empty() &&
        only_of(bgp.at("sessions"), node).empty()) {
        (void)client.request("GET", "/api/v1/nodes/" + url_encode(node)); // says what is not there
    }
    if (!bgp.at("enabled").get<bool>()) {
        if (as_json) {
            std::cout << bgp.dump(2) << "\n";
        }
        context.console().progress("nobody speaks BGP in this lab: its routes are static");
        context.console().hint("spec.cni: {overlay: none, routing: bgp}");
        return 0;
    }
    if (as_json && !node.empty()) {
        bgp["sessions"] = only_of(bgp.at("sessions"), node);
        bgp["routes"] = only_of(bgp.at("routes"), node);
    }
    std::cout << (as_json ? bgp.dump(2) + "\n" : report::bgp_table(bgp, node));
    return 0;
}

std::string bgp_of_node(Client& client, const std::string& node) {
    const auto bgp = client.request("GET", kBgpPath);
    return bgp.at("enabled").get<bool>() ? report::describe_bgp(bgp, node) : std::string();
}

std::string bgp_plan(const store::Store& store, const compile::ClusterConfig& config) {
    std::string text;
    for (const auto& speaker : compile::bgp_speakers(store, config, {})) {
        std::vector<std::string> prefixes;
        for (const auto* list : {&speaker.pods, &speaker.services}) {
            for (const auto& prefix : *list) {
                prefixes.push_back(prefix.to_string());
            }
        }
        std::vector<std::string> peers;
        for (const auto& session : speaker.sessions) {
            peers.push_back(session.address.to_string());
        }
        text += speaker.ns + ": bird, AS " + std::to_string(speaker.as_number) +
                (speaker.reflects ? ", reflects" : "") + ", announces " +
                (prefixes.empty() ? "nothing" : netemu::join(prefixes, " ")) + " to " +
                (peers.empty() ? "nobody" : netemu::join(peers, " ")) + "\n";
    }
    return text;
}

std::string bgp_status_line(const json& status) {
    const auto bgp = status.find("bgp");
    if (bgp == status.end()) {
        return {};
    }
    return "AS " + bgp->at("asNumber").dump() + ", " + bgp->at("topology").get<std::string>() +
           ", " + bgp->at("established").dump() + " of " + bgp->at("sessions").dump() +
           " sessions established" +
           (bgp->at("converged").get<bool>() ? "" : ", routes are missing");
}

} // namespace labctl::cli
