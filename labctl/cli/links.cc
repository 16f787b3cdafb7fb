#include <iostream>
#include <set>

#include "labctl/cli/objects.h"
#include "labctl/report/table.h"
#include "netemu/base/error.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

std::string end_name(const json& end) {
    return end.at("place").get<std::string>() + ":" + end.at("interface").get<std::string>() +
           (end.at("up").get<bool>() ? "" : " (down)");
}

/// What is done to the packets that leave by that end.
std::string impairment_of(const json& end) {
    const auto text = end.at("impairment").get<std::string>();
    return text.empty() ? "-" : text;
}

/// The devices of a topology, each once: what commands take as a target.
void print_devices(const json& list) {
    std::set<std::string> names;
    for (const auto& link : list.at("items")) {
        for (const auto* end : {"a", "b"}) {
            const auto place = link.at(end).at("place").get<std::string>();
            if (place.find('/') != std::string::npos && !place.starts_with("node/")) {
                names.insert(place);
            }
        }
    }
    for (const auto& name : names) {
        std::cout << name << "\n";
    }
}

} // namespace

int run_get_links(const Context& context) {
    auto client = context.client();
    const auto list = client.request("GET", "/apis/labctl.dev/v1/links");
    const auto& output = context.options().output;
    if (output == "json") {
        std::cout << list.dump(2) << "\n";
        return 0;
    }
    if (output == "name") {
        print_devices(list);
        return 0;
    }
    if (output != "table" && output != "wide") {
        throw netemu::UsageError("no output format '" + output + "'", "table, json or name");
    }
    auto table = report::Table::of({"A", "B", "MTU", "A TO B", "B TO A"});
    for (const auto& link : list.at("items")) {
        table.add(
            {end_name(link.at("a")),
             end_name(link.at("b")),
             link.at("mtu").dump(),
             impairment_of(link.at("a")),
             impairment_of(link.at("b"))});
    }
    std::cout << table.render();
    return 0;
}

} // namespace labctl::cli
